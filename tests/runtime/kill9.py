"""A program for `test_kill9`: children that are killed, by themselves, at one exact moment around an effect.

``kill9.py FOLDER``: for each tool and each moment a child runs a town whose journal is ``FOLDER/<tool>-<moment>``
and kills itself with SIGKILL there. Prints how each ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from stigmergy.actors.journal import SqliteJournal
from tests.runtime.tools_cast import Order, Paid, Teller
from tests.runtime.town import Town

TOOLS = ("book", "credit")

MOMENTS = {
    "before-intended": ("intended", False),
    "after-intended": ("intended", True),
    "before-done": ("done", False),
    "after-done": ("done", True),
}
"""The step at whose commit it happens, and whether after it."""


def has_step(batch: Any, wanted: str) -> bool:
    for kind, data in batch:
        if kind == "mail.step":
            _, key, _, *outcome = data["step"]
            if key.startswith("tool:") and (outcome or ["done"]) == [wanted]:
                return True
    return False


def die_at(moment: str) -> None:
    """Kill this process when the journal comes to that moment."""
    wanted, after = MOMENTS[moment]
    append = SqliteJournal.append

    def fatal(self: SqliteJournal, batch: Any, at: float, epoch: int) -> int:
        now = has_step(batch, wanted)
        if now and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        last = append(self, batch, at, epoch)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return last

    SqliteJournal.append = fatal  # type: ignore[method-assign]


async def live(place: Path, tool: str) -> None:
    async with Town(Teller, journal=place / "journal.db") as town:
        await town.ask("teller/1", Order(witness=str(place / "effects"), tool=tool), Paid)


def main(folder: Path) -> None:
    children = {}
    for tool in TOOLS:
        for moment in MOMENTS:
            place = folder / f"{tool}-{moment}"
            place.mkdir()
            child = os.fork()
            if child == 0:
                die_at(moment)
                asyncio.run(live(place, tool))
                os._exit(0)
            children[child] = place.name
    for child, name in children.items():
        _, status = os.waitpid(child, 0)
        print(name, -os.WTERMSIG(status) if os.WIFSIGNALED(status) else status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
