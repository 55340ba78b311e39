"""How an error of a handler is worded: who, where in the user's own code, and what."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import threading
from typing import Any

import pytest

from stigmergy.actors.failing import pause_s, standing, worded
from stigmergy.protocols.errors import BudgetExhausted, Conflict, HandlerFailed, SwarmStopped, UsageError
from stigmergy.runtime.limited import limited


def raised(call):
    """What a call raises, and the first line of its source."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the subject of these tests
        return error, inspect.getsourcelines(call)[1]
    raise AssertionError("nothing was raised")


def wording(error):
    return str(worded("seller/pool.1", error)[0])


def sell():
    prices: dict[str, int] = {}
    return prices["apple"]


def outside():
    return json.loads("no")


def awaits_nothing():
    async def handler():
        nothing: Any = None
        await nothing

    asyncio.run(handler())


def test_an_error_names_the_line_of_the_handler_that_raised_it():
    error, first = raised(sell)
    assert wording(error) == f"seller/pool.1 at test_failing.py:{first + 2} in sell: KeyError: 'apple'"


def test_an_error_of_pythons_own_library_names_the_line_that_called_it():
    error, first = raised(outside)
    assert wording(error).startswith(
        f"seller/pool.1 at test_failing.py:{first + 1} in outside: JSONDecodeError: Expecting value"
    )


def test_an_await_of_nothing_names_its_line():
    error, first = raised(awaits_nothing)
    assert f" at test_failing.py:{first + 3} in handler: TypeError: " in wording(error)


def test_the_place_stands_before_a_text_of_many_lines_which_is_cut_where_it_is_shown():
    def handler():
        raise ValueError("one\n" + "two" * 1_000)

    assert " in handler: ValueError: one\n" in wording(raised(handler)[0])


def test_an_error_that_no_code_of_the_user_was_part_of_names_no_place():
    assert wording(ValueError("x")) == "seller/pool.1: ValueError: x"


def test_code_that_is_installed_as_a_library_names_the_line_that_was_called_first():
    source = "def inner():\n    raise ValueError('x')\n\ndef handle():\n    inner()\n"
    code = compile(source, "/somewhere/site-packages/shop.py", "exec")
    shop: dict[str, Any] = {"__name__": "shop"}
    exec(code, shop)

    def mine():
        shop["handle"]()

    error = raised(mine)[0]
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # without the frames of this test
    assert wording(error) == "seller/pool.1 at shop.py:5 in handle: ValueError: x"


def test_a_traceback_begins_with_the_first_line_of_the_users_own_code():
    async def handler():
        raise ValueError("x")

    error = raised(lambda: asyncio.run(limited(handler(), 1.0, "seller/pool.1")))[0]
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # without the frames of this test
    assert [line for line in worded("seller/pool.1", error)[1].splitlines() if line.startswith("  File")] == [
        f'  File "{__file__}", line {handler.__code__.co_firstlineno + 1}, in handler'
    ]


def test_an_error_of_ours_stays_what_it_is_and_says_where_it_happened():
    def refuse():
        raise UsageError("say more")

    error, first = raised(refuse)
    assert type(worded("seller/pool.1", error)[0]) is UsageError
    assert wording(error) == f"seller/pool.1 at test_failing.py:{first + 1} in refuse: say more"


def test_an_error_of_ours_that_no_code_of_the_user_was_part_of_is_worded_as_it_is():
    assert wording(UsageError("say more")) == "say more"


def test_of_an_error_that_is_passed_on_only_its_first_place_is_named():
    first = "clerk/1 at shop.py:7 in look: ValueError: torn"

    def pass_on():
        raise HandlerFailed(first)

    assert wording(raised(pass_on)[0]) == first


def test_a_class_of_the_users_is_named_though_it_travels_as_its_ancestor():
    class SoldOut(UsageError):
        pass

    def sell_out():
        raise SoldOut("none left")

    error, first = raised(sell_out)
    assert wording(error) == f"seller/pool.1 at test_failing.py:{first + 1} in sell_out: SoldOut: none left"


@pytest.mark.parametrize("error", [BudgetExhausted("swarm", "usd", 1.0, 0.5, 2.0), Conflict("k", 1, 2)])
def test_an_error_whose_fields_are_figures_keeps_them(error):
    def act():
        raise error

    known, trace = worded("seller/pool.1", raised(act)[0])
    assert (type(known), known.args) == (type(error), error.args)
    assert re.fullmatch(r"at test_failing.py:\d+ in act", trace)


def test_an_end_of_the_swarm_is_no_fault_of_a_handler():
    def act():
        raise SwarmStopped("the user said so", "user")

    assert wording(raised(act)[0]) == "the user said so"


def test_where_a_thread_stands_is_the_innermost_line_of_the_users_code():
    entered, leave = threading.Event(), threading.Event()

    def spin():
        entered.set()
        leave.wait()  # Python's own code waits, for this line

    thread = threading.Thread(target=spin)
    thread.start()
    entered.wait()
    found = standing(thread.ident or 0)
    leave.set()
    thread.join()
    assert re.fullmatch(r"test_failing\.py:\d+ in spin", found)
    assert standing(0) == ""


def test_who_asks_where_its_own_thread_stands_does_not_stand_still():
    assert standing(threading.get_ident()) == ""


def test_the_pause_before_another_attempt_doubles_up_to_five_seconds_however_often_a_turn_has_failed():
    assert [pause_s(failed) for failed in (1, 2, 3, 6, 7, 8, 10**6)] == [0.1, 0.2, 0.4, 3.2, 5.0, 5.0, 5.0]
