"""The journal in memory keeps the contract, and shows every fault that a simulation wants."""

from __future__ import annotations

import pytest

from stigmergy.actors.journal import MemoryDisk, MemoryJournal
from stigmergy.protocols.errors import JournalCorrupt, JournalError
from tests.contracts.journal_contract import THREE, JournalContract, JournalStore, fill_with


class MemoryStore(JournalStore):
    def __init__(self):
        self.disk = MemoryDisk()

    def open(self):
        return MemoryJournal(self.disk)

    def crash(self):
        self.disk.crash()

    def fill(self):
        self.disk.capacity_bytes = self.disk.used_bytes()

    def free(self):
        self.disk.capacity_bytes = None

    def fail_syncs(self):
        self.disk.sync_fails = True

    def lose(self, entries: int):
        del self.disk.rows[-entries:]


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def new_store(self):
        return MemoryStore


def test_a_journal_that_crashed_cannot_write_beside_its_successor():
    disk = MemoryDisk()
    zombie = MemoryJournal(disk)
    epoch = fill_with(zombie, THREE)
    disk.crash()
    successor = MemoryJournal(disk)
    with pytest.raises(JournalError, match="closed"):
        zombie.append(THREE, 1.0, epoch)
    zombie.close()
    assert fill_with(successor, THREE) == 2
    assert successor.last_seq == 6


def test_a_bit_that_flips_in_memory_is_found():
    disk = MemoryDisk()
    journal = MemoryJournal(disk)
    fill_with(journal, THREE)
    seq, at, epoch, kind, body, crc, chain = disk.rows[1]
    disk.rows[1] = (seq, at, epoch, kind, bytes([body[0], body[1] ^ 1, *body[2:]]), crc, chain)
    with pytest.raises(JournalCorrupt, match="entry 2 is damaged"):
        list(journal.read())
    disk.crash()
    with pytest.raises(JournalCorrupt, match=r"entry 2 is damaged.*; 2 of 3 acknowledged entries cannot be read"):
        MemoryJournal(disk)


def test_journals_without_a_disk_share_nothing():
    one, other = MemoryJournal(), MemoryJournal()
    fill_with(one, THREE)
    assert (one.last_seq, other.last_seq) == (3, 0)
