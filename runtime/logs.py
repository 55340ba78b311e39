"""Structured logs: one JSON object a line, with agent, conversation and trace id, in a file per process.

The rule of this file: a log is never worth a turn. Lines are written by a thread of their own; what a slow, full or
broken sink does not take is counted and dropped.
"""

from __future__ import annotations

import os
import queue
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast

import structlog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

WAITING: Final = 10_000
"""Lines that may wait for a slow sink."""

FAREWELL_S: Final = 2.0
"""How long closing waits for a slow sink."""


class Sink:
    """A file that lines are handed to without waiting for it."""

    def __init__(self, path: Path) -> None:
        self.dropped = 0
        """Lines that were lost."""
        self._path = path
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING)
        self._writer = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._writer.start()

    def write(self, text: str) -> None:
        """Hand a line over."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self.dropped += 1

    def flush(self) -> None:
        """Nothing to do: the thread writes what it has."""

    def close(self) -> None:
        """Wait up to 2 s until everything is written."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=FAREWELL_S)
            self._writer.join(FAREWELL_S)

    def _write_all(self) -> None:
        file: TextIO | None = None
        while (text := self._lines.get()) is not None:
            try:
                file = file or self._open()
                file.write(text)
                file.flush()
            except OSError:
                self.dropped += 1
                _close(file)
                file = None
        _close(file)

    def _open(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return open(self._path, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600))


def _close(file: TextIO | None) -> None:
    """Close what may still hold a line that its disk refuses."""
    if file is not None:
        with suppress(OSError):
            file.close()


class LogFile:
    """A process's log. Lines reach the file soon; without a path they go nowhere."""

    def __init__(self, path: Path | None, level: int = 20) -> None:
        """``level`` as in `logging`: 20 is info."""
        self._sink = None if path is None else Sink(path)
        self._level = level

    def logger(self, **known: object) -> FilteringBoundLogger:
        """A logger whose every line carries ``known``."""
        bound: FilteringBoundLogger = structlog.wrap_logger(
            structlog.ReturnLogger() if self._sink is None else structlog.WriteLogger(cast("TextIO", self._sink)),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
        ).bind(**known)
        return bound

    @property
    def dropped(self) -> int:
        """Lines that the file did not take."""
        return 0 if self._sink is None else self._sink.dropped

    def close(self) -> None:
        """Write what waits, and say how much was lost."""
        if self._sink is None:
            return
        if self._sink.dropped:
            self.logger().warning("log_lines_dropped", count=self._sink.dropped)
        self._sink.close()
