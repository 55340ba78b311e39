"""Quick: what each letter of a parcel costs, in C, where there was a compiler at installation.

`_parcels.c` writes columns and reads them as `Writer`, `Reader` and `Inbox` do, for letters that are as they should be;
whatever else comes is left to them, and without it they do everything themselves. See `volatile.running`.
"""

from __future__ import annotations

from ..volatile.letter import Letter
from ..volatile.slot import Slot

__all__ = ["parcels"]

try:
    from . import _parcels as parcels
except ImportError:  # there was no compiler, or Python is newer than what it was written for
    parcels = None  # type: ignore[assignment]
else:
    parcels.learn(Slot, Letter)
