"""SQLite alone: the same bytes as rows of one table, as many to a transaction as we commit, and as durable."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from bench.load import BODY_BYTES, POSTS_A_TURN, Load, Measure, Taken, slowest

ROWS: Final = [(b"x" * BODY_BYTES,)] * POSTS_A_TURN
COMMITS: Final = 500
"""Commits that are timed, for a 99th percentile."""


@asynccontextmanager
async def raw_sqlite(parent: Path) -> AsyncIterator[Measure]:
    """A database in a new folder below ``parent``, which goes with it."""
    with (
        tempfile.TemporaryDirectory(dir=parent) as folder,
        closing(sqlite3.connect(f"{folder}/rows.db", isolation_level=None, check_same_thread=False)) as connection,
    ):
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE post (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")

        def insert(load: Load) -> Taken:
            if load.shape == "commit":
                return slowest([commit() for _ in range(COMMITS)])
            transactions = -(-load.operations // POSTS_A_TURN)
            return Taken(transactions * POSTS_A_TURN, sum(commit() for _ in range(transactions)))

        def commit() -> float:
            began = time.perf_counter()
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO post (body) VALUES (?)", ROWS)
            connection.execute("COMMIT")
            return time.perf_counter() - began

        async def measure(load: Load) -> Taken:
            return await asyncio.to_thread(insert, load)

        yield measure
