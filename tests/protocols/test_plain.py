"""A message made by recipe is one that pydantic makes. The judge is `model_validate`, which never goes by recipe."""

import abc
import copy
import gc
import math
import pickle
import sys
import weakref
from types import NoneType
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    PydanticUserError,
    ValidationError,
    computed_field,
    create_model,
    field_validator,
    model_validator,
)

from stigmergy.protocols.message import Message, encode
from stigmergy.protocols.plain import MOST_FIELDS, plain_fields, read_plain

try:
    from stigmergy.protocols import _plain
except ImportError:
    _plain = None  # type: ignore[assignment]

T = TypeVar("T")


@pytest.fixture(autouse=True)
def built(require: Any) -> None:
    require(_plain is not None, "a C compiler when stigmergy is installed")


TYPES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec=None, exclude_categories=())),
    int: st.integers(),
    float: st.floats(),
    bool: st.booleans(),
    bytes: st.binary(),
}
ANYTHING = st.one_of(st.none(), *TYPES.values(), st.sampled_from(["1", "yes", 1.0, 2.5, [], {}, ()]))
NAMES = ["text", "n", "amount", "self_", "model", "x"]


def drawn(fields: dict[str, Any]) -> Any:
    """A message class with these fields: annotation and default by name."""
    return create_model("Drawn", __base__=Message, **fields)


@st.composite
def classes(draw: st.DrawFn) -> type[Message]:
    """A message class with up to six fields, with and without defaults."""
    fields: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        kind = draw(st.sampled_from(list(TYPES)))
        annotation = kind | None if draw(st.booleans()) else kind
        fields[name] = (annotation, draw(st.one_of(st.just(...), TYPES[kind])))
    made: type[Message] = drawn(fields)
    return made


@st.composite
def calls(draw: st.DrawFn) -> tuple[type[Message], dict[str, Any]]:
    """A class and keyword arguments, most of them right."""
    cls = draw(classes())
    values: dict[str, Any] = {}
    for name in draw(st.permutations(list(cls.model_fields))):
        annotation = cls.model_fields[name].annotation
        right = st.one_of([strategy for kind, strategy in TYPES.items() if annotation in (kind, kind | None)])
        what = draw(st.sampled_from(["right"] * 8 + ["anything", "missing"]))
        if what != "missing":
            values[name] = draw(right if what == "right" else ANYTHING)
    if draw(st.sampled_from([False] * 9 + [True])):
        values["alien"] = draw(ANYTHING)
    return cls, values


def look(message: BaseModel) -> list[Any]:
    """All that can be told of a message."""
    values = [(name, type(value), repr(value)) for name, value in message.__dict__.items()]
    return [
        type(message),
        values,
        message.model_fields_set,
        type(message.model_fields_set),
        message.model_extra,
        message.__pydantic_private__,
        repr(message),
        str(message),
        repr(message.model_dump()),
        repr(message.model_dump(exclude_unset=True)),
        repr(message.model_dump(exclude_defaults=True)),
    ]


def outcome(make: Any) -> list[Any]:
    """What comes of a call: a message, or the faults that were found."""
    try:
        return look(make())
    except ValidationError as error:
        return [error.title, repr(error.errors(include_url=False)), str(error)]


@given(calls())
def test_a_message_and_an_error_are_those_of_pydantic(call: tuple[type[Message], dict[str, Any]]):
    cls, values = call
    assert outcome(lambda: cls(**values)) == outcome(lambda: cls.model_validate(values))


@given(calls())
def test_it_lives_on_like_one_of_pydantic(call: tuple[type[Message], dict[str, Any]]):
    cls, values = call
    try:
        judge = cls.model_validate(values)
    except ValidationError:
        return
    message = cls(**values)
    assert (message == judge, hash(message) == hash(judge)) == (True, True)
    for again in (copy.copy(message), copy.deepcopy(message), message.model_copy()):
        assert look(again) == look(judge)
    update = dict(judge.__dict__)
    assert look(message.model_copy(update=update)) == look(judge.model_copy(update=update))
    for name in cls.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(message, name, values.get(name))
    assert look(cls(**values)) == look(judge)


class Step(Message):
    place: int
    note: str = "none"


@given(st.lists(calls(), min_size=1, max_size=4))
def test_rows_from_a_wire_become_the_messages_of_pydantic_or_are_left_to_it(drawn_calls: Any):
    cls = drawn_calls[0][0]
    rows = [values for _, values in drawn_calls]
    found = read_plain(cls, [dict(row) for row in rows])
    assert (found is not None) == all(is_as_declared(cls, row) for row in rows)
    if found is not None:
        assert [look(message) for message in found] == [look(cls.model_validate(row)) for row in rows]


def is_as_declared(cls: type[Message], row: dict[str, Any]) -> bool:
    """Whether a row has all fields in their order, each of exactly its type."""
    kinds = [field.annotation for field in cls.model_fields.values()]
    found = [type(value) for value in row.values()]
    fits = [
        kind in (one, one | None) or (one is NoneType and kind not in TYPES)
        for kind, one in zip(kinds, found, strict=False)
    ]
    finite = all(math.isfinite(value) for value in row.values() if type(value) is float)
    return list(row) == list(cls.model_fields) and finite and all(fits)


class Pair(Message):
    text: str
    share: float | None = 0.5


@pytest.mark.parametrize(
    "row",
    [
        {"share": 1.0, "text": "in another order"},
        {"text": "without the other"},
        {"text": "a", "share": 1.0, "alien": 1},
        {"text": "a", "alien": 1.0},
        {"text": "a", "share": 1},
        {"text": "a", "share": float("nan")},
        {"text": 1, "share": 1.0},
        [["text", "a"], ["share", 1.0]],
        None,
    ],
    ids=repr,
)
def test_one_row_that_is_not_as_declared_leaves_all_to_pydantic(row: Any):
    good: list[Any] = [{"text": "a", "share": None}, {"text": "b", "share": 1.0}]
    assert read_plain(Pair, [*good, row, *good]) is None
    assert read_plain(Pair, good) == [Pair(text="a", share=None), Pair(text="b", share=1.0)]
    assert read_plain(Pair, []) == []


def test_rows_are_read_by_the_rules_that_hold_now_and_leave_nothing_behind():
    class Odd(Pair):
        @field_validator("text")
        @classmethod
        def shouted(cls, text: str) -> str:
            return text.upper()

    assert read_plain(Odd, [{"text": "a", "share": None}]) is None
    with pytest.raises(TypeError):
        _plain.read(Pair, ({"text": "a", "share": None},))  # type: ignore[arg-type]
    row = {"text": "a" * 50, "share": 2.5}
    before = sys.getrefcount(Pair), sys.getrefcount(row["text"])
    for _ in range(100):
        assert read_plain(Pair, [dict(row), dict(row)]) is not None
        assert read_plain(Pair, [dict(row), {}]) is None
    gc.collect()
    assert (sys.getrefcount(Pair), sys.getrefcount(row["text"])) == before


def test_whoever_changes_the_names_of_a_messages_fields_changes_a_copy():
    one, two = Step(place=1, note="a"), Step(place=2, note="b")
    one.model_fields_set.discard("note")
    for message in (one, two, Step(place=3, note="c"), *pickle.loads(pickle.dumps([one, two]))):
        assert message.model_fields_set == {"place", "note"}
    assert one.model_dump(exclude_unset=True) == {"place": 1, "note": "a"}
    assert Step(place=2).model_fields_set == {"place"}


def test_a_recipe_decides_what_is_made():
    """The negative control: with a wrong recipe the two ways differ, so what is compared here is two ways."""

    class Odd(Message):
        n: int = 1

    slots = tuple(BaseModel.__dict__[name] for name in SLOTS)
    _plain.attach(Odd, _plain.Recipe((("n", int, False, 7),), slots, Odd.__pydantic_validator__))
    assert (Odd().n, Odd.model_validate({}).n) == (7, 1)


SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def test_plain_fields_are_those_that_are_only_a_type():
    assert plain_fields(Step) == (("place", int, False, ...), ("note", str, False, "none"))
    assert plain_fields(Message) == ()


class Nosy(Message):
    n: int

    @field_validator("n")
    @classmethod
    def small(cls, n: int) -> int:
        if n > 5:
            raise ValueError("too large")
        return n


class Whole(Message):
    n: int

    @model_validator(mode="after")
    def check(self) -> "Whole":
        if self.n > 5:
            raise ValueError("too large")
        return self


class Own(Message):
    n: int

    def __init__(self, n: int) -> None:
        super().__init__(n=n + 1)  # type: ignore[call-arg]


class Secret(Message):
    n: int
    _seen: int = PrivateAttr(default=3)


class After(Message):
    n: int

    def model_post_init(self, _context: Any, /) -> None:
        self.__dict__["n"] = self.n + 1


class Open(Message):
    model_config = ConfigDict(extra="allow")
    n: int


class Strict(Message):
    model_config = ConfigDict(str_max_length=3)
    n: str


class Boxed(Message, Generic[T]):
    n: T


class Abstract(Message, abc.ABC):
    n: int

    @abc.abstractmethod
    def act(self) -> None: ...


NOT_PLAIN = [Nosy, Whole, Own, Secret, After, Open, Strict, Boxed, Abstract]


@pytest.mark.parametrize("cls", NOT_PLAIN)
def test_a_class_that_does_more_than_hold_scalars_is_left_to_pydantic(cls: type[Message]):
    assert plain_fields(cls) is None
    assert "__stigmergy_recipe__" not in cls.__dict__


@pytest.mark.parametrize(
    "field",
    [
        (int, Field(ge=0)),
        (str, Field(max_length=3)),
        (int, Field(strict=True)),
        (int, Field(alias="other")),
        (int, Field(default_factory=lambda: 3)),
        (int, Field(default=1, validate_default=True)),
        (Annotated[float, Field(allow_inf_nan=True)], ...),
        (list[int], ...),
        (list[int], []),
        (Literal["a"], ...),
        (int | str, ...),
        (Any, ...),
        (Step, ...),
    ],
)
def test_a_field_that_is_more_than_a_scalar_is_left_to_pydantic(field: Any):
    assert plain_fields(drawn({"n": field})) is None


@pytest.mark.parametrize("field", [(int, Field(description="how many")), (int, Field(exclude=True, repr=False))])
def test_what_only_describes_a_field_does_not_matter(field: Any):
    assert plain_fields(drawn({"n": field})) == (("n", int, False, ...),)


def test_a_computed_field_does_not_matter():
    class Sum(Message):
        n: int

        @computed_field
        def twice(self) -> int:
            return 2 * self.n

    assert plain_fields(Sum) is not None
    assert look(Sum(n=2)) == look(Sum.model_validate({"n": 2}))


def test_a_class_that_derives_from_a_plain_one_keeps_its_own_rules():
    class Careful(Step):
        @field_validator("place")
        @classmethod
        def small(cls, place: int) -> int:
            return min(place, 5)

    class Longer(Step):
        more: bool

    assert Careful(place=9).place == 5
    assert look(Longer(place=1, more=True)) == look(Longer.model_validate({"place": 1, "more": True}))
    with pytest.raises(ValidationError, match="more"):
        Longer(place=1)  # type: ignore[call-arg]


def test_a_class_whose_annotation_is_known_later_is_made_quick_then():
    early = drawn({"n": ("Later", ...)})
    with pytest.raises(PydanticUserError, match="Later"):
        early(n=1)
    early.model_rebuild(_types_namespace={"Later": int})
    assert "__stigmergy_recipe__" in early.__dict__
    assert early(n=1).n == 1


def test_a_class_that_is_rebuilt_goes_by_its_new_rules():
    class Changing(Message):
        n: int

    Changing.model_fields["n"].metadata.append(Field(le=5).metadata[0])
    Changing.model_rebuild(force=True)
    with pytest.raises(ValidationError, match="less than or equal"):
        Changing(n=9)


def test_a_class_with_many_fields_is_left_to_pydantic():
    few = drawn({f"f{n}": (int, n) for n in range(MOST_FIELDS)})
    many = drawn({f"f{n}": (int, n) for n in range(MOST_FIELDS + 1)})
    assert plain_fields(few) is not None
    assert plain_fields(many) is None
    assert look(few(f3=1)) == look(few.model_validate({"f3": 1}))


def test_arguments_by_position_are_refused_as_ever():
    with pytest.raises(TypeError, match="positional"):
        Step(1)  # type: ignore[call-arg]


def test_names_need_not_be_the_same_objects():
    values: Any = {f"{'pla'}ce": 4}
    assert Step(**values).place == 4


def test_an_abstract_class_makes_nothing():
    with pytest.raises(TypeError, match="abstract"):
        Abstract(n=1)  # type: ignore[abstract]


def test_a_class_that_nobody_uses_goes():
    cls: Any = drawn({"n": (int, 3)})
    assert cls().n == 3
    watched = weakref.ref(cls)
    del cls
    gc.collect()
    assert watched() is None


def test_messages_leave_nothing_behind():
    note: Any = f"{'a'}note"
    place = 10**30
    Step(place=place, note=note)
    before = sys.getrefcount(note), sys.getrefcount(place)
    for _ in range(100):
        Step(place=place, note=note)
        with pytest.raises(ValidationError):
            Step(place=note, note=note)
    assert (sys.getrefcount(note), sys.getrefcount(place)) == before


def test_a_whole_number_as_the_default_of_a_float_is_a_float():
    half = drawn({"x": (float, 3)})
    assert plain_fields(half) == (("x", float, False, 3.0),)
    assert look(half()) == look(half.model_validate({}))


def test_equal_sets_have_the_same_bytes_however_they_came_about():
    class Numbers(Message):
        some: frozenset[int]

    one, other = frozenset([0, 8]), frozenset([8, 0])
    assert list(one) != list(other)
    assert encode(Numbers(some=one)) == encode(Numbers(some=other))
