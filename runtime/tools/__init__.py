"""Tools: functions that reach outside, declared with what they take, what they change, and who may use them how."""

from .caps import AtMost, Cap, Matching, OneOf, Under
from .declare import Allowed, Tool, Use, tool
from .toolbox import Toolbox

__all__ = ["Allowed", "AtMost", "Cap", "Matching", "OneOf", "Tool", "Toolbox", "Under", "Use", "tool"]
