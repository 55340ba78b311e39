"""Versions of what a run was made with."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


def stigmergy_version() -> str:
    """This project's version, or a word that it was never installed."""
    return _version("stigmergy")


def versions() -> dict[str, str]:
    """What a result may depend on, by name. Nothing is imported for it that is not there anyway."""
    import platform
    import sqlite3

    return {
        "stigmergy": stigmergy_version(),
        "python": platform.python_version(),
        "ray": _version("ray"),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(terse=True),
    }


@cache
def _version(package: str) -> str:
    """It stands in the metadata, which is parsed whole: 10 ms for each question."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
