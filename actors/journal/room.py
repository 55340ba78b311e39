"""How much of a disk the journal leaves free.

The rule of this file: refuse early. A disk that runs full in the middle of a write stops everybody
on it; a refused batch is an error that the sender can handle, and closing still finds room.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stigmergy.protocols.errors import StorageFull

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says of a disk that is full, or of a user's share of it: `StorageFull` for us."""


@dataclass(frozen=True, slots=True)
class Room:
    """The reserve of a disk: the larger of ``min_bytes`` and ``min_ratio``, the latter capped.

    Args:
        min_bytes: 256 MiB.
        min_ratio: Share of the whole disk, 0.02.
        ratio_cap_bytes: 2 GiB, since 2 % of a large disk is no sign of need (Elasticsearch caps its
            flood-stage watermark for the same reason, ``flood_stage.max_headroom``).
    """

    min_bytes: int = 256 * 2**20
    min_ratio: float = 0.02
    ratio_cap_bytes: int = 2 * 2**30

    def check(self, folder: str | Path, needed_bytes: int) -> None:
        """Refuse a write of ``needed_bytes`` that would cut into the reserve. Raises: StorageFull."""
        disk = os.statvfs(folder)
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        reserve = max(self.min_bytes, min(int(total * self.min_ratio), self.ratio_cap_bytes))
        if total and free - needed_bytes < reserve:
            raise StorageFull(
                f"{free / 2**20:.0f} MiB are free on the disk of {folder}, {reserve / 2**20:.0f} MiB are kept in "
                f"reserve: nothing was written; free some space, then go on"
            )


DEFAULT_ROOM: Final = Room()
