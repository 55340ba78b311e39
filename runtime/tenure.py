"""Tenure: one driver's time with one run folder, from its lock to what ``run.json`` says about its end.

The rule of this file: a run has one driver at a time, and ``run.json`` is there from the first moment,
so a run that was killed is known, and can be resumed. What an earlier driver has written there stays until
the boards have taken the next one: one that they refuse leaves no trace. The lock is the kernel's: it ends
with its process.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from stigmergy.actors.journal.lock import WriterLock, describe_holder
from stigmergy.protocols.budget import Budget
from stigmergy.protocols.errors import JournalLocked, StorageFull, UsageError

from .figures import SwarmReport
from .plant import Plant
from .run_folder import RunFolder

LOCK: Final = "driver.lock"
RECORD: Final = "run.json"

_ENDS: Final = ("ended", "stop_reason", "exit_code", "exhausted", "figures")
"""What ``run.json`` says once a run has ended, and not any more when it goes on."""


class Tenure:
    """Held from construction to `end`."""

    def __init__(self, folder: RunFolder, facts: Mapping[str, Any], now: float) -> None:
        """``facts`` are what was run.

        Raises: UsageError when somebody drives this run already, or the server of its journal lets nobody in.
        """
        self.folder = folder
        self.journal: str = folder.address()
        """Where a board opens its journal; never written down."""
        try:
            self._lock = WriterLock(folder.path / LOCK)
        except JournalLocked:
            raise UsageError(f"run {folder.id} is still being driven by {driver_of(folder)}; stop that first") from None
        known = {name: value for name, value in folder.read(RECORD).items() if name not in _ENDS}
        began = known.get("started")
        resumed = {"resumed": [*known.get("resumed", ()), iso(now)]} if began else {"started": iso(now)}
        self.birth: str = known.get("birth") or secrets.token_hex(16)
        """Made once for a run: it names the run to the outside world, and no other run has it."""
        self.began: bool = known.get("opened", False)
        """Whether its boards were open before, so that there has to be a journal of each."""
        self._record = {**known, "birth": self.birth, **facts, "journal": folder.kept_in, **resumed}
        self.is_written = False
        """Whether ``run.json`` tells of it."""
        try:
            if not (folder.path / RECORD).exists():
                self._write()
        except BaseException:
            self._lock.release()
            raise

    def take_effect(self) -> None:
        """Its boards are open: say what is run from now on. Raises: StorageFull."""
        self._record["opened"] = True
        self._write()

    def _write(self) -> None:
        self.folder.write(RECORD, self._record)
        self.is_written = True

    def end(self, reason: str, figures: SwarmReport, now: float) -> None:
        """Say how it ended, and let the next driver in; a second time changes nothing."""
        try:
            if self.is_written and self.folder.path.is_dir():
                amend(self.folder, ended=iso(now), stop_reason=reason, figures=figures.to_plain())
        except StorageFull:
            pass  # it looks like one that was killed, which goes on just as well
        finally:
            self._lock.release()


def amend(folder: RunFolder, **more: Any) -> None:
    """Add to what ``run.json`` says."""
    folder.write(RECORD, {**folder.read(RECORD), **more})


def options_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """How a swarm was made, by its ``run.json``: seed, budget and plant."""
    budget = Budget.from_plain(record.get("budget", {}))
    return {"seed": record.get("seed", 0), "budget": budget, "plant": Plant.from_plain(record)}


def driver_of(folder: RunFolder) -> str:
    """Who drives a run now, in words; empty when nobody does, as far as this machine can see."""
    try:
        with (folder.path / LOCK).open("rb") as file:
            holder = describe_holder(file.read(200))
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return holder
    except OSError:
        return ""
    return ""


def iso(unix_s: float) -> str:
    """A time as ``run.json`` has it."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
