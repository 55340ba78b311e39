"""Our journals alone, without a swarm: what an append costs, with its checksum and its link in the hash chain.

Also who is measured in PostgreSQL: a server of its own for each, as a package sets it up, on the disk of the others.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from bench.load import POSTS_A_TURN, TEXT, Load, Measure, Taken
from bench.ours import fleet
from stigmergy.actors.journal.places import store_of
from tests.postgres_server import programs, server_in

BATCH = [("topics.post", {"text": TEXT, "n": number}) for number in range(POSTS_A_TURN)]


@asynccontextmanager
async def sqlite_journal(parent: Path) -> AsyncIterator[Measure]:
    """A journal in a new folder below ``parent``, which goes with it."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        async with _journal(f"{folder}/journal.db") as measure:
            yield measure


@asynccontextmanager
async def postgres_journal(parent: Path, versions: dict[str, str]) -> AsyncIterator[Measure]:
    """A journal on a new server."""
    with _server(parent, versions) as url:
        async with _journal(f"{url}#bench") as measure:
            yield measure


@asynccontextmanager
async def postgres_fleet(parent: Path, versions: dict[str, str]) -> AsyncIterator[Measure]:
    """A swarm on the local engine whose journal is on a new server."""
    with _server(parent, versions) as url:
        async with fleet("local", url) as measure:
            yield measure


@asynccontextmanager
async def _journal(place: str) -> AsyncIterator[Measure]:
    with closing(store_of(place).open(place)) as journal:
        epoch = journal.take_epoch()

        def append(load: Load) -> Taken:
            batches = -(-load.operations // POSTS_A_TURN)
            before, began = journal.last_seq, time.perf_counter()
            for _ in range(batches):
                journal.append(BATCH, time.time(), epoch)
            seconds = time.perf_counter() - began
            return Taken(journal.last_seq - before, seconds)

        async def measure(load: Load) -> Taken:
            return await asyncio.to_thread(append, load)

        yield measure


@contextmanager
def _server(parent: Path, versions: dict[str, str]) -> Iterator[str]:
    found = programs()
    if found is None:
        raise RuntimeError("there is no PostgreSQL here: apt-get install postgresql")
    parent.chmod(0o711)  # for root, the server runs as somebody else
    with tempfile.TemporaryDirectory(dir=parent) as folder, server_in(Path(folder), found) as server:
        ((versions["postgresql"],),) = server.execute("SHOW server_version")
        yield server.url
