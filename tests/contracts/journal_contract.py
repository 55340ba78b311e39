"""What every journal must do, as tests that run against any store.

To check a store of your own: describe it as a `JournalStore`, and subclass `JournalContract` with a
fixture ``new_store`` that makes fresh ones. Faults that a store cannot show are skipped.

    class PaperStore(JournalStore): ...

    class TestPaperJournal(JournalContract):
        @pytest.fixture
        def new_store(self, tmp_path): return lambda: PaperStore(tmp_path / uuid4().hex)
"""

from __future__ import annotations

import enum
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from stigmergy.actors.journal import Batch, Entry, Journal
from stigmergy.protocols.errors import Fenced, JournalCorrupt, JournalError, JournalLocked, StorageFull, UsageError
from tests.contracts.journal_history import JournalHistory


class JournalStore(ABC):
    """One journal that can be opened again and again, and the faults that its store can show."""

    @abstractmethod
    def open(self) -> Journal:
        """Open the journal, always the same one."""

    def crash(self) -> None:
        """End whoever has the journal open, without letting it close."""
        pytest.skip("this store cannot crash in a test")

    def fill(self) -> None:
        """From now on there is no room for 100 kB in the open journal."""
        pytest.skip("this store cannot be filled in a test")

    def free(self) -> None:
        """Make room again."""
        pytest.skip("this store cannot be freed in a test")

    def fail_syncs(self) -> None:
        """From now on every sync fails."""
        pytest.skip("this store cannot fail to sync in a test")

    def lose(self, entries: int) -> None:
        """Drop the last entries of the closed journal behind its back."""
        pytest.skip("this store cannot lose entries in a test")


NewStore = Callable[[], JournalStore]
ONE: Batch = [("facts.put", {"key": "sky", "value": "blue"})]
THREE: Batch = [("facts.put", {"n": 1}), ("claims.take", {"n": 2}), ("facts.drop", {"n": 3})]
BIG: Batch = [("note", {"text": "x" * 100_000})]
TWO_TO_64 = 2**64


class Colour(enum.StrEnum):
    RED = "red"


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=TWO_TO_64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

UNSTORABLE: dict[str, Any] = {
    "a tuple": {"v": (1, 2)},
    "a set": {"v": {1}},
    "an object": {"v": object()},
    "an enum": {"v": Colour.RED},
    "an int beyond 64 bits": {"v": TWO_TO_64},
    "a lone surrogate": {"v": "\ud800"},
    "a tuple as a key": {(1, 2): "v"},
    "nested 2,000 deep": nested(2000),
    "a list instead of a dict": ["v"],
    "nothing instead of a dict": None,
}


def fill_with(journal: Journal, *batches: Batch) -> int:
    """Take an epoch and append the batches."""
    epoch = journal.take_epoch()
    for batch in batches:
        journal.append(batch, 1.5, epoch)
    return epoch


def content(journal: Journal, **only: Any) -> list[tuple[int, str, dict[str, Any]]]:
    return [(entry.seq, entry.kind, entry.data) for entry in journal.read(**only)]


class JournalContract:
    """The promises of `Journal`, one test each."""

    HISTORIES = 0.25
    """Of a profile's examples, so many are whole histories; a store where each step is a call away takes fewer."""

    @pytest.fixture
    def new_store(self) -> NewStore:
        raise NotImplementedError("override the fixture new_store")

    @pytest.fixture
    def store(self, new_store: NewStore) -> JournalStore:
        return new_store()

    @pytest.fixture
    def journal(self, store: JournalStore):
        journal = store.open()
        yield journal
        journal.close()

    def test_a_new_journal_is_empty(self, journal: Journal):
        assert (journal.last_seq, journal.epoch, list(journal.read())) == (0, 0, [])

    def test_entries_are_numbered_from_one_and_come_back_as_they_were(self, journal: Journal):
        epoch = journal.take_epoch()
        assert journal.append(ONE, 1.5, epoch) == 1
        assert journal.append(THREE, 2.5, epoch) == 4
        assert list(journal.read()) == [
            Entry(1, 1.5, "facts.put", {"key": "sky", "value": "blue"}),
            Entry(2, 2.5, "facts.put", {"n": 1}),
            Entry(3, 2.5, "claims.take", {"n": 2}),
            Entry(4, 2.5, "facts.drop", {"n": 3}),
        ]

    def test_an_empty_batch_writes_nothing(self, journal: Journal):
        epoch = fill_with(journal, ONE)
        digest = journal.digest()
        assert journal.append([], 9.0, epoch) == 1
        assert (journal.last_seq, journal.digest()) == (1, digest)

    def test_any_plain_data_comes_back_equal_and_of_the_same_types(self, journal: Journal):
        @given(data=st.dictionaries(st.text(), PLAIN, max_size=5), at=st.floats(allow_nan=False, allow_infinity=False))
        def comes_back(data: dict[str, Any], at: float):
            seq = journal.append([("any", data)], at, journal.take_epoch())
            (entry,) = journal.read(after=seq - 1)
            assert repr(entry.data) == repr(data)
            assert entry.at == at

        comes_back()

    def test_what_is_no_number_comes_back_as_no_number(self, journal: Journal):
        fill_with(journal, [("n", {"v": [math.nan, math.inf, -math.inf]})])
        (entry,) = journal.read()
        assert repr(entry.data["v"]) == "[nan, inf, -inf]"

    @pytest.mark.parametrize("what", UNSTORABLE)
    def test_a_batch_with_data_that_would_not_come_back_is_refused_whole(self, journal: Journal, what: str):
        epoch = fill_with(journal, ONE)
        before = content(journal), journal.digest()
        with pytest.raises(UsageError, match="pair 1 of the batch"):
            journal.append([("good", {"v": 1}), ("bad", UNSTORABLE[what])], 1.0, epoch)
        assert (content(journal), journal.digest()) == before
        assert journal.append(ONE, 1.0, epoch) == 2

    @pytest.mark.parametrize("kind", ["", "k" * 129, "a\0b", b"bytes", None, 7, Colour.RED])
    def test_a_kind_that_is_no_short_text_is_refused(self, journal: Journal, kind: Any):
        with pytest.raises(UsageError):
            journal.append([(kind, {})], 1.0, journal.take_epoch())
        assert journal.last_seq == 0

    @pytest.mark.parametrize("at", [math.nan, math.inf, None, "now", True])
    def test_a_time_that_is_no_time_is_refused(self, journal: Journal, at: Any):
        with pytest.raises(UsageError):
            journal.append(ONE, at, journal.take_epoch())
        assert journal.last_seq == 0

    def test_reading_starts_after_what_the_reader_knows(self, journal: Journal):
        fill_with(journal, THREE, THREE)
        assert [entry.seq for entry in journal.read(after=4)] == [5, 6]
        assert [entry.seq for entry in journal.read(after=-3)] == [1, 2, 3, 4, 5, 6]
        assert list(journal.read(after=6)) == list(journal.read(after=2**70)) == []

    def test_kinds_are_chosen_by_prefix(self, journal: Journal):
        fill_with(journal, THREE, ONE)
        assert [entry.seq for entry in journal.read(kinds="facts.")] == [1, 3, 4]
        assert [entry.seq for entry in journal.read(kinds=("claims.", "facts.d"))] == [2, 3]
        assert [entry.seq for entry in journal.read(after=1, kinds="facts.")] == [3, 4]
        assert list(journal.read(kinds="nothing")) == []

    def test_reading_ends_where_the_journal_ended_when_it_began(self, journal: Journal):
        epoch = fill_with(journal, THREE)
        reading = journal.read()
        first = next(reading)
        journal.append(ONE, 1.0, epoch)
        assert [first.seq, *(entry.seq for entry in reading)] == [1, 2, 3]

    def test_a_long_history_is_read_while_it_grows(self, journal: Journal):
        epoch = fill_with(journal, [("n", {"n": n}) for n in range(700)])
        seen = 0
        for entry in journal.read():
            assert entry.data == {"n": seen}
            seen += 1
            if seen % 100 == 0:
                journal.append(ONE, 1.0, epoch)
        assert (seen, journal.last_seq) == (700, 707)

    def test_everything_is_there_after_closing_and_opening(self, store: JournalStore):
        journal = store.open()
        fill_with(journal, ONE, THREE)
        before = list(journal.read()), journal.last_seq, journal.epoch, journal.digest()
        journal.close()
        journal = store.open()
        assert (list(journal.read()), journal.last_seq, journal.epoch, journal.digest()) == before
        assert journal.append(ONE, 1.0, journal.take_epoch()) == 5
        journal.close()

    def test_everything_acknowledged_is_there_after_a_crash(self, store: JournalStore, journal: Journal):
        fill_with(journal, ONE, THREE)
        before = list(journal.read()), journal.digest(), journal.epoch
        store.crash()
        journal = store.open()
        assert (list(journal.read()), journal.digest(), journal.epoch) == before
        journal.close()

    def test_the_digest_is_the_same_in_every_store(self, journal: Journal):
        assert journal.digest() == "0" * 32
        fill_with(journal, ONE, THREE)
        assert journal.digest() == "fc1de873d9d4516900ef51ee0f5b1324"

    def test_the_digest_knows_neither_time_nor_epoch_nor_batches(self, new_store: NewStore):
        one, other = new_store().open(), new_store().open()
        fill_with(one, THREE, ONE)
        for at, pair in enumerate([*THREE, *ONE]):
            other.append([pair], 100.0 + at, other.take_epoch())
        assert one.digest() == other.digest()
        one.close()
        other.close()

    @pytest.mark.parametrize(
        "other",
        [
            THREE[:2],
            [*THREE[1:], THREE[0]],
            [*THREE[:2], ("facts.dro", {"n": 3})],
            [*THREE[:2], ("facts.drop", {"n": 4})],
        ],
        ids=["fewer", "another order", "another kind", "other data"],
    )
    def test_the_digest_knows_every_other_difference(self, new_store: NewStore, other: Batch):
        one, two = new_store().open(), new_store().open()
        fill_with(one, THREE)
        fill_with(two, other)
        assert one.digest() != two.digest()
        one.close()
        two.close()

    def test_each_epoch_is_given_once_whatever_happens_in_between(self, store: JournalStore, journal: Journal):
        assert [journal.take_epoch(), journal.take_epoch()] == [1, 2]
        journal.close()
        journal = store.open()
        assert (journal.epoch, journal.take_epoch()) == (2, 3)
        store.crash()
        journal = store.open()
        assert (journal.epoch, journal.take_epoch()) == (3, 4)
        journal.close()

    def test_a_writer_that_was_succeeded_is_refused(self, journal: Journal):
        old = fill_with(journal, ONE)
        new = journal.take_epoch()
        for batch in (ONE, []):
            with pytest.raises(Fenced, match="epoch 1 was succeeded by epoch 2"):
                journal.append(batch, 1.0, old)
        assert journal.last_seq == 1
        assert journal.append(ONE, 1.0, new) == 2

    def test_an_epoch_that_nobody_took_is_refused(self, journal: Journal):
        epoch = journal.take_epoch()
        with pytest.raises(UsageError, match="take_epoch"):
            journal.append(ONE, 1.0, epoch + 1)
        assert journal.last_seq == 0

    def test_a_second_writer_waits_until_the_first_has_closed(self, store: JournalStore):
        first = store.open()
        with pytest.raises(JournalLocked):
            store.open()
        assert first.append(ONE, 1.0, first.take_epoch()) == 1
        first.close()
        second = store.open()
        assert second.last_seq == 1
        second.close()

    def test_a_closed_journal_says_so(self, store: JournalStore):
        journal = store.open()
        epoch = fill_with(journal, ONE)
        digest = journal.digest()
        journal.close()
        journal.close()
        for use in (journal.read, journal.take_epoch, lambda: journal.append(ONE, 1.0, epoch)):
            with pytest.raises(JournalError, match="closed"):
                use()
        assert (journal.last_seq, journal.epoch, journal.digest()) == (1, epoch, digest)

    def test_a_full_disk_refuses_the_batch_whole_and_takes_the_next_one_once_there_is_room(
        self, store: JournalStore, journal: Journal
    ):
        epoch = fill_with(journal, THREE)
        before = list(journal.read()), journal.digest()
        store.fill()
        for _ in range(3):
            with pytest.raises(StorageFull):
                journal.append([*ONE, *BIG], 1.0, epoch)
        assert (list(journal.read()), journal.digest()) == before
        store.free()
        assert journal.append([*ONE, *BIG], 1.0, epoch) == 5
        journal.close()
        journal = store.open()
        assert journal.last_seq == 5
        journal.close()

    def test_after_a_failed_sync_the_journal_only_reads(self, store: JournalStore, journal: Journal):
        epoch = fill_with(journal, THREE)
        before = list(journal.read())
        store.fail_syncs()
        for use in (
            lambda: journal.append(ONE, 1.0, epoch),
            lambda: journal.append(ONE, 1.0, epoch),
            journal.take_epoch,
        ):
            with pytest.raises(JournalError, match="read-only"):
                use()
        assert list(journal.read()) == before
        journal.close()

    def test_a_lost_tail_is_reported_with_its_length(self, store: JournalStore, journal: Journal):
        fill_with(journal, THREE, THREE)
        journal.close()
        store.lose(2)
        with pytest.raises(JournalCorrupt, match="the last 2 of 6 acknowledged entries are missing"):
            store.open()

    def test_any_history_is_that_of_a_plain_list(self, new_store: NewStore):
        run_state_machine_as_test(
            lambda: JournalHistory(new_store()),  # type: ignore[arg-type]  # a factory will do, says its docstring
            settings=settings(
                max_examples=int(settings().max_examples * self.HISTORIES),
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
            ),
        )
