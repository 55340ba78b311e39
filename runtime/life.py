"""One life of a swarm: all that there is of it only while it runs, from its opening to its last figures.

The rule of this file: who says stop is obeyed. A life that is opening, or waits for its hosts, stops as soon as there
is somebody to tell; what it is asked then is refused like what any stopped swarm is asked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from stigmergy.actors.clock import Clock
from stigmergy.actors.ledger.paths import ROOT
from stigmergy.actors.transport.link import PeerGone
from stigmergy.protocols.errors import NoJournal, StigmergyError, UsageError

from .aftermath import report_of
from .blueprint import Blueprint
from .client import Client, EventHook
from .closing import in_turn
from .configuration import Configuration
from .engines import Engine
from .figures import SwarmReport
from .housing import Housing
from .outside import until_none
from .roster import Roster
from .run_folder import RunFolder
from .sentry import Sentry
from .tenure import Tenure
from .way import BoardWay, HostWay, Way

_LOG: Final = logging.getLogger(__name__)

DECIDED_S: Final = 30.0
"""How long a swarm that closes waits for turns that go on from a person's decision."""


class Phase(Enum):
    """Where a life is. Each comes once, in this order; one that cannot be opened is closed next."""

    OPENING = "opening"
    """Nobody can be asked anything yet."""
    OPEN = "open"
    CLOSING = "closing"
    """The last figures are taken, and what ends from now on was asked to end."""
    CLOSED = "closed"


class Life:
    """Opened once and closed once."""

    def __init__(
        self,
        config: Configuration,
        roster: Roster,
        engine: Engine,
        tenure: Tenure | None,
        on_event: EventHook,
        *,
        resumed: bool,
    ) -> None:
        """``tenure`` of the run folder ends with this life; None when nothing is kept.

        ``resumed``: whether the run had an earlier life.
        """
        self.phase = Phase.OPENING
        self._config = config
        self._engine = engine
        self._tenure = tenure
        self._on_event = on_event
        self._resumed = resumed
        self.client = Client("client/main", config.run, self._hear, Clock(), config.plant.shards)
        self.housing = Housing(Blueprint.of(config, tenure, engine, roster, self._hear), self.client)
        self._sentry = Sentry(self._tell_stalled)
        self._way: Way | None = None
        """How messages reach agents, once there are hosts."""
        self._told_to_stop: tuple[str, str] | None = None
        """(reason, text) once its driver has said so."""
        self._figures: SwarmReport | None = None
        """The last ones."""
        self._last = SwarmReport()
        """Those that were told last while it was up."""
        self._failure: BaseException | None = None
        """Why the board could not tell them."""
        self._ending = asyncio.Lock()
        """Held by whoever closes."""

    @property
    def is_written(self) -> bool:
        """Whether ``run.json`` tells of it: not of one that goes on with a run and was refused."""
        return self._tenure is not None and self._tenure.is_written

    @property
    def is_up(self) -> bool:
        """Whether it can be asked anything."""
        return self.phase in {Phase.OPEN, Phase.CLOSING}

    async def open(self) -> None:
        """Start the engine and the boards. Raises: UsageError, JournalError."""
        await self._engine.start()
        await self.housing.open()
        await self.client.call("ledger", ["open", ROOT, self._config.budget.to_plain()])
        if self._tenure is not None:
            self._tenure.take_effect()
        self.phase = Phase.OPEN
        await self._obey()

    async def begin(self) -> Way:
        """Start the hosts, once. Returns how messages reach agents. Raises: UsageError."""
        if self._way is None:
            await self._come_back()  # now, because who listens has said so
            await self.housing.start()
            if self._engine.is_one_loop:
                self._sentry.begin()
            self._way = BoardWay(self.client) if self._config.durable else HostWay(self.housing, self.client.name)
        return self._way

    async def stop(self, reason: str, text: str) -> None:
        """See `Swarm.stop`."""
        self._told_to_stop = (reason, text)
        if self.is_up:
            try:
                await self._obey()
            except PeerGone:
                if self.phase is Phase.OPEN:
                    raise  # else it is ending anyway

    async def see_decided_through(self) -> None:
        """Wait until those turns have ended about which a person has decided; 30 s at most."""
        if self._way is not None and self.phase is Phase.OPEN:
            with suppress(StigmergyError):
                await until_none(self.client, "decided", DECIDED_S)

    async def report(self) -> SwarmReport:
        """The figures of this moment; once it closes, the last ones. Raises: UsageError when there were none."""
        if self._figures is not None:
            return self._figures
        if not self.is_up:
            raise UsageError("the swarm has not run yet")
        figures = {} if self._way is None else await self._way.settle()
        counts = await self.client.call("counts")
        position = await self.client.call("ledger", ["position", ROOT])
        self._last = SwarmReport.of(position, {**counts, **figures}, str(self._folder.path) if self._folder else "")
        return self._last

    async def close(self, reason: str) -> None:
        """Stop everything; a second time waits for the first, and changes nothing.

        ``reason``: why, if it did not stop by itself.
        """
        async with self._ending:
            if self.phase is not Phase.CLOSED:
                ends = (self.housing.close, self.client.close, self._engine.stop)
                await in_turn(self._take_figures, *ends, lambda: self._end(reason))

    async def _take_figures(self) -> None:
        """Those of a board that cannot tell them are read from its journal in the end."""
        try:
            if self.phase is Phase.OPEN:
                self._figures = self._kept(await self.report())
        except BaseException as error:
            self._failure = error
            if not isinstance(error, StigmergyError):
                raise
        finally:
            self.phase = Phase.CLOSING

    def _kept(self, figures: SwarmReport) -> SwarmReport:
        """The figures; with the failure that their journal is gone, if it is."""
        try:
            if self._folder is not None:
                self._folder.check_kept()
        except NoJournal as gone:
            return replace(figures, stop_reason="failure", stop_text=str(gone))
        return figures

    async def _end(self, reason: str) -> None:
        self.phase = Phase.CLOSED
        self._sentry.end()
        try:
            if self._failure is not None:
                self._figures = report_of(self._folder, self._failure, self._last)
        finally:
            if self._tenure is not None:
                figures = self._figures or SwarmReport()
                self._tenure.end(figures.stop_reason or reason, figures, time.time())

    async def _obey(self) -> None:
        """Stop, if its driver has said so."""
        if self._told_to_stop is not None:
            await self._come_back()  # first, because it ends the stop of an earlier life
            await self.client.stop(*self._told_to_stop)
            if self._config.durable:
                self.housing.spare()

    async def _come_back(self) -> None:
        if self._resumed:
            await self.client.come_back()

    def _tell_stalled(self, at: str, seconds: float) -> None:
        """In the sentry's thread, because no other goes on."""
        _LOG.warning("everything stands still: %s has not returned for %.0f s", at, seconds)
        self._on_event("stalled", {"at": at, "seconds": seconds})

    @property
    def _folder(self) -> RunFolder | None:
        return None if self._tenure is None else self._tenure.folder

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        if event == "host_lost":
            if self.phase in {Phase.CLOSING, Phase.CLOSED}:
                return  # it was asked to end
            self.housing.lost(data["host"], data["reason"])
        elif event == "host_wanted":
            self.housing.wanted(data["agent"])
        self._on_event(event, data)
