"""How a peer's process is driven: a load comes in as one line of JSON, what it took goes out as another."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bench.load import Load, Measure


async def serve(measure: Measure, packages: tuple[str, ...]) -> None:
    """Say which versions run here, then measure until there are no more lines."""
    say({"versions": {name: found for name in packages if (found := _version(name))}})
    while line := await asyncio.to_thread(sys.stdin.readline):
        load = Load(*json.loads(line))
        gc.collect()
        try:
            taken = await measure(load)
        except Exception as error:  # noqa: BLE001 - whatever it is, the record shall say so
            say({"error": f"{type(error).__name__}: {error}"})
        else:
            say(taken._asdict())


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
