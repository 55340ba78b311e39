"""Plays the model's part where there is none: a rule-based brain for the loopback Messages API server.

    python -m stigmergy.runtime.testing.messages_server --port 8012 --brain support_desk.stand_in:brain
    ANTHROPIC_BASE_URL=http://127.0.0.1:8012 stigmergy run examples/support_desk --brain claude

The desk then makes real calls of the real SDK, with real prompts, and pays for them; only the answers
come from rules. Started from the ``examples`` folder.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from stigmergy.runtime.models import ModelRequest

from .brains.router import Classifier
from .brains.writer import write
from .schemas import Classification, Draft, Passage, Review

_FENCED: Final = re.compile(r"<(?P<kind>ticket|article)-[0-9a-f]+>\n(?P<text>.*?)\n</(?P=kind)-[0-9a-f]+>", re.DOTALL)
_ARTICLE: Final = re.compile(r"Article (?P<id>[\w-]+), \"(?P<title>[^\"]*)\":")
_GREETING: Final = re.compile(r"^Greeting: Hello (?P<name>.+),$", re.MULTILINE)


def brain(request: ModelRequest) -> Classification | Draft | Review:
    """What a careful model would say, by the schema that is asked for."""
    prompt = request.messages[-1].text
    wanted = request.output.get("properties") if isinstance(request.output, dict) else None
    fields = wanted if isinstance(wanted, dict) else {}
    ticket = next((m["text"] for m in _FENCED.finditer(prompt) if m["kind"] == "ticket"), "")
    if "confidence" in fields:
        classifier = _classifier()
        found = classifier.classify(ticket)
        # A model says how sure it is in words of its own; 0.95 is what the prompt asks a sure one to say.
        return found.model_copy(update={"confidence": 0.95}) if classifier.is_certain(found) else found
    if "reply" in fields:
        customer = _GREETING.search(prompt)
        return write(ticket, customer["name"] if customer else None, _passages(prompt))
    return Review(approved=True, feedback=())


def _passages(prompt: str) -> list[Passage]:
    texts = [m["text"] for m in _FENCED.finditer(prompt) if m["kind"] == "article"]
    articles = list(_ARTICLE.finditer(prompt))
    return [
        Passage(article=found["id"], title=found["title"], text=text, score=1.0)
        for found, text in zip(articles, texts, strict=False)
    ]


@lru_cache(maxsize=1)
def _classifier() -> Classifier:
    from .brains.training import train  # noqa: PLC0415 - imports scikit-learn, which takes a second

    return train(Path(__file__).parent / "data" / "history.csv")
