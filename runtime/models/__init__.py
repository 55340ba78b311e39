"""Language models behind one port: ask, stream, count, pay.

Importing this package imports neither the anthropic SDK nor a price list; the first call does.
"""

from .breaker import Breaker, Circuit
from .claude import ANTHROPIC_URL, Claude
from .claude_limits import CallLimits
from .failures import Cost, Failure, Outcome, OutputInvalid, Refused, Unavailable, cost_of
from .metered import LedgerPort, MeteredModel, Purse
from .port import (
    CacheTtl,
    Chunk,
    Model,
    ModelMessage,
    ModelReply,
    ModelRequest,
    Opaque,
    Part,
    TextPart,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    assistant,
    user,
)
from .prices import Price, Prices, Rate
from .scripted import Answer, Brain, Said, ScriptedModel

__all__ = [
    "ANTHROPIC_URL",
    "Answer",
    "Brain",
    "Breaker",
    "CacheTtl",
    "CallLimits",
    "Chunk",
    "Circuit",
    "Claude",
    "Cost",
    "Failure",
    "LedgerPort",
    "MeteredModel",
    "Model",
    "ModelMessage",
    "ModelReply",
    "ModelRequest",
    "Opaque",
    "Outcome",
    "OutputInvalid",
    "Part",
    "Price",
    "Prices",
    "Purse",
    "Rate",
    "Refused",
    "Said",
    "ScriptedModel",
    "TextPart",
    "ToolCall",
    "ToolResult",
    "ToolSpec",
    "Unavailable",
    "Usage",
    "assistant",
    "cost_of",
    "user",
]
