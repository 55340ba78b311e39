"""What a user imports: agents, their context, and the swarm.

Each name is imported when it is first used, so that ``stigmergy --help`` does not wait for all of them.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stigmergy.actors.board.workitems import Claim

    from .agent import Agent, handles
    from .app import App, Options, Outcome, Stage, Table
    from .context import Context
    from .figures import SwarmReport
    from .plant import Plant
    from .states import State
    from .swarm import Swarm
    from .thinking import ModelSpec
    from .tools import AtMost, Matching, OneOf, Tool, Under, Use, tool
    from .views import Claims, Fact, Facts, Post, Trail

__all__ = [
    "Agent",
    "App",
    "AtMost",
    "Claim",
    "Claims",
    "Context",
    "Fact",
    "Facts",
    "Matching",
    "ModelSpec",
    "OneOf",
    "Options",
    "Outcome",
    "Plant",
    "Post",
    "Stage",
    "State",
    "Swarm",
    "SwarmReport",
    "Table",
    "Tool",
    "Trail",
    "Under",
    "Use",
    "handles",
    "tool",
]

_HOMES = {
    "agent": ("Agent", "handles"),
    "app": ("App", "Options", "Outcome", "Stage", "Table"),
    "context": ("Context",),
    "figures": ("SwarmReport",),
    "plant": ("Plant",),
    "states": ("State",),
    "swarm": ("Swarm",),
    "thinking": ("ModelSpec",),
    "tools": ("AtMost", "Matching", "OneOf", "Tool", "Under", "Use", "tool"),
    "views": ("Claim", "Claims", "Fact", "Facts", "Post", "Trail"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            found: object = getattr(_import_module(f".{home}", __name__), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
