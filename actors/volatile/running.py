"""Running: what each letter costs, in C, where there was a compiler at installation, and Python is older than 3.14.

`_runner.c` does for a letter what `Delivery`, `Sorting` and the context of plain handlers do in rounds, and `Host` and
`Turn` in a live swarm, as long as it is the common case: a plain handler, an agent that is free, no exception. Whatever
else comes is handed back to them. Without it they do everything themselves, and a run is the same to the last bit.
"""

from __future__ import annotations

from stigmergy.protocols.message import check_message
from stigmergy.protocols.plain import Quick

from .allowance import Allowance
from .letter import Letter, Talk
from .slot import Act, Part, Slot
from .turn import Turn

__all__ = ["runner"]

try:
    from . import _runner as runner
except ImportError:  # there was no compiler, or Python is newer than what it was written for
    runner = None  # type: ignore[assignment]
else:
    runner.learn(Slot, Turn, Letter, Talk, Part, Act, Allowance, Quick, check_message)
