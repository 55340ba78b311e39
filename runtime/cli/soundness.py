"""Soundness: which of many runs have a damaged journal.

The rule of this file: a list of runs is there at once. The newest journals are read whole, 16 MiB in all, a matter of
0.2 s; of older ones only what their files show without being read. A journal on a server is left to who opens it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from stigmergy.actors.journal.files import Files
from stigmergy.actors.journal.glance import glance
from stigmergy.actors.journal.places import is_server, of_shard
from stigmergy.protocols.errors import JournalError, NoJournal, UsageError

from ..run_folder import RunFolder

WHOLE_BYTES = 16 * 2**20
"""How much is read whole."""


def damages(runs: Iterable[RunFolder]) -> dict[str, str]:
    """What is wrong with the journals of ended runs, by path of the run; ``runs`` with the newest first."""
    left, found = WHOLE_BYTES, {}
    for run in runs:
        if is_server(run.place):
            continue
        try:
            journals = [Files.at(of_shard(run.place, shard)) for shard in range(run.shards)]
            left -= sum(_size(files.database) + _size(files.wal) for files in journals)
            damage = _read(run) if left >= 0 else next(filter(None, map(glance, journals)), "")
        except (JournalError, UsageError, OSError) as why:  # such as a folder in its place, or a disk that fails
            damage = str(why)
        if damage:
            found[str(run.path)] = damage
    return found


def _read(run: RunFolder) -> str:
    try:
        with closing(run.view(intact_prefix=True)) as journal:
            return journal.damage
    except NoJournal:
        return ""


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
