"""Stopping: how the driver stops its swarm before it is done, in whatever state that is.

The rule of this file: who says stop is obeyed. A swarm that has not begun, or waits for its hosts, stops as soon as
there is somebody to tell; what it is asked then is refused like what any stopped swarm is asked.
"""

from __future__ import annotations

from .client import Client
from .engines import Engine
from .housing import Housing
from .mailing import Mailing
from .run_folder import RunFolder


class Stopping(Mailing):
    """What a swarm offers to who wants its end."""

    _engine: Engine | None = None
    _client: Client | None = None
    _housing: Housing | None = None
    _resumes: RunFolder | None = None
    _durable: bool = True
    _closing: bool = False
    _told_to_stop: tuple[str, str] | None = None
    """(reason, text) once its driver has said so."""

    @property
    def is_opening(self) -> bool:
        """Whether it has begun to start and cannot be asked anything yet."""
        return self._engine is not None and self._client is None

    @property
    def has_closed(self) -> bool:
        """Whether all of it has ended, so that there is nobody to be told anything."""
        return self._closing and self._engine is None

    @property
    def stopped(self) -> tuple[str, str] | None:
        """(reason, text) once the swarm has stopped by itself."""
        return None if self._client is None else self._client.stopped

    async def stop(self, reason: str = "user", text: str = "stopped by its driver") -> None:
        """Stop the swarm before it is done: nothing new begins, what is in flight may finish, figures stay readable.

        One that has not begun yet stops as soon as it has; one that has ended is left alone.
        """
        if self.has_closed:
            return  # another life of it is not meant
        self._told_to_stop = (reason, text)
        if self._client is not None:
            await self._obey(self._client)

    async def _obey(self, client: Client) -> None:
        """Stop, if its driver has said so."""
        if self._told_to_stop is not None:
            await self._come_back(client)  # first, because it ends the stop of an earlier life
            await client.stop(*self._told_to_stop)
            if self._housing is not None and self._durable:
                self._housing.spare()

    async def _come_back(self, client: Client) -> None:
        """Go on with the run of an earlier life, if there was one."""
        if self._resumes is not None:
            await client.come_back()
