"""How patiently Claude is asked, and how much answer is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bounds of every call; how long one call may take in all is in its request."""

    retries: int = 2
    """Repeats after the first attempt; 2. Only work that was certainly not begun is repeated."""
    backoff_s: float | None = None
    """Pause before a repeat when the provider names none; None is the SDK's 0.5 s, doubling up to 8 s."""
    connect_timeout_s: float = 5.0
    idle_timeout_s: float = 60.0
    """A stream that says nothing for so long counts as cut; 60 s."""
    max_reply_bytes: int = 4 * 1024 * 1024
    """The longest answer that is read; 4 MiB, some four times what 128,000 tokens take."""
