"""The check on storms: messages that tell nobody anything and yet cause more than one each.

The branching factor of a whole conversation says little: a rumour, a fan-out and a recursion all
grow, and end by themselves. A storm does not, because its stale messages have offspring too. So the
check counts echoes, which are stale messages caused by stale messages. An epidemic of noise lasts
when each has more than one successor (Galton and Watson, 1874); healthy spreading has none, as
whoever has heard the rumour stops, or soon stops (Demers et al., PODC 1987).
"""

from __future__ import annotations

from typing import Final

from .chains import Link
from .conversation import Conversation
from .exchange import agents_of, arrow, backwards
from .limits import LoopLimits
from .sightings import Action, Finding, Reason

_SHARE: Final = 0.75
"""Of a generation that must be echoes. In a storm nearly all are; of a rumour that each tells three times, few."""
_SHOWN: Final = 4


def check_branching(link: Link, conversation: Conversation, limits: LoopLimits) -> Finding | None:
    """A generation of echoes that is larger than the one before, which was larger than the one before."""
    tree, hops = link.tree, link.sent.hops
    exact, both = tree.echoes(hops, variants=False), tree.echoes(hops, variants=True)
    width = tree.widths.get(hops, 0)
    many = exact >= limits.echoes and exact >= _SHARE * width
    many = many or (tree.wide and both >= limits.variants and both >= _SHARE * width)
    if not many or not tree.grows(hops, limits.growth, limits.growth_generations):
        return None
    steps = tuple(reversed(backwards(link, conversation.links)[:_SHOWN]))
    sizes = " -> ".join(str(tree.widths.get(hops - back, 0)) for back in range(limits.growth_generations, -1, -1))
    text = f"{arrow(steps)}, generations of {sizes} messages, {both} of the last are echoes"
    return Finding(Action.QUARANTINE, Reason.BRANCHING, agents_of(steps), text, both)
