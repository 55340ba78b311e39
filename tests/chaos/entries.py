"""A run's journal as plain rows. This reader is the checker's own: it knows SQLite, msgpack and nothing of the board.

What several entries say in different ways (one letter or many, one post or many) is brought to one form: `Event`.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgpack


class Row(NamedTuple):
    """One entry."""

    seq: int
    at: float
    epoch: int
    kind: str
    data: dict[str, Any]


class Letter(NamedTuple):
    """A message for one recipient, as it was accepted."""

    id: str
    mode: str
    type: str
    sender: str
    to: str
    """An agent, or a kind whose pool it waits in."""
    body: dict[str, Any]
    cause: str
    topic: str


class Event(NamedTuple):
    """What happened to one letter: ``accept``, ``attempt``, ``again``, ``done``, ``dead``, ``lost``."""

    seq: int
    at: float
    epoch: int
    what: str
    letter: str
    host: str = ""
    agent: str = ""
    state: Any = None
    accepted: Letter | None = None


def journals_in(folder: Path) -> list[Path]:
    """The journals of the one run in a folder: that of shard 0, 1, and so on."""
    found = sorted(folder.glob("*/journal*.db"))
    first = [path for path in found if path.name == "journal.db"]
    return [*first, *sorted((path for path in found if path not in first), key=lambda path: int(path.suffixes[0][1:]))]


def rows_of(journal: Path) -> list[Row]:
    """All entries, from a copy: whoever wrote the file may have died with a log beside it."""
    with tempfile.TemporaryDirectory(prefix="chaos-read-") as scratch:
        for part in journal.parent.glob(journal.name + "*"):
            if part.suffix != ".lock":
                shutil.copyfile(part, Path(scratch) / part.name)
        connection = sqlite3.connect(Path(scratch) / journal.name)
        found = connection.execute("SELECT seq, at, epoch, kind, body FROM entry ORDER BY seq").fetchall()
        connection.close()
    return [Row(seq, at, epoch, kind, _plain(body)) for seq, at, epoch, kind, body in found]


def events_of(rows: list[Row]) -> Iterator[Event]:
    """What happened to letters, in order."""
    for row in rows:
        if row.kind.startswith("mail."):
            yield from _events(row)


def _events(row: Row) -> Iterator[Event]:
    data, head = row.data, row[:3]
    match row.kind:
        case "mail.accept":
            letter = _letter(data["e"], data["e"][0], data["pool"] or data["e"][4], "")
            yield Event(*head, "accept", letter.id, accepted=letter)
        case "mail.fan":
            for number, address in enumerate(data["to"], data.get("first", 0)):
                letter = _letter(data["e"], f"{data['e'][0]}.{number}", address, data["e"][4])
                yield Event(*head, "accept", letter.id, accepted=letter)
        case "mail.attempt":
            yield Event(*head, "attempt", data["id"], data["host"], data["agent"])
        case "mail.attempts":
            for letter_id, agent, host in data["of"]:
                yield Event(*head, "attempt", letter_id, host, agent)
        case "mail.lost":
            for letter_id in data["ids"]:
                yield Event(*head, "lost", letter_id, data["host"])
        case "mail.done":
            yield Event(*head, "done", data["id"], state=None if data["state"] is None else _plain(data["state"]))
        case "mail.dead":
            yield Event(*head, "dead", data["id"], state=data["reason"])
        case "mail.again":
            yield Event(*head, "again", data["id"])
        case _:
            return


def _letter(fields: list[Any], name: str, to: str, topic: str) -> Letter:
    return Letter(name, fields[1], fields[2], fields[3], to, _plain(fields[5]), fields[7], topic)


def _plain(body: bytes) -> Any:
    return msgpack.unpackb(body, strict_map_key=False)
