"""A journal beside a plain list: whatever is done to both, they tell the same story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stigmergy.protocols.errors import Fenced, StorageFull, UsageError

if TYPE_CHECKING:
    from stigmergy.actors.journal import Journal
    from tests.contracts.journal_contract import JournalStore

KINDS = ("facts.put", "facts.drop", "claims.take")
DATA = st.dictionaries(st.text(max_size=3), st.integers(0, 9) | st.binary(max_size=40), max_size=3)
BATCH = st.lists(st.tuples(st.sampled_from(KINDS), DATA), max_size=6)


class JournalHistory(RuleBasedStateMachine):
    """The model is a list of ``(seq, at, kind, data)`` and the newest epoch."""

    def __init__(self, store: JournalStore) -> None:
        super().__init__()
        self.store = store
        self.journal: Journal = store.open()
        self.model: list[tuple[int, float, str, dict[str, Any]]] = []
        self.epoch = 0
        self.full = False

    @rule()
    def take_epoch(self):
        self.epoch += 1
        assert self.journal.take_epoch() == self.epoch

    @precondition(lambda self: not self.full)
    @rule(batch=BATCH, at=st.floats(0, 2e9))
    def append(self, batch: list[tuple[str, dict[str, Any]]], at: float):
        first = len(self.model) + 1
        assert self.journal.append(batch, at, self.epoch) == len(self.model) + len(batch)
        self.model += [(first + index, at, kind, data) for index, (kind, data) in enumerate(batch)]

    @precondition(lambda self: self.epoch)
    @rule(batch=BATCH, behind=st.integers(1, 3))
    def append_too_late(self, batch: list[tuple[str, dict[str, Any]]], behind: int):
        with pytest.raises(Fenced):
            self.journal.append(batch, 1.0, self.epoch - behind)

    @rule(batch=BATCH)
    def append_nonsense(self, batch: list[tuple[str, dict[str, Any]]]):
        with pytest.raises(UsageError):
            self.journal.append([*batch, ("bad", {"v": object()})], 1.0, self.epoch)

    @rule(batch=BATCH)
    def run_full(self, batch: list[tuple[str, dict[str, Any]]]):
        self.store.fill()
        with pytest.raises(StorageFull):
            self.journal.append([*batch, ("note", {"text": "x" * 100_000})], 1.0, self.epoch)
        self.store.free()

    @rule()
    def close_and_open(self):
        self.journal.close()
        self.journal = self.store.open()

    @rule()
    def crash_and_open(self):
        self.store.crash()
        self.journal = self.store.open()

    @rule(after=st.integers(-1, 40), kinds=st.sampled_from(["", "facts.", ("facts.d", "claims.")]))
    def read_some(self, after: int, kinds: str | tuple[str, ...]):
        found = [(entry.seq, entry.at, entry.kind, entry.data) for entry in self.journal.read(after, kinds)]
        assert found == [row for row in self.model if row[0] > after and row[2].startswith(kinds)]

    @invariant()
    def both_tell_the_same_story(self):
        assert (self.journal.last_seq, self.journal.epoch) == (len(self.model), self.epoch)
        found = [(entry.seq, entry.at, entry.kind, entry.data) for entry in self.journal.read()]
        assert found == self.model

    def teardown(self):
        self.journal.close()
