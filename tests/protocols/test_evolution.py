"""Which changes to a message type break those who use it."""

from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import Field, create_model

from stigmergy.protocols.card import AgentCard
from stigmergy.protocols.errors import InvalidCard
from stigmergy.protocols.evolution import breaking_changes, check_successor
from stigmergy.protocols.message import Message

REWORDED: dict[str, Any] = {"title": "the same, so that the two are not simply equal"}


class Point(Message):
    x: int
    y: int = 0


class Tree(Message):
    value: int
    children: tuple["Tree", ...] = ()


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def schema(**fields: Any) -> dict[str, Any]:
    """The JSON schema of a message with these fields: ``name=type`` or ``name=(type, default)``."""
    given: dict[str, Any] = {
        name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()
    }
    made: type[Message] = create_model("Made", __base__=Message, **given)
    return made.model_json_schema()


HARMLESS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({"a": int}, {"a": int}),
    "a new optional field": ({"a": int}, {"a": int, "b": (str, "")}),
    "a new nullable field": ({"a": int}, {"a": int, "b": (str | None, None)}),
    "another default": ({"a": (int, 1)}, {"a": (int, 2)}),
    "another description": ({"a": (int, Field(description="x"))}, {"a": (int, Field(description="y"))}),
    "int to float": ({"a": int}, {"a": float}),
    "a value more": ({"a": Literal["x"]}, {"a": Literal["x", "y"]}),
    "text may be absent": ({"a": str}, {"a": str | None}),
    "a member more": ({"a": int | str}, {"a": int | str | bool}),
    "a looser bound": ({"a": (int, Field(ge=3))}, {"a": (int, Field(ge=1))}),
    "a bound goes": ({"a": (str, Field(max_length=3))}, {"a": str}),
    "a pattern goes": ({"a": (str, Field(pattern="x"))}, {"a": str}),
    "anything goes": ({"a": int}, {"a": Any}),
    "elements widen": ({"a": list[int]}, {"a": list[float]}),
    "a nested type stays": ({"a": Point}, {"a": Point}),
    "a map's values widen": ({"a": dict[str, int]}, {"a": dict[str, int | None]}),
}

BREAKING: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a required field goes": ({"a": int, "b": int}, {"a": int}, "b: was removed"),
    "an optional field goes": ({"a": int, "b": (int, 1)}, {"a": int}, "b: was removed"),
    "a new required field": ({"a": int}, {"a": int, "b": int}, "b: is required now"),
    "a required field becomes optional": ({"a": int}, {"a": (int, 1)}, "a: is no longer required"),
    "an optional field becomes required": ({"a": (int, 1)}, {"a": int}, "a: is required now"),
    "another type": ({"a": int}, {"a": str}, "a: was integer, is string now"),
    "float to int": ({"a": float}, {"a": int}, "a: was number, is integer now"),
    "a value less": ({"a": Literal["x", "y"]}, {"a": Literal["x"]}, 'a: does not take "y" any more'),
    "text becomes an enum": ({"a": str}, {"a": Colour}, "a: is limited to 2 values now"),
    "null is refused": ({"a": str | None}, {"a": str}, "a: was null, is string now"),
    "a tighter lower bound": ({"a": (int, Field(ge=1))}, {"a": (int, Field(ge=3))}, "a: minimum is 3 now, was 1"),
    "a tighter upper bound": ({"a": (str, Field(max_length=9))}, {"a": (str, Field(max_length=3))}, "maxLength is 3"),
    "a bound comes": ({"a": str}, {"a": (str, Field(max_length=3))}, "a: maxLength is 3 now, was open"),
    "a pattern changes": ({"a": (str, Field(pattern="x"))}, {"a": (str, Field(pattern="y"))}, "a: pattern is 'y' now"),
    "anything becomes something": ({"a": Any}, {"a": int}, "a: was anything, is integer now"),
    "elements narrow": ({"a": list[float]}, {"a": list[int]}, r"a\[\]: was number, is integer now"),
    "a tuple grows": ({"a": tuple[int, int]}, {"a": tuple[int, int, int]}, "a: "),
    "a map's values narrow": ({"a": dict[str, float]}, {"a": dict[str, int]}, r"a\.\*: was number"),
    "an enum loses a value": ({"a": Colour}, {"a": Literal["red"]}, "a: does not take"),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_these_changes_break_nobody(case: str) -> None:
    old, new = HARMLESS[case]
    assert breaking_changes(schema(**old), schema(**new)) == []


@pytest.mark.parametrize("case", BREAKING)
def test_these_changes_break_somebody_and_the_field_is_named(case: str) -> None:
    old, new, message = BREAKING[case]
    problems = breaking_changes(schema(**old), schema(**new))
    assert problems
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("; ".join(problems))


def test_a_change_deep_inside_a_referenced_type_is_found_with_its_path() -> None:
    class Inner(Message):
        z: int

    class Outer(Message):
        points: list[Inner]

    old = Outer.model_json_schema()
    new = Outer.model_json_schema()
    new["$defs"]["Inner"]["properties"]["z"]["type"] = "string"
    assert breaking_changes(old, new) == ["points[].z: was integer, is string now"]


def test_a_recursive_type_is_compared_to_its_end() -> None:
    old, new = Tree.model_json_schema(), Tree.model_json_schema()
    assert breaking_changes(old, new | REWORDED) == []
    new["$defs"]["Tree"]["properties"]["value"]["type"] = "string"
    assert breaking_changes(old, new) == ["value: was integer, is string now"]


def test_what_was_judged_while_a_circle_was_open_is_judged_again_when_the_circle_breaks() -> None:
    def circle(z: str, p: dict[str, Any]) -> dict[str, Any]:
        first: dict[str, Any] = {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}, "z": {"type": z}}}
        second = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}
        fields = {"p": p, "q": {"$ref": "#/$defs/B"}}
        return {"type": "object", "properties": fields, "$defs": {"A": first, "B": second}}

    old = circle("integer", {"properties": {"x": {"$ref": "#/$defs/A"}}})
    new = circle(
        "string", {"anyOf": [{"properties": {"x": {"$ref": "#/$defs/A"}}}, {}]}
    )  # p takes anything now, q does not
    assert breaking_changes(old, new) == ["q.a.z: was integer, is string now"]


def test_a_keyword_that_cannot_be_judged_may_stay_but_not_change() -> None:
    old = {"type": "object", "patternProperties": {"^x": {"type": "string"}}}
    assert breaking_changes(old, old | REWORDED) == []
    assert breaking_changes(old, {"type": "object", "not": {}})
    same_text = {"allOf": [{"$ref": "#/$defs/T"}]}
    assert breaking_changes(
        same_text | {"$defs": {"T": {"type": "string"}}}, same_text | {"$defs": {"T": {"type": "integer"}}}
    )


# --- hostile schemas ------------------------------------------------------------------------------------------------


def doubling(levels: int) -> dict[str, Any]:
    """Few bytes that unfold to 2 ** levels alternatives."""
    defs = {f"T{n}": {"anyOf": [{"$ref": f"#/$defs/T{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/T0", "$defs": defs | {f"T{levels}": {"type": "string"}}}


def chain(length: int) -> dict[str, Any]:
    """A linked list of types, each an array of the next."""
    defs = {f"T{n}": {"type": "array", "items": {"$ref": f"#/$defs/T{n + 1}"}} for n in range(length)}
    return {"$ref": "#/$defs/T0", "$defs": defs | {f"T{length}": {"type": "string"}}}


@pytest.mark.parametrize(
    "hostile",
    [
        doubling(64),
        chain(5_000),
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/A"},
        {"$ref": "https://example.com/schema.json"},
        {"properties": []},
        {"properties": {"a": 7}},
        {"required": "a"},
    ],
)
def test_a_hostile_schema_gives_a_typed_error_in_bounded_work(hostile: dict[str, Any]) -> None:
    with pytest.raises(InvalidCard):
        breaking_changes(hostile, hostile | REWORDED)


def test_a_union_that_contains_itself_ends() -> None:
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}}
    assert breaking_changes(loop, loop | REWORDED) == []


# --- cards ----------------------------------------------------------------------------------------------------------


class Ping(Message, name="ping"):
    text: str


class PingWithMore(Message, name="ping"):
    text: str
    limit: int = 3


class PingWithoutText(Message, name="ping"):
    limit: int = 3


class SecondPing(Message, name="ping", version=2):
    limit: int


def card(**declared: Any) -> AgentCard:
    return AgentCard.for_kind("k", "x", **declared)


def test_a_card_may_follow_one_whose_messages_it_still_takes() -> None:
    check_successor(card(accepts=[Ping]), card(accepts=[PingWithMore]))
    check_successor(card(accepts=[Ping]), card(accepts=[Ping, SecondPing]))
    check_successor(card(emits=[Ping]), card())


def test_a_card_may_not_change_a_type_under_its_version() -> None:
    with pytest.raises(InvalidCard, match="ping@1: text: was removed; keep the old type and give the changed one"):
        check_successor(card(accepts=[Ping]), card(accepts=[PingWithoutText]))
    with pytest.raises(InvalidCard, match="ping@1: text: was removed"):
        check_successor(card(emits=[Ping]), card(emits=[PingWithoutText]))


def test_a_type_that_was_accepted_stays_accepted_because_messages_of_it_may_be_waiting() -> None:
    with pytest.raises(InvalidCard, match="ping@1 is no longer accepted"):
        check_successor(card(accepts=[Ping]), card(accepts=[SecondPing]))
