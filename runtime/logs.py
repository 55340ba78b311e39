"""Structured logs: one JSON object a line, with agent, conversation and trace id, in a file per process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class LogFile:
    """A process's log. Lines reach the file at once; without a path they go nowhere."""

    def __init__(self, path: Path | None, level: int = 20) -> None:
        """``level`` as in `logging`: 20 is info."""
        self._file: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = path.open("a", encoding="utf-8", buffering=1)
            path.chmod(0o600)
        self._level = level

    def logger(self, **known: object) -> FilteringBoundLogger:
        """A logger whose every line carries ``known``."""
        bound: FilteringBoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(self._file) if self._file is not None else structlog.ReturnLogger(),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
        ).bind(**known)
        return bound

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
