"""Ending a writer with kill -9, and holding its journal to what it acknowledged."""

from __future__ import annotations

from pathlib import Path

from stigmergy.actors.journal import Journal
from tests.actors.journal import programs
from tests.actors.journal.programs import entry
from tests.forking import Forker


def kill_after(forker: Forker, program: str, place: str, acks: int) -> tuple[int, int]:
    """Run a writer, kill -9 it after some acknowledgements. The last number it acknowledged, and its epoch."""
    with forker.start(Path.cwd(), [programs.__file__, program, place]) as writer:
        heard = [writer.stdout.readline() for _ in range(acks + 1)]
        writer.kill()
        heard += writer.stdout.read().splitlines()
    said = [line.split() for line in heard]
    acked = [int(number) for word, number in said if word == "acked"]
    epoch = next(int(number) for word, number in said if word == "epoch")
    return max(acked, default=0), epoch


def check(journal: Journal, acked: int) -> None:
    assert journal.last_seq >= acked
    assert [(each.kind, each.data) for each in journal.read()] == [entry(n + 1) for n in range(journal.last_seq)]
