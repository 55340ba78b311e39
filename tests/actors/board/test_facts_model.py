"""Facts under random commands, against a plain dict, and against the replay of their own entries."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stigmergy.actors.board.facts import RECALL, Facts, Put, Written
from stigmergy.protocols.errors import Conflict
from tests.actors.board.entries import Entries
from tests.depth import depth

KEYS = ("a", "a/1", "a/2", "b")


class FactsAgainstAModel(RuleBasedStateMachine):
    """Random commands against a plain dict; at every step the replayed entries give the same state."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = Entries()
        self.facts = Facts(self.entries)
        self.values: dict[str, tuple[int, int]] = {}
        self.versions: dict[str, int] = {}
        self.history: dict[str, list[int]] = {}
        self.ops: dict[str, list[int]] = {}
        self.count = 0

    def _op(self) -> str:
        self.count += 1
        return f"turn{self.count // 3}:{self.count}"

    def _put(self, key: str, value: int) -> bool:
        self.versions[key] = self.versions.get(key, 0) + 1
        self.values[key] = (value, self.versions[key])
        seen = self.history.setdefault(key, [])
        news = value not in seen
        self.history[key] = [*(v for v in seen if v != value), value][-RECALL:]
        return news

    @rule(key=st.sampled_from(KEYS), value=st.integers(0, 12), expect=st.none() | st.integers(0, 6))
    def put(self, key: str, value: int, expect: int | None) -> None:
        op, version = self._op(), self.values.get(key, (0, 0))[1]
        if expect not in (None, version):
            with pytest.raises(Conflict):
                self.facts.put(key, value, "w/1", op, expect=expect)
            return
        written = self.facts.put(key, value, "w/1", op, expect=expect)
        assert written.news == self._put(key, value)
        assert written.version == self.versions[key]
        self.ops[op] = [written.version]

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=4), value=st.integers(0, 12))
    def put_many(self, keys: list[str], value: int) -> None:
        op = self._op()
        written = self.facts.write([Put(key, value) for key in keys], "w/2", op)
        assert written == [Written(news=self._put(key, value), version=self.versions[key]) for key in keys]
        self.ops[op] = [w.version for w in written]

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        op = self._op()
        written = self.facts.delete(key, "w/1", op)
        if self.values.pop(key, None):
            self.versions[key] += 1
        assert written == Written(self.versions.get(key, 0), news=False)
        self.ops[op] = [written.version]

    @precondition(lambda self: self.ops)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        op = data.draw(st.sampled_from(sorted(self.ops)))
        written = self.facts.write([Put("b", -1, expect=99)], "w/3", op)
        assert written == [Written(version, news=False) for version in self.ops[op]]

    @precondition(lambda self: self.ops)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        turn = data.draw(st.sampled_from(sorted(self.ops))).partition(":")[0]
        self.facts.forget([turn])
        self.ops = {op: versions for op, versions in self.ops.items() if op.partition(":")[0] != turn}

    @rule(prefix=st.sampled_from(["", "a", "a/", "c"]))
    def list_keys(self, prefix: str) -> None:
        assert self.facts.keys(prefix) == sorted(key for key in self.values if key.startswith(prefix))

    @invariant()
    def it_is_the_model_and_the_fold_of_its_entries(self) -> None:
        assert {k: (f.value, f.version) for k in KEYS if (f := self.facts.get(k))} == self.values
        assert len(self.facts) == len(self.values)
        state = self.facts.snapshot()
        assert self.entries.replay(Facts(Entries())).snapshot() == state
        restored = Facts(Entries())
        restored.apply("facts.restore", state)
        assert restored.snapshot() == state
        assert restored.keys() == sorted(self.values)


TestFactsAgainstAModel = FactsAgainstAModel.TestCase
TestFactsAgainstAModel.settings = settings(stateful_step_count=depth(16, 25))
