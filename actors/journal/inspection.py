"""What a journal's files say before anybody trusts them.

The rule of this file: look first, open for writing afterwards. Every row is checked against its
checksum, the chain and the high-water mark, by a connection that changes nothing, so a damaged
journal stays as it was found: evidence, and material for a rescue.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import ExitStack

from stigmergy.protocols.errors import JournalCorrupt

from .database import check_format, connect_witness, create, page_damage, rows, translate
from .files import Files, is_journal
from .mark import MarkFile
from .records import START, UNWRITTEN, Audit, Mark, audit

_ADVICE = (
    "restore a backup, or read the intact entries with SqliteJournal.open_readonly(path, intact_prefix=True); "
    "the files were left as they are"
)


def open_mark(files: Files) -> MarkFile:
    """The mark of the journal at ``files``, which is created when there is none. The caller holds the lock.

    The mark comes first and the database second, each in one rename: so a database without a mark,
    or a mark without its database, is a loss and never an interrupted start.

    Raises: JournalCorrupt, JournalError, sqlite3.Error.
    """
    if not files.mark.exists():
        if files.database.exists():
            raise corrupt(
                files, f"its high-water mark {files.mark.name} is missing, so lost entries would go unnoticed"
            )
        MarkFile.create(files.mark)
    mark = MarkFile(files.mark)
    with ExitStack() as undo:
        undo.callback(mark.close)
        if not files.database.exists():
            if mark.value != UNWRITTEN or files.wal.exists():
                raise missing(files, mark.value)
            create(files)
        undo.pop_all()
    return mark


def inspect(files: Files, mark: Mark) -> Audit:
    """Check everything against the mark, changing nothing.

    Raises: JournalError (a later version wrote it; the file cannot be read), JournalLocked.
    """
    if not is_journal(files.database):
        return _lost(mark, "the header of the database is damaged")
    try:
        connection = connect_witness(files)
        try:
            check_format(connection, files.database)
            found = audit(rows(connection, 0, sys.maxsize), mark)
            return found if found.damage else found._replace(damage=page_damage(connection))
        finally:
            connection.close()
            files.shm.unlink(missing_ok=True)  # a scratch file of SQLite's; the writer needs none
    except JournalCorrupt as error:
        return _lost(mark, str(error))
    except sqlite3.Error as error:
        failure = translate(error, "while it was checked")
        if not isinstance(failure, JournalCorrupt):
            raise failure from error
        return _lost(mark, str(failure))


def _lost(mark: Mark, damage: str) -> Audit:
    return Audit(START, f"{damage}; {mark.seq} acknowledged entries cannot be read")


def missing(files: Files, mark: Mark) -> JournalCorrupt:
    """The error for a journal whose database is gone."""
    return JournalCorrupt(
        f"journal {files.database} cannot be read: the database is missing, and with it {mark.seq} acknowledged "
        "entries; restore a backup, the files were left as they are"
    )


def corrupt(files: Files, damage: str) -> JournalCorrupt:
    """The error for a damaged journal: what is wrong, where, and what to do."""
    return JournalCorrupt(f"journal {files.database} cannot be trusted: {damage}; {_ADVICE}")
