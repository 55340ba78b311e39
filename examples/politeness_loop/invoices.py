"""The honest pair: a clerk sends invoices to an auditor, one after another, and corrects what is found.

They talk as Alice and Bob do, in turns and at length, and longer. But their conversation gets somewhere:
every invoice that passes is a new fact on the blackboard.
"""

from __future__ import annotations

from typing import Final, Literal

from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

WRITTEN: Final = "written/"
"""Facts: the invoices as they were written, by number."""
CHECKED: Final = "checked/"
"""Facts: the invoices that have passed, with how often each went to the auditor."""


class Line(Message):
    """One line of an invoice. Amounts are in cents, here and below."""

    item: str
    quantity: int
    price: int


class Invoice(Message):
    """An invoice. Its sums may be wrong."""

    number: str
    customer: str
    lines: list[Line]
    vat_percent: int
    net: int
    vat: int
    total: int


class Begin(Message):
    """Asks the clerk to have all written invoices checked."""


class Fault(Message):
    """The first sum of an invoice that is wrong, and what it should be."""

    number: str
    sum: Literal["net", "vat", "total"]
    should_be: int


class Passed(Message):
    """Everything on the invoice adds up."""

    number: str


class Desk(State):
    """What the clerk has on the desk."""

    waiting: list[str] = []
    invoice: Invoice | None = None
    checks: int = 0
    """How often this invoice went to the auditor."""


class Clerk(Agent):
    """Has the invoices audited, one after another, and corrects each until it passes."""

    emits = [Invoice]
    state: Desk

    @handles
    async def begin(self, _: Begin, ctx: Context) -> None:
        self.state.waiting = await ctx.facts.keys(WRITTEN)
        await self._take_next(ctx)

    @handles
    def correct(self, fault: Fault, ctx: Context) -> None:
        if self.state.invoice is not None:
            self._submit(self.state.invoice.model_copy(update={fault.sum: fault.should_be}), ctx)

    @handles
    async def file(self, _: Passed, ctx: Context) -> None:
        desk = self.state
        if desk.invoice is not None:
            done = {"invoice": desk.invoice.model_dump(mode="json"), "checks": desk.checks}
            ctx.write(CHECKED + desk.invoice.number, done)
        await self._take_next(ctx)

    async def _take_next(self, ctx: Context) -> None:
        desk = self.state
        desk.invoice, desk.checks = None, 0
        if desk.waiting:
            written = await ctx.facts.get(desk.waiting.pop(0))
            if written is not None:
                self._submit(Invoice.model_validate(written.value), ctx)

    def _submit(self, invoice: Invoice, ctx: Context) -> None:
        self.state.invoice = invoice
        self.state.checks += 1
        ctx.tell("auditor/1", invoice)


class Auditor(Agent):
    """Adds up every invoice again."""

    emits = [Fault, Passed]

    @handles
    def audit(self, invoice: Invoice, ctx: Context) -> None:
        fault = first_fault(invoice)
        ctx.tell(ctx.sender, fault if fault is not None else Passed(number=invoice.number))


def first_fault(invoice: Invoice) -> Fault | None:
    """The first of net, VAT and total that does not follow from what stands above it."""
    net = sum(line.quantity * line.price for line in invoice.lines)
    if invoice.net != net:
        return Fault(number=invoice.number, sum="net", should_be=net)
    vat = (net * invoice.vat_percent + 50) // 100  # half a cent is rounded up
    if invoice.vat != vat:
        return Fault(number=invoice.number, sum="vat", should_be=vat)
    if invoice.total != net + vat:
        return Fault(number=invoice.number, sum="total", should_be=net + vat)
    return None
