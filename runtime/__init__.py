"""What a user imports: agents, their context, and the swarm."""

from .agent import Agent, State, handles
from .app import App, Stage
from .context import Context
from .figures import SwarmReport
from .plant import Plant
from .swarm import Swarm
from .thinking import ModelSpec
from .views import Claim, Fact, Trail

__all__ = [
    "Agent",
    "App",
    "Claim",
    "Context",
    "Fact",
    "ModelSpec",
    "Plant",
    "Stage",
    "State",
    "Swarm",
    "SwarmReport",
    "Trail",
    "handles",
]
