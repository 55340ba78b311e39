"""What the clients and the nemesis of one round saw, one JSON line each; it survives the death of whoever writes it.

Kinds: ``invoke``, ``ok``, ``fail`` (it did not happen), ``info`` (nobody knows) of clients, each with an ``op``;
``fault``, ``woken``, ``start`` (a process, with the seconds it took), ``event`` (what the swarm said), ``pid``;
``audit`` at the end; ``closed``, or ``crashed`` with the reason.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from stigmergy.actors.transport.link import PeerGone
from stigmergy.protocols import DeadlineExceeded, StigmergyError

Line = dict[str, Any]


class History:
    """Appends to a file; a line is with the kernel before the call returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self.acks = 0

    def write(self, kind: str, **data: Any) -> None:
        """Note something that happens now."""
        self._file.write(json.dumps({"kind": kind, "at": time.time(), **data}, default=str).encode() + b"\n")

    async def call(self, op: str, work: Any) -> Any:
        """Carry out a client's operation between its ``invoke`` and what became of it."""
        self.write("invoke", op=op)
        try:
            result = await work
        except (DeadlineExceeded, PeerGone) as error:
            self.write("info", op=op, error=repr(error))
        except StigmergyError as error:
            self.write("fail", op=op, error=repr(error))
        else:
            self.acks += 1
            self.write("ok", op=op)
            return result
        return None

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def load(path: Path) -> list[Line]:
    """The whole lines of a history."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def of_kind(history: list[Line], kind: str) -> list[Line]:
    """The lines of one kind."""
    return [line for line in history if line["kind"] == kind]
