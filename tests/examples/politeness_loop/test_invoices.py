"""The honest pair does real work: what is wrong on the invoices is found, and what passes is right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.politeness_loop.invoices import Invoice, Line, first_fault
from examples.politeness_loop.run import INVOICES

WRITTEN = [Invoice.model_validate(json.loads(line)) for line in INVOICES.read_text(encoding="utf-8").splitlines()]

lines = st.lists(
    st.builds(Line, item=st.just("flour"), quantity=st.integers(1, 50), price=st.integers(1, 10_000)), min_size=1
)
amounts = st.integers(0, 1_000_000)


def corrected(invoice: Invoice) -> Invoice:
    while (fault := first_fault(invoice)) is not None:
        invoice = invoice.model_copy(update={fault.sum: fault.should_be})
    return invoice


def adds_up(invoice: Invoice) -> bool:
    net = sum(line.quantity * line.price for line in invoice.lines)
    exact = net * invoice.vat_percent / 100
    return invoice.net == net and abs(invoice.vat - exact) <= 0.5 and invoice.total == invoice.net + invoice.vat


@given(lines, st.sampled_from([5, 20]), amounts, amounts, amounts)
def test_whatever_was_written_three_corrections_are_enough(items, percent, net, vat, total):
    invoice = Invoice(number="A-1", customer="c", lines=items, vat_percent=percent, net=net, vat=vat, total=total)
    assert (first_fault(invoice) is None) == adds_up(invoice)
    assert adds_up(corrected(invoice))


@pytest.mark.parametrize(("net", "vat"), [(102, 5), (110, 6), (90, 5)])
def test_half_a_cent_is_rounded_up(net, vat):
    line = Line(item="flour", quantity=1, price=net)
    invoice = Invoice(number="A-1", customer="c", lines=[line], vat_percent=5, net=net, vat=vat, total=net + vat)
    assert first_fault(invoice) is None


def test_the_batch_has_work_in_it():
    assert len({invoice.number for invoice in WRITTEN}) == len(WRITTEN) == 48
    assert sum(not adds_up(invoice) for invoice in WRITTEN) == 23
