"""Halfway: a request that fails when part of it was written down.

The rule of this file: entries that a machine could not carry out never get into a journal, as no replay could carry
them out either. An error that the board itself raises is an answer, and what was written before it stands.
"""

from __future__ import annotations

from stigmergy.protocols.errors import JournalError, StigmergyError


def check_whole(error: Exception, entries: int, peer: str, request: str) -> None:
    """Raise when a request has written so many entries and then broke; the board stops before they are durable.

    Raises: JournalError.
    """
    is_answer = isinstance(error, StigmergyError) and not isinstance(error, JournalError)
    if entries and not is_answer:
        what = f"{type(error).__name__}: {error}"
        raise JournalError(
            f"request {request!r:.60} of {peer} broke when part of it was written down ({what:.200}); nothing of it is "
            "in the journal, which can be opened again: report this as a bug"
        ) from error
