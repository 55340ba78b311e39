"""Whether the files of an open journal are still there.

The rule of this file: who deletes an open file leaves its writer writing into nothing, and no write ever fails of
that. So a writer looks at the names before it acknowledges anything: some ten microseconds for all.
"""

from __future__ import annotations

import os

from .files import Files


class Presence:
    """The files of a journal, as they were when they were seen first."""

    def __init__(self, files: Files) -> None:
        self._paths = [str(path) for path in (files.database, files.mark, files.wal)]
        self._known: dict[str, tuple[int, int]] = {}
        self.lost()

    def lost(self) -> str:
        """The first file that is gone, or another one now; empty while all are there."""
        for path in self._paths:
            try:
                found = os.stat(path)  # noqa: PTH116 - for each commit, in half the time of a Path
            except OSError:
                if path in self._known:
                    return path
                continue  # SQLite makes its log when it needs one
            if self._known.setdefault(path, (found.st_dev, found.st_ino)) != (found.st_dev, found.st_ino):
                return path
        return ""
