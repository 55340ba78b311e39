"""Quiet: what others print stays away from stdout and from the terminal, and is kept in a file.

Ray's libraries write to the process's own stderr, threads and callbacks print tracebacks, and what
an app prints must not get between a script and the JSON it waits for. The rule of this file: Python
code that writes to ``sys.stderr`` is heard, and so is an await that was forgotten; everything below that is noise.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TextIO

from ..forgotten import advice
from .failures import say, without_secrets

KEPT: Final = 1_000
"""Log records that are kept; the first ones say most."""

NOISE_BYTES: Final = 1024 * 1024
"""Of what libraries printed, the first MiB is kept."""


class Noise:
    """Collects what is not for the user, for a details file."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._printed = ""

    @contextmanager
    def collected(self, *, reserve_stdout: bool) -> Iterator[TextIO]:
        """The real stdout, while noise is collected; if it is reserved, what Python prints goes to stderr."""
        sys.stdout.flush()
        sys.stderr.flush()
        python, files = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
        with tempfile.TemporaryFile("w+b") as printed, _listening(self._keep):
            with os.fdopen(os.dup(files[0]), "w", encoding="utf-8") as out, _Lines(os.dup(files[1])) as err:
                os.dup2(printed.fileno(), 2)
                sys.stderr = err
                if reserve_stdout:
                    os.dup2(printed.fileno(), 1)
                    sys.stdout = err
                try:
                    yield out if reserve_stdout else sys.stdout
                finally:
                    python[0].flush()
                    sys.stdout, sys.stderr = python
                    for number, file in enumerate(files, 1):
                        os.dup2(file, number)
                        os.close(file)
            printed.seek(0)
            self._printed = printed.read(NOISE_BYTES).decode(errors="replace")

    def write(self, logs: Path) -> None:
        """Append what was collected to ``driver.log``, unless its disk is full; nothing makes no file."""
        text = "\n".join([*self._lines, self._printed]).strip()
        if text and logs.is_dir():
            with suppress(OSError), (logs / "driver.log").open("a", encoding="utf-8") as file:
                file.write(without_secrets(text) + "\n")

    def _keep(self, line: str) -> None:
        if len(self._lines) < KEPT:
            self._lines.append(line)


class _Lines(io.TextIOWrapper):
    """Writes at once, for as long as somebody reads it: what cannot be written is lost, and harms nothing else."""

    def __init__(self, file: int) -> None:
        super().__init__(os.fdopen(file, "wb", buffering=0), "utf-8", "backslashreplace", write_through=True)

    def write(self, text: str) -> int:
        with suppress(OSError):  # `2>&1 | head` has seen enough, a disk is full
            super().write(text)
        return len(text)


class _Records(logging.Handler):
    """Hands log records on as lines."""

    def __init__(self, keep: Any) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one on."""
        self._keep(self.format(record))


@contextmanager
def _listening(keep: Any) -> Iterator[None]:
    """Hear what is logged, warned of, and raised where nobody can catch it."""

    def unraisable(what: Any) -> None:
        keep("".join(traceback.format_exception(what.exc_type, what.exc_value, what.exc_traceback)))

    def warned(message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
        keep(f"{filename}:{lineno}: {category.__name__}: {message}")
        if said := advice(message, category, filename, lineno):
            say(said)

    root, records, hooks = logging.getLogger(), _Records(keep), (sys.unraisablehook, threading.excepthook)
    root.addHandler(records)
    sys.unraisablehook, threading.excepthook = unraisable, unraisable
    with warnings.catch_warnings():
        warnings.showwarning = warned
        try:
            yield
        finally:
            sys.unraisablehook, threading.excepthook = hooks
            root.removeHandler(records)
