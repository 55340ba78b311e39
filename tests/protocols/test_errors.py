from __future__ import annotations

import copy
import inspect
import re

import msgpack
import pytest

from stigmergy.protocols import errors
from stigmergy.protocols.errors import (
    KINDS,
    BudgetError,
    BudgetExhausted,
    HandlerFailed,
    NoSuchAgent,
    StigmergyError,
    SwarmStopped,
    UsageError,
    pack,
    unpack,
)

CLASSES = sorted(KINDS.values(), key=lambda cls: cls.__name__)


def sample(cls: type[StigmergyError]) -> StigmergyError:
    """An error with a distinct value in every field, of the type that the field declares."""
    return cls(*(0.5 + place if declared(cls, name) == "float" else name for place, name in enumerate(cls.fields)))


def declared(cls: type[StigmergyError], name: str) -> object:
    return next((notes[name] for base in cls.__mro__ if name in (notes := inspect.get_annotations(base))), "str")


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_comes_back_from_the_wire_as_itself(cls):
    error = sample(cls)
    name, args = msgpack.unpackb(msgpack.packb(pack(error)))
    back = unpack(name, args)
    assert type(back) is cls
    assert back.args == error.args
    assert vars(back) == vars(error)
    assert str(back) == str(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_can_be_rebuilt_from_its_class_and_arguments_as_ray_does(cls):
    error = sample(cls)
    back = copy.copy(error)
    assert type(back) is cls
    assert vars(back) == vars(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_field_is_positional_and_readable_by_its_name(cls):
    error = sample(cls)
    assert tuple(getattr(error, name) for name in cls.fields) == error.args


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_says_in_its_own_words_what_it_means(cls):
    assert cls.__dict__.get("__doc__")


def test_the_tree_at_the_top_of_the_file_is_the_tree_of_the_classes():
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ((?:│   |    )*)(?:├── |└── )(\w+(?:, \w+)*)", line):
            for name in match[2].split(", "):
                path[len(match[1]) // 4 + 1 :] = [name]
                drawn[name] = path[len(match[1]) // 4]
        elif line.startswith("    Stigmergy"):
            path = [line.strip()]
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES if cls is not StigmergyError}


def test_the_message_is_what_a_reader_sees():
    assert str(NoSuchAgent("nobody answers to 'scout/1'")) == "nobody answers to 'scout/1'"
    assert str(SwarmStopped("the budget is spent", "budget")) == "the budget is spent"


def test_an_error_without_a_message_shows_its_name():
    assert str(UsageError()) == "UsageError"


def test_an_exhausted_budget_says_whose_what_how_much_and_what_to_do():
    error = BudgetExhausted("swarm/scout", "usd", 0.75, 0.5, 2.0)
    assert str(error).startswith("budget of account 'swarm/scout' exhausted: 0.75 usd asked for, 0.5 left of 2")
    assert str(error).endswith("raise the ceiling or ask for less")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (("swarm", "seconds", 0.0, 0.0, 0.2), "all 0.2 seconds are over; raise the ceiling or begin anew"),
        (("swarm", "seconds", 5.0, 2.0, 9.0), "5 seconds asked for, 2 left of 9; raise the ceiling or ask for less"),
        (
            ("swarm", "depth", 2.0, 1.0, 1.0),
            "depth 2 asked for, 1 is the deepest; raise the ceiling or turn to agents that are alive",
        ),
    ],
)
def test_time_that_is_over_and_agents_that_are_too_deep_are_said_in_words(error, said):
    assert str(BudgetExhausted(*error)) == f"budget of account 'swarm' exhausted: {said}"


def test_an_error_that_a_user_derives_travels_as_its_nearest_known_ancestor():
    class Overdrawn(BudgetExhausted):
        """Ours."""

    name, args = pack(Overdrawn("a", "usd", 1.0, 0.0, 1.0))
    assert name == "BudgetExhausted"
    assert isinstance(unpack(name, args), BudgetError)


def test_a_namesake_of_a_known_error_does_not_travel_as_that_error():
    namesake = type("MailboxFull", (Exception,), {})
    assert pack(namesake("mine")) == ("HandlerFailed", ["MailboxFull: mine"])


def test_a_foreign_exception_travels_as_a_failed_handler_that_names_it():
    error = unpack(*pack(KeyError("shelf")))
    assert isinstance(error, HandlerFailed)
    assert str(error) == "KeyError: 'shelf'"


def test_an_argument_that_is_not_plain_travels_as_its_text():
    name, args = pack(NoSuchAgent({"not": "plain"}))
    assert args == ["{'not': 'plain'}"]
    assert msgpack.packb([name, args])


def test_an_unknown_name_from_a_newer_peer_is_still_an_error_of_ours():
    error = unpack("FromTheFuture", ["later"])
    assert type(error) is StigmergyError
    assert str(error) == "later"
