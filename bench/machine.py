"""What the figures depend on besides the code: cores, load, disk, versions, date."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from typing import Any, Final

PACKAGES: Final = ("stigmergy", "ray", "pydantic", "msgpack")
SYNCS: Final = 100


def versions() -> dict[str, str]:
    """Of the interpreter and of what we stand on."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # a source tree on the path has no metadata
            found[name] = version(name)
    return found


def moment(folder: Path) -> dict[str, Any]:
    """Load averages over 1, 5 and 15 minutes, and what a durable write of a page costs below ``folder``."""
    return {"load": [round(each, 2) for each in os.getloadavg()], "fsync_ms": round(sync_ms(folder), 3)}


def sync_ms(folder: Path) -> float:
    """Median of 100 writes of 4 KiB, each forced to the disk, in milliseconds."""
    taken = []
    with NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return 1_000 * median(taken)


def machine() -> dict[str, Any]:
    """What stays the same during a run."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }
