"""A run goes on with newer code: states and messages of before are brought forward, or the kind is refused."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.protocols import Message, UsageError, upcasts
from stigmergy.protocols.errors import InvalidCard, UnknownVersion
from stigmergy.runtime import Agent, Context, State, handles
from stigmergy.runtime.agent import describe
from stigmergy.runtime.states import pack_state, read_state

from .town import Town


class Put1(Message, name="put"):
    text: str


class Said(Message):
    texts: list[str]


class Put2(Message, name="put", version=2):
    texts: list[str]

    @upcasts(1)
    @staticmethod
    def one(plain: dict[str, Any]) -> dict[str, Any]:
        return {"texts": [plain["text"]]}


class Kept1(State):
    text: str = ""


class Kept2(State, version=2):
    texts: list[str] = []

    @upcasts(1)
    @staticmethod
    def one(plain: dict[str, Any]) -> dict[str, Any]:
        return {"texts": [plain["text"]]}


class Keeper1(Agent):
    """As it was."""

    kind = "keeper"
    state: Kept1

    @handles
    def put(self, put: Put1, ctx: Context) -> Said:
        if put.text == "fail":
            raise RuntimeError("not with this code")
        self.state.text = put.text
        return Said(texts=[self.state.text])


class Keeper2(Agent):
    """As it is now."""

    kind = "keeper"
    state: Kept2

    @handles
    def put(self, put: Put2, ctx: Context) -> Said:
        self.state.texts = [*self.state.texts, *put.texts]
        return Said(texts=self.state.texts)


@pytest.fixture
async def journal(tmp_path):
    """Of a run with the old code: one state, and a dead letter of the old type."""
    async with Town(Keeper1, journal=tmp_path / "journal.db") as town:
        await town.ask("keeper/1", Put1(text="old"), Said)
        with pytest.raises(Exception, match="not with this code"):
            await town.ask("keeper/1", Put1(text="fail"), Said)
    return tmp_path / "journal.db"


async def test_states_and_messages_of_before_are_brought_forward(journal):
    async with Town(Keeper2, journal=journal, driver="again") as town:
        assert list((await town.put_back()).values()) == [""]  # a message of the old type, from the journal
        said = await town.ask("keeper/1", Put1(text="on the wire"), Said)
        assert said.texts == ["old", "fail", "on the wire"]
        assert (await town.ask("keeper/1", Put2(texts=["new"]), Said)).texts[3:] == ["new"]
    async with Town(Keeper2, journal=journal, driver="once more") as town:
        assert len((await town.ask("keeper/1", Put2(texts=[]), Said)).texts) == 4


class Renamed(State):
    words: str = ""


class Forgetful(State, version=2):
    texts: list[str] = []


def keeper(state: type[State], message: type[Message]) -> type[Agent]:
    def put(self, put, ctx):
        return Said(texts=[])

    return type(
        "Keeper",
        (Agent,),
        {"__annotations__": {"state": state}, "put": handles(message)(put), "__module__": __name__, "kind": "keeper"},
    )


class Put1Changed(Message, name="put"):
    text: str
    urgent: bool


class Other(Message):
    pass


@pytest.mark.parametrize(
    ("state", "message", "error", "said"),
    [
        (Renamed, Put1, UsageError, r"kind keeper .*: text: was removed; give the class version=2 and .*@upcasts\(1\)"),
        (Forgetful, Put1, UsageError, r"version 1 in this journal, and the class of version 2 .*@upcasts\(1\) on"),
        (Kept2, Put1Changed, InvalidCard, r"put@1: urgent: is required now.*@upcasts"),
        (Kept2, Other, InvalidCard, "put@1 is no longer accepted"),
    ],
)
async def test_a_changed_kind_that_cannot_read_the_journal_is_refused_and_the_field_named(
    journal, state, message, error, said
):
    async with Town(journal=journal, driver="again") as town:
        changed = describe(keeper(state, message), __name__, {})
        with pytest.raises(error, match=said):
            await town.request("kind", changed.to_plain())


async def test_older_code_is_refused_by_a_journal_of_newer(tmp_path):
    journal = tmp_path / "journal.db"
    async with Town(Keeper2, journal=journal) as town:
        await town.ask("keeper/1", Put2(texts=["x"]), Said)
    with pytest.raises(UsageError, match="put@2 is no longer accepted|use newer code"):
        async with Town(Keeper1, journal=journal, driver="again"):
            pass


def test_a_state_that_newer_code_wrote_is_not_guessed_at():
    data = pack_state(Kept2(texts=["a"]))
    assert read_state(Kept2, data, "keeper/1") == Kept2(texts=["a"])
    with pytest.raises(UnknownVersion, match="the state of keeper/1 has version 2, and Kept1 is version 1"):
        read_state(Kept1, data, "keeper/1")
    with pytest.raises(UsageError, match="versions count from 1"):

        class _Bad(State, version=0):
            pass
