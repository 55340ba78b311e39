"""Ray, with two additions: kills that do not reach a host which hangs, as behind a partition; and mutated services."""

from __future__ import annotations

import os
import time
from typing import Any, Final

from stigmergy.actors.transport.handles import RayProcess, Sockets
from stigmergy.actors.transport.processes import Process
from stigmergy.runtime.engines import RayEngine

from .history import History
from .openers import MUTATION


class ChaosEngine(RayEngine):
    """The engine of one round."""

    def __init__(self, history: History) -> None:
        super().__init__("local")
        self.history = history
        self.held: set[str] = set()
        """Names of the processes that no kill reaches."""

    def process(self, name: str, resources: dict[str, Any] | None = None, *, here: bool = False) -> Process:
        """See `Engine.process`."""
        began, process = time.monotonic(), super().process(name, resources, here=here)
        if not isinstance(process, RayProcess):
            raise TypeError(f"{process} is no process of Ray")
        return ChaosProcess(process, began, self.held, self.history)


class ChaosProcess(RayProcess):
    """A process that notes how long it took to start, which a spare has done before."""

    def __init__(self, process: RayProcess, began: float, held: set[str], history: History) -> None:
        # Ray drops calls in some rounds: those calls must be there.
        sockets: Sockets = "none" if "RAY_testing_rpc_failure" in os.environ else "near"
        super().__init__(process.name, process.actor, sockets=sockets)
        self._began = began
        self._held = held
        self._history = history

    async def open(self, factory: str, config: dict[str, Any]) -> None:
        """See `Process.open`."""
        await super().open(_MUTATED[factory] if os.environ.get(MUTATION) else factory, config)
        self._history.write("start", name=self.name, seconds=time.monotonic() - self._began)

    def kill(self) -> None:
        """See `Process.kill`."""
        if self.name in self._held:
            self._hang_up()
        else:
            super().kill()


_MUTATED: Final = {
    "stigmergy.actors.board.service:open_board": "tests.chaos.openers:open_board",
    "stigmergy.actors.host.host:open_host": "tests.chaos.openers:open_host",
}
