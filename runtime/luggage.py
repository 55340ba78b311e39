"""Luggage: the folders that agents are imported from, carried to hosts whose nodes do not have them.

The rule of this file: source travels as files, read from the driver's disk once, and never as pickles. What an app
does not need to run stays at home: hidden files, caches, environments, runs.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stigmergy.protocols.errors import UsageError

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of one folder, before compression."""

AT_HOME: Final = frozenset({"__pycache__", "node_modules", "build", "dist", "runs", "venv"})

INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
"""What is installed here has to be installed on every node."""


def packed(folders: Sequence[str]) -> list[bytes]:
    """Each folder as a zip archive. Raises: UsageError for one that is too large."""
    return [_packed(Path(folder)) for folder in folders if not INSTALLED & set(Path(folder).parts)]


class Luggage:
    """Archives, unpacked where a host runs; readable by its user only."""

    def __init__(self, archives: Sequence[bytes]) -> None:
        # Named as a driver's session folder is, so that what a killed process leaves is swept by the next one.
        self._place = Path(tempfile.mkdtemp(prefix=f"stig-{os.getpid()}-")) if archives else None
        self.folders: list[str] = []
        for number, archive in enumerate(archives):
            folder = Path(str(self._place), str(number))
            with zipfile.ZipFile(io.BytesIO(archive)) as files:
                files.extractall(folder)
            self.folders.append(str(folder))

    def close(self) -> None:
        """Delete the files."""
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)


def _packed(folder: Path) -> bytes:
    buffer, size = io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(folder):
            size += file.stat().st_size
            if size > MAX_BYTES:
                raise UsageError(
                    f"{folder} holds more than {MAX_BYTES // 2**20} MiB, too much to carry to the nodes of a cluster: "
                    "move the app into a folder of its own, and its data elsewhere"
                )
            archive.write(file, file.relative_to(folder))
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in AT_HOME)
        for name in sorted(files):
            path = Path(place, name)
            if not name.startswith(".") and not name.endswith((".pyc", ".db")) and path.is_file():
                yield path
