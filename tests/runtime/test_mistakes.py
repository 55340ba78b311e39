"""What people do wrong on their first day: each mistake is told with what it is, where, and what to do."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from stigmergy.protocols import Message, Skill, skill
from stigmergy.protocols.errors import HandlerFailed, Malformed, NoSuchAgent, UsageError
from stigmergy.runtime import Agent, Context, State, Swarm, handles


class Do(Message):
    what: str = ""


class Made(Message):
    n: int = 1


async def work() -> None:
    """Is to be given to `ctx.run`, not called."""


class Novice(Agent):
    """Makes the mistake that it is asked for."""

    skills = [Skill(id="err", description="Errs")]

    @handles
    async def act(self, do: Do, ctx: Context) -> Made:
        sent: Any = {"n": 1}
        wrong: Any = None
        match do.what:
            case "returns a dict":
                wrong = {"n": 1}
            case "tells a dict":
                ctx.tell("novice", sent)
            case "posts a dict":
                ctx.post("news", sent)
            case "asks with a dict":
                await ctx.ask("novice", sent)
            case "changes a message":
                do.what = "y"
            case "writes a model":
                ctx.write("k", do)
            case "runs a call":
                await ctx.run("now", work())  # type: ignore[arg-type]
            case "writes a number as a key":
                ctx.write("k", {"of": [{5: 1}]})
            case "puts a number as a key":
                await ctx.facts.put("k", {None: 1})
            case "deposits on a number":
                ctx.deposit("t", {5: 1.0})  # type: ignore[dict-item]
            case "deposits on a number now":
                await ctx.trail("t").deposit({5: 1.0})  # type: ignore[dict-item]
            case "runs to a number as a key":
                await ctx.run("look", lambda: {5: 1})
            case "tells a class":
                ctx.tell("novice", Made)  # type: ignore[arg-type]
        return wrong  # type: ignore[no-any-return]


@pytest.fixture
async def swarm():
    async with Swarm(engine="local") as swarm:
        swarm.add(Novice)
        yield swarm


NO_MESSAGE = "is no Message: send an instance of a class of yours that derives from Message"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("returns a dict", "Novice.act returned dict, no Message: return one, or nothing"),
        ("tells a dict", f" in act: {{'n': 1}} {NO_MESSAGE}"),
        ("posts a dict", f" in act: {{'n': 1}} {NO_MESSAGE}"),
        ("asks with a dict", f" in act: {{'n': 1}} {NO_MESSAGE}"),
        ("tells a class", f" in act: the class Made {NO_MESSAGE}"),
    ],
)
async def test_what_is_no_message_is_refused_in_words(swarm, what, said):
    with pytest.raises(UsageError) as refused:
        await swarm.ask("novice", Do(what=what), reply=Made)
    assert said in str(refused.value)


async def test_a_handler_that_returns_no_message_is_named_with_its_file_and_line(swarm):
    with pytest.raises(UsageError, match=r"^novice/\S+ at test_mistakes\.py:\d+ in act: Novice\.act returned dict, no"):
        await swarm.ask("novice", Do(what="returns a dict"), reply=Made)


async def test_a_driver_that_sends_no_message_hears_it_at_once(swarm):
    for send in (lambda: swarm.ask("novice", {"n": 1}), lambda: swarm.tell("novice", {"n": 1})):
        with pytest.raises(UsageError, match=NO_MESSAGE):
            await send()


async def test_an_answer_of_another_type_says_what_to_change(swarm):
    with pytest.raises(
        Malformed, match=r"novice answered with stigmergy.Done@1, not Made@1: its handler returned noth"
    ):
        await swarm.ask("novice", Do(), reply=Made)


async def test_an_answer_that_nobody_named_says_how_to(swarm):
    class Other(Message, name="Other"):
        pass

    swarm.add(Answerer)
    with pytest.raises(Malformed, match=r"answered with Made@1, not stigmergy.Done@1: name the type with reply=Made"):
        await swarm.ask("answerer", Do())
    with pytest.raises(Malformed, match=r"answered with Made@1, not Other@1: ask with reply=Made, or return the other"):
        await swarm.ask("answerer", Do(), reply=Other)


class Answerer(Agent):
    """Answers."""

    @handles
    def act(self, do: Do) -> Made:
        return Made()


@pytest.mark.parametrize(
    ("what", "kind", "said"),
    [
        ("changes a message", HandlerFailed, " in act: ValidationError: Do: what: Instance is frozen"),
        ("writes a model", Malformed, " in act: fact 'k': cannot be encoded: can not serialize 'Do' object; plain"),
        ("runs a call", UsageError, " in act: step 'now' was given a coroutine: give it the function, not its call"),
    ],
)
async def test_what_a_handler_does_wrong_is_told_with_its_line(swarm, what, kind, said):
    with pytest.raises(kind) as failed:
        await swarm.ask("novice", Do(what=what), reply=Made)
    assert said in str(failed.value)


NUMBERS_AS_KEYS = [
    ("writes a number as a key", "fact 'k': map keys must be text, not int"),
    ("puts a number as a key", "fact 'k': map keys must be text, not NoneType"),
    ("deposits on a number", "trail 't': map keys must be text, not int"),
    ("deposits on a number now", "trail 't': map keys must be text, not int"),
    ("runs to a number as a key", "the result of step 'look': map keys must be text, not int"),
]


@pytest.mark.parametrize("options", [{}, {"durable": False}, {"durable": False, "clock": "lockstep"}], ids=str)
async def test_a_key_that_is_no_text_fails_the_turn_that_gave_it_and_nothing_else(options):
    async with Swarm(engine="local", **options) as swarm:
        swarm.add(Novice)
        for what, said in NUMBERS_AS_KEYS:
            with pytest.raises(Malformed) as failed:
                await swarm.ask("novice", Do(what=what), reply=Made)
            assert str(failed.value).endswith(f" in act: {said}")
        assert (await swarm.report()).dead_letters == {"handler failed": len(NUMBERS_AS_KEYS)}


async def test_a_key_that_is_no_text_is_refused_to_a_driver_and_its_swarm_goes_on(swarm):
    await swarm.trail("t").define()
    with pytest.raises(Malformed, match="fact 'k': map keys must be text, not int"):
        await swarm.facts.put("k", {5: 1})
    with pytest.raises(Malformed, match="trail 't': map keys must be text, not int"):
        await swarm.trail("t").deposit({5: 1.0})
    with pytest.raises(Malformed, match="the result of case 'c': map keys must be text, not int"):
        await swarm.decide("c", "happened", {5: 1})
    assert await swarm.facts.put("k", {"5": 1}) == 1


class Drawers(State):
    things: list[str] = []


class Hoarder(Agent):
    """Keeps what cannot be kept."""

    state: Drawers

    @handles
    def act(self, do: Do) -> Made:
        thing: Any = object()
        self.state.things.append(thing)
        return Made()


async def test_a_state_that_cannot_be_kept_is_named(swarm):
    swarm.add(Hoarder)
    with pytest.raises(UsageError, match="the state Drawers cannot be kept: Unable to serialize unknown type"):
        await swarm.ask("hoarder", Do())


class Page(State):
    lines: list[str] = []


class Written(Message):
    lines: list[str]


class Writer(Agent):
    """Takes its state for something else."""

    state: Page

    @handles
    def act(self, do: Do) -> Written:
        match do.what:
            case "begins":
                self.state = Page(lines=["old"])
            case "a number":
                self.state = 5  # type: ignore[assignment]
            case "the base":
                self.state = State()  # type: ignore[assignment]
            case "deletes":
                self.state.lines.append("new")
                del self.state.lines
        return Written(lines=self.state.lines)


@pytest.mark.parametrize("durable", [True, False])
async def test_a_state_that_is_replaced_by_something_else_stays_what_it_was(durable):
    async with Swarm(engine="local", durable=durable) as swarm:
        swarm.add(Writer)
        await swarm.ask("writer/ada", Do(what="begins"), reply=Written)
        for what, given in (("a number", "5"), ("the base", r"State\(\)")):
            with pytest.raises(UsageError, match=f" in act: Writer.state must be of class Page, not {given}: assign"):
                await swarm.ask("writer/ada", Do(what=what), reply=Written)
        with pytest.raises(UsageError, match=r" in act: Page.lines cannot be deleted: assign what it shall hold"):
            await swarm.ask("writer/ada", Do(what="deletes"), reply=Written)
        assert (await swarm.ask("writer/ada", Do(), reply=Written)).lines == ["old"]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_misspelt_kind_is_told_with_the_one_that_was_meant(durable):
    async with Swarm(engine="local", durable=durable) as swarm:
        for kind in (Novice, Answerer):
            swarm.add(kind)
        with pytest.raises(NoSuchAgent) as refused:
            await swarm.ask("novize", Do())
    do = "write 'novice', or add it with swarm.add() (kinds: answerer, novice)"
    assert str(refused.value) == f"no kind 'novize' in this swarm: {do}"


async def test_a_misspelt_skill_is_told_with_those_there_are(swarm):
    with pytest.raises(NoSuchAgent, match=r"nobody has the skill 'er' and accepts Do@1 \(skills: err\)"):
        await swarm.ask(skill("er"), Do())


@pytest.mark.parametrize("value", [lambda: 1, object(), {5: 1}])
async def test_settings_that_cannot_travel_are_refused_where_they_are_given(value):
    swarm = Swarm(engine="local")
    with pytest.raises(
        UsageError,
        match=r"settings\['how'\] of Novice cannot go to a host: .*; give plain data, .* make it in on_start",
    ):
        swarm.add(Novice, settings={"fine": [1, "two"], "how": value})


class Needs(State):
    n: int


class Forgetful(Agent):
    """Has a state that cannot begin."""

    state: Needs

    @handles
    def act(self, do: Do) -> Made:
        return Made()


class Twice(Agent):
    """Handles one type in two ways."""

    @handles
    def one(self, do: Do) -> Made:
        return Made()

    @handles
    def other(self, do: Do) -> Made:
        return Made()


class Crossed(Agent):
    """Takes its parameters in another order."""

    @handles
    def act(self, ctx: Context, do: Do) -> Made:
        return Made()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Forgetful, "Forgetful: Needs.n has no default"),
        (Twice, "Twice: one and other both handle Do@1; keep one, or give each a message class of its own"),
        (Crossed, r"Crossed.act: annotate 'ctx' .*; a handler takes \(self, message, ctx\)"),
    ],
)
def test_a_class_that_cannot_work_is_refused_where_it_is_added(kind, said):
    with pytest.raises(UsageError, match=said):
        Swarm(engine="local").add(kind)


@pytest.mark.parametrize("file", [None, "<stdin>"])
def test_a_class_that_no_file_holds_is_refused_where_it_is_added(monkeypatch, file):
    monkeypatch.setattr(sys.modules[__name__], "__file__", file)
    with pytest.raises(UsageError, match="Novice has no file that a host could import; put it in a module"):
        Swarm(engine="local").add(Novice)


@pytest.mark.parametrize("change", [{"turn_timeout_s": None}, {"turn_timeout_s": 0}, {"topics": "nw"}, {"topics": [5]}])
def test_a_kind_whose_option_is_of_the_wrong_sort_is_refused_where_it_is_added(change):
    ((name, _),) = change.items()
    with pytest.raises(UsageError, match=f"Answerer: {name.removesuffix('s')}.*(give|use)"):
        Swarm(engine="local").add(Answerer, **change)


@pytest.mark.parametrize("change", [{"pool": 0}, {"attempts": -1}, {"mailbox": "many"}])
def test_a_figure_that_cannot_be_is_refused(change):
    ((name, value),) = change.items()
    with pytest.raises(UsageError, match=f"Answerer: {name} is {value!r}; give a whole number from 1"):
        Swarm(engine="local").add(Answerer, **change)
