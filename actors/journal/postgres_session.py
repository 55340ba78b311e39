"""A session with a PostgreSQL server: how it is begun, what it may wait for, and what its errors mean.

The rule of this file: no wait without an end, on either side. A server that vanished is noticed here
after 15 s, and a client whose machine vanished is noticed by the server as soon, which then lets the
next writer in (15.2 and 15.4 s, measured by taking an address away). And every error becomes one line
that says what to do, without a secret in it.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import errors as pg

from stigmergy.protocols.errors import JournalCorrupt, JournalError, StigmergyError, StorageFull, UsageError

from .port import Durability
from .postgres_place import build, options, shown

Session: TypeAlias = psycopg.Connection[tuple[Any, ...]]

VANISHED_S: Final = 15
"""After so long without a sign of life from the other side, a connection is given up; 15 s."""

_DEFAULTS: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": str(VANISHED_S * 1000),
}
"""What a URL may change: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS."""

_LIMITS: Final = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": str(VANISHED_S * 1000),  # while an answer is under way, keepalives are not sent
    "idle_session_timeout": "0",
}
"""What the server is asked for: https://www.postgresql.org/docs/current/runtime-config-connection.html."""

_OLDEST: Final = 14
"""The first version that knows them all."""

_ADVICE: Final = (
    ("password", "set PGPASSWORD, write a line in ~/.pgpass, or put user:password@ into the URL"),
    ("pg_hba.conf", "the server's administrator must let this user in from this machine"),
    ("permission denied", "its owner can GRANT CONNECT"),
    ("the database system is", "try again in a moment"),
    ('database "', "create it (createdb), or name another in the URL"),
    ('role "', "create it (createuser), or name another user in the URL"),
    ("resolve", "check the host in the URL"),
    ("", "is the server up, and are host and port right?"),
)
"""What to do about a refusal, by a word in it."""


def connect(url: str) -> Session:
    """Begin a session. Raises: UsageError."""
    known = _DEFAULTS | {"application_name": f"stigmergy, process {os.getpid()} on host {socket.gethostname():.24}"}
    try:
        session = psycopg.connect(build(known | options(url)), autocommit=True, client_encoding="utf8")
    except psycopg.Error as error:
        why = first_line(error).removeprefix("connection failed: ").removeprefix("connection is bad: ")
        advice = next(text for word, text in _ADVICE if word in why)
        raise UsageError(f"cannot open {shown(url)}: {why}; {advice}") from None
    with ExitStack() as undo:
        undo.callback(session.close)
        if (version := session.info.server_version // 10_000) < _OLDEST:
            raise UsageError(f"{shown(url)} is PostgreSQL {version}; use {_OLDEST} or newer")
        try:
            for name, value in _LIMITS.items():
                session.execute("SELECT set_config(%s, %s, false)", (name, value))
        except psycopg.Error as error:
            raise translate(error, shown(url)) from error
        undo.pop_all()
    return session


def settled(url: str) -> str:
    """The URL with all that was in use when the server answered: the password may come from ``~/.pgpass``.

    So another process, on another machine, gets in as this one did. Raises: UsageError.
    """
    session = connect(url)
    try:
        info = session.info
        found = {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
        secret = {"password": info.password} if info.password else {}
        return build(found | secret | options(url))
    finally:
        session.close()


def make_durable(session: Session, durability: Durability) -> None:
    """Have commits wait for the disk, or not. Raises: UsageError, psycopg.Error."""
    if durability == "process":
        session.execute("SET synchronous_commit = off")
        return
    settings = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    syncs, waits = session.execute(settings).fetchone() or ("", "")
    if syncs == "off":
        raise UsageError(
            "this PostgreSQL server runs with fsync = off, so nothing there survives a power failure; turn it on, "
            "or ask for less: durability 'process'"
        )
    if waits == "off":
        session.execute("SET synchronous_commit = on")


def translate(error: psycopg.Error, where: str) -> StigmergyError:
    """What an error of PostgreSQL means for a journal."""
    why = first_line(error)
    match error:
        case pg.DiskFull():
            return StorageFull(f"the server of {where} has no room ({why}): nothing was kept; free some, then go on")
        case pg.InsufficientPrivilege():
            return UsageError(f"cannot use {where}: {why}; its owner can GRANT it, see docs/postgresql.md")
        case pg.ReadOnlySqlTransaction():
            return UsageError(f"cannot write to {where}: {why}; a standby only reads, so name the primary in the URL")
        case pg.DataCorrupted() | pg.IndexCorrupted() | pg.UndefinedTable() | pg.UndefinedColumn():
            return JournalCorrupt(f"the tables of {where} are damaged ({why})")
    return JournalError(f"the server of {where} failed ({why})")


def first_line(error: psycopg.Error) -> str:
    """What is wrong; details may quote what was stored."""
    said = error.diag.message_primary or str(error) or type(error).__name__
    return said.strip().splitlines()[0].strip()
