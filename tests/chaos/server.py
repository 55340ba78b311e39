"""The model server of a campaign: a process of its own, with faults by chance and a log that is a witness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """What a child of a campaign gets: the paths of this repository besides what is there."""
    paths = [str(ROOT), str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


class ModelServer:
    """Runs while its block does. Each of its 14 faults comes by chance."""

    def __init__(self, log: Path, seed: int, rate: float) -> None:
        self._log = log
        self._command = [
            *(sys.executable, "-m", "stigmergy.runtime.testing.messages_server", "--log", str(log)),
            *("--brain", "support_desk.stand_in:brain", "--fault-rate", str(rate), "--seed", str(seed)),
        ]
        self.base_url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, env=environment())
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        with self._process:  # closes the pipe and waits
            pass

    def calls(self) -> list[dict[str, Any]]:
        """Every request so far."""
        if not self._log.exists():
            return []
        return [
            json.loads(line)
            for line in self._log.read_text(encoding="utf-8").splitlines(keepends=True)
            if line[-1] == "\n"
        ]
