"""A real PostgreSQL server for tests: one that STIGMERGY_TEST_POSTGRES names, or one of our own.

Ours is made with the programs of this machine. It lives in a private folder, listens on a socket there
and nowhere else, and goes with it. PostgreSQL refuses to run as root, so for root it runs as another user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from stigmergy.actors.journal.postgres_place import build, options

ADMIN = "ann"
SMALL = """
max_connections = 30
shared_buffers = 8MB
dynamic_shared_memory_type = mmap
"""
ACCESS = f"""
local all {ADMIN} trust
local all all scram-sha-256
"""


class PostgresServer:
    """A server with a database for these tests. ``url`` is its administrator's."""

    def __init__(self, url: str, control: PostgresControl | None = None):
        self._admin = url
        self._control = control
        self.database = f"stigmergy_test_{uuid4().hex[:12]}"
        self.url = self.url_of(dbname=self.database)

    def ours(self) -> PostgresControl:
        """To stop and start it with; skips a test that needs a server of our own, and its rules of access."""
        if self._control is None:
            pytest.skip("the server in STIGMERGY_TEST_POSTGRES is not ours to stop or to guard")
        return self._control

    def url_of(self, **changes: str) -> str:
        """The URL with another user, password or database."""
        return build(options(self._admin) | changes)

    def execute(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement as the administrator, in the tests' database."""
        return execute(self.url, sql, *values)

    @contextmanager
    def with_database(self) -> Iterator[PostgresServer]:
        """Make the database, and drop it afterwards."""
        execute(self._admin, f"CREATE DATABASE {self.database} ENCODING UTF8 TEMPLATE template0")
        try:
            yield self
        finally:
            execute(self._admin, f"DROP DATABASE {self.database} WITH (FORCE)")


class PostgresControl:
    """The programs and the folder of a server of ours."""

    def __init__(self, programs: Path, folder: Path):
        self._programs = programs
        self._folder = folder
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if name in _users())
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.url = f"postgresql://{ADMIN}@/postgres?host={folder}"

    def create(self, more: tuple[str, ...], settings: str) -> None:
        data = self._folder / "data"
        how = ("--no-sync", "--no-locale", "--encoding=UTF8", *more, f"--username={ADMIN}", "--auth=trust")
        self._run("initdb", "--pgdata", str(data), *how)
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = ''\n{settings}unix_socket_directories = '{self._folder}'\n")
        (data / "pg_hba.conf").write_text(ACCESS)

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--pgdata", "data", "--log", str(self._folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        """``immediate`` is what a crash of the server looks like."""
        self._run("pg_ctl", "stop", "--wait", "--pgdata", "data", "--mode", mode)

    def _run(self, program: str, *arguments: str) -> None:
        # What the server inherits stays open for as long as it lives, so no pipe: nobody would see its end.
        with tempfile.TemporaryFile() as said:
            command = [str(self._programs / program), *arguments]
            done = subprocess.run(command, cwd=self._folder, stdout=said, stderr=said, **self._as)
            said.seek(0)
            assert done.returncode == 0, said.read().decode()


def execute(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


def programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


@contextmanager
def server_in(folder: Path, found: Path, *more: str, settings: str = "") -> Iterator[PostgresServer]:
    """A server of our own in ``folder``, by the programs found. ``more`` goes to initdb, ``settings`` to the server."""
    control = PostgresControl(found, folder)
    control.create(more, settings)
    control.start()
    try:
        with PostgresServer(control.url, control).with_database() as server:
            yield server
    finally:
        control.stop("immediate")


def _users() -> set[str]:
    return {user.pw_name for user in pwd.getpwall()}
