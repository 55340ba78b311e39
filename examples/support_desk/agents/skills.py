"""The skills by which the agents of the desk find each other."""

from __future__ import annotations

from typing import Final

from stigmergy.protocols import Skill

RESOLVE: Final = Skill(id="resolve-ticket", description="Resolves a customer's ticket, or says why a person must")
CLASSIFY: Final = Skill(id="classify-ticket", description="Says which desk a text belongs to", tags=["triage"])
SEARCH: Final = Skill(id="search-articles", description="Finds the passages that answer a question", tags=["knowledge"])
WRITE: Final = Skill(id="write-reply", description="Drafts a reply from passages, and from nothing else")
CHECK: Final = Skill(id="check-reply", description="Checks policy, grounding and tone of a draft", tags=["quality"])
PERSON: Final = Skill(id="hand-to-person", description="Queues a ticket for a person, with a report", tags=["human"])
