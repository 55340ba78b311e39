"""The command line: ``stigmergy run``, ``runs``, ``inspect``, ``trace``, ``dead-letters``."""

from .main import main

__all__ = ["main"]
