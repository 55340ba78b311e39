"""The screen: progress and events on stderr while a run goes on.

A terminal gets one line that is drawn again and again; a pipe or a log file gets a plain line now
and then; with ``--quiet`` there is nothing at all.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

from .events import Events
from .text import clean, duration, percent

PLAIN_EVERY_S: Final = 5.0
"""How often a plain line tells how far the work is."""

BEAT_S: Final = 2.0
"""How soon it tells that something else is done than before."""


class Screen(Protocol):
    """Where a run shows what it does."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far the work is; a total of 0 means that nobody knows."""
        ...

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """Show that something happened."""
        ...

    def line(self, text: str) -> None:
        """Show a line."""
        ...

    def close(self) -> None:
        """Leave the terminal in order; nothing more comes."""
        ...


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def progress(self, done: int, total: int, text: str) -> None:
        """See `Screen.progress`."""

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """See `Screen.event`."""

    def line(self, text: str) -> None:
        """See `Screen.line`."""

    def close(self) -> None:
        """See `Screen.close`."""


class Plain:
    """Lines on stderr. A thread of its own tells them, so that an app which computes for long is not silent."""

    def __init__(self) -> None:
        self._events = Events()
        self._began = self._told_at = time.monotonic()
        self._now = self._told = (0, 0, "")
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._thread.join()
        rest = self._events.rest()
        if rest:
            self.line(rest)

    def progress(self, done: int, total: int, text: str) -> None:
        """See `Screen.progress`: the last step is told at once, others when they are due."""
        with self._lock:
            self._now = (done, total, text)
            if done == total and total and self._now != self._told:
                self._tell()

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """See `Screen.event`."""
        text = self._events.line(name, data)
        if text:
            self.line(text)

    def line(self, text: str) -> None:
        """See `Screen.line`."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """See `Screen.close`."""
        self._ended.set()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            with self._lock:
                if self._now[2] != self._told[2] or time.monotonic() - self._told_at >= PLAIN_EVERY_S:
                    self._tell()

    def _tell(self) -> None:
        done, total, text = self._told = self._now
        self._told_at = time.monotonic()
        share = f" {done:,} of {total:,} ({percent(done / total)})," if total else f" {done:,}," if done else ""
        if text:
            self.line(f"{clean(text)}:{share} {duration(self._told_at - self._began)}")


class Terminal:
    """One live line at the bottom, events above it."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._events = Events()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task(f"{title}: starting", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        rest = self._events.rest()
        if rest:
            self.line(rest)
        self._progress.stop()

    def progress(self, done: int, total: int, text: str) -> None:
        """See `Screen.progress`."""
        self._progress.update(self._task, completed=done, total=total or None, description=clean(text))

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """See `Screen.event`."""
        text = self._events.line(name, data)
        if text:
            self.line(text)

    def line(self, text: str) -> None:
        """See `Screen.line`."""
        self._progress.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """See `Screen.close`."""
        self._progress.stop()


def screen_for(title: str, *, quiet: bool) -> Screen:
    """The screen that fits where stderr goes."""
    if quiet:
        return Quiet()
    return Terminal(title) if sys.stderr.isatty() else Plain()
