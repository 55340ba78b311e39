"""PostgreSQL as a store of journals: what can be done with one by its place alone.

The rule of this file: each question is a session of its own, which ends with the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import psycopg

from stigmergy.protocols.errors import JournalError

from . import postgres_tables as tables
from .port import Entry
from .postgres import PostgresJournal
from .postgres_place import Place
from .postgres_session import Session, connect, settled, translate
from .view import ReadOnlyJournal

T = TypeVar("T")


class PostgresStore:
    """The `Store` of one or many PostgreSQL servers. A place for `shown` and `settled` need not name a run."""

    def open(self, place: str, durability: str = "fsync") -> PostgresJournal:
        """See `Store.open`."""
        return PostgresJournal.open(place, durability=durability)

    def view(self, place: str, *, intact_prefix: bool = False) -> ReadOnlyJournal:
        """See `Store.view`."""
        return PostgresJournal.open_readonly(place, intact_prefix=intact_prefix)

    def has(self, place: str, wanted: Callable[[Entry], bool]) -> bool:
        """See `Store.has`."""

        def found(session: Session, name: str) -> bool:
            run = tables.find_run(session, name)
            return run is not None and any(map(wanted, tables.read(session, run.id, 0, sys.maxsize, "")))

        try:
            return _ask(place, found)
        except JournalError:
            return False

    def is_there(self, place: str) -> bool:
        """See `Store.is_there`."""
        return _ask(place, lambda session, name: tables.find_run(session, name) is not None)

    def is_open(self, place: str) -> bool:
        """See `Store.is_open`."""

        def held(session: Session, name: str) -> bool:
            run = tables.find_run(session, name)
            return run is not None and bool(tables.holder(session, run.id))

        return _ask(place, held)

    def discard(self, place: str) -> None:
        """See `Store.discard`."""
        _ask(place, tables.drop_run)

    def shown(self, place: str) -> str:
        """See `Store.shown`."""
        return Place.parse(place).shown

    def settled(self, place: str) -> str:
        """See `Store.settled`."""
        at = Place.parse(place)
        return str(at._replace(url=settled(at.url)))


def _ask(place: str, question: Callable[[Session, str], T]) -> T:
    at = Place.parse(place)
    session = connect(at.url)
    try:
        return question(session, at.run)
    except psycopg.Error as error:
        raise translate(error, at.shown) from error
    finally:
        session.close()
