"""The sentry: sees from a thread of its own that the loop on which a whole swarm runs stands still, and says where.

On the local engine nobody else can: what stands still is the swarm, its shepherd and its driver. The rule of this
file: a line is named only if what it is in did not return between two looks; many short turns are nobody's fault.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from stigmergy.actors.failing import frames_of, place_of

BEAT_S: Final = 1.0
"""How often it looks. A loop that stands still is told of at the third look: after 2 to 3 s."""


class Sentry:
    """Watches the loop on which it was made."""

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        """``tell`` is called in the sentry's thread, once each time, with the line and for how many seconds so far."""
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._has_turned = True
        self._since = 0.0
        self._seen: list[FrameType] = []
        """What had not returned at the last look."""
        self._told = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def begin(self) -> None:
        """Watch, until the end; repeating it changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="sentry", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Watch no more; repeating it changes nothing."""
        self._ended.set()

    def look(self) -> None:
        """See whether the loop has turned since the last look."""
        if self._has_turned:
            self._since, self._has_turned, self._seen, self._told = time.monotonic(), False, [], False
            self._loop.call_soon_threadsafe(self._turned)
            return
        frames = frames_of(self._watched)
        still = [frame for frame in frames if frame in self._seen]
        self._seen = frames
        if still and not self._told:
            self._told = True
            self._tell(place_of(still[0]), time.monotonic() - self._since)

    def _turned(self) -> None:
        self._has_turned = True

    def _watch(self) -> None:
        while not self._ended.wait(BEAT_S) and not self._loop.is_closed():
            self.look()
