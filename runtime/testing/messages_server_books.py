"""The loopback server's own books: tokens, prompt cache, prices, and a log of every request.

It is the witness against the rest of the project, so it shares no arithmetic with it: counts and prices
here are written down a second time, in whole nano-dollars per token.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, NamedTuple

BYTES_PER_TOKEN: Final = 4
BLOCK_TOKENS: Final = 3
"""What every block costs beside its text."""

CACHE_MINIMUM: Final = 1_024
"""Shorter prefixes are not cached; Anthropic's figure for most models."""

TTL_S: Final = MappingProxyType({"5m": 300.0, "1h": 3_600.0})


class Nano(NamedTuple):
    """Nano-dollars per token."""

    input: int
    output: int
    write_5m: int
    write_1h: int
    read: int


PRICES: Final = MappingProxyType(
    {
        # model: ((more input tokens than, prices), ...), from platform.claude.com/docs/en/about-claude/pricing
        "claude-fable-5-1": ((-1, Nano(10_000, 50_000, 12_500, 20_000, 250)),),
        "claude-opus-5-5": ((-1, Nano(4_000, 20_000, 5_000, 8_000, 200)),),
        "claude-opus-5": ((-1, Nano(5_000, 25_000, 6_250, 10_000, 500)),),
        "claude-sonnet-5-5": ((-1, Nano(2_000, 10_000, 2_500, 4_000, 100)),),
        "claude-sonnet-5": ((-1, Nano(2_000, 10_000, 2_500, 4_000, 200)),),
        "claude-haiku-5-5": ((-1, Nano(100, 500, 125, 200, 10)), (100_000, Nano(500, 2_500, 625, 1_000, 50))),
        "claude-haiku-4-5": ((-1, Nano(1_000, 5_000, 1_250, 2_000, 100)),),
    }
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one request used; the five kinds do not overlap."""

    input: int = 0
    output: int = 0
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0

    def nano_usd(self, model: str) -> int:
        """What it costs."""
        total = self.input + self.write_5m + self.write_1h + self.read
        price = [price for above, price in PRICES[model] if total > above][-1]
        return sum(getattr(self, kind) * getattr(price, kind) for kind in Nano._fields)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request to ``/v1/messages``, as the log has it."""

    request_id: str
    call: str
    """The ``stigmergy-call`` header: the op of the caller's ledger."""
    key: str
    """The ``stigmergy-request`` header: what was asked."""
    body: str
    """SHA-256 of the body."""
    model: str
    stream: bool
    status: int
    fault: str = ""
    tokens: Tokens = Tokens()
    nano_usd: int = 0
    """Zero when nothing was billed."""


def text_tokens(text: str) -> int:
    """Tokens of a text: a quarter of its UTF-8 bytes, rounded up."""
    return -(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN)


def blocks_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that is input, in the order in which the cache sees it: tools, system, messages."""
    system = body.get("system") or []
    blocks = [*(body.get("tools") or []), *([{"type": "text", "text": system}] if isinstance(system, str) else system)]
    if body.get("output_config"):
        blocks.append(body["output_config"])
    for message in body["messages"]:
        content = message["content"]
        blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return blocks


def block_tokens(block: dict[str, Any]) -> int:
    """Tokens of one block; a cache mark costs nothing."""
    plain = {name: value for name, value in block.items() if name != "cache_control"}
    text = block["text"] if block.get("type") == "text" else json.dumps(plain, sort_keys=True)
    return text_tokens(text) + BLOCK_TOKENS


class PromptCache:
    """Prefixes of prompts, kept for 5 minutes or an hour after their last use."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def split(self, body: dict[str, Any]) -> Tokens:
        """How a request's input is billed; what it marks is kept from now on."""
        now, model = self._clock(), body["model"]
        running, total, seen, digest = 0, 0, 0, hashlib.sha256(model.encode())
        read, written = 0, {"5m": 0, "1h": 0}
        for block in blocks_of(body):
            total += block_tokens(block)
            mark = block.get("cache_control")
            digest.update(json.dumps({**block, "cache_control": None}, sort_keys=True).encode())
            if not mark:
                continue
            ttl, prefix = mark.get("ttl", "5m"), digest.hexdigest()
            if total < CACHE_MINIMUM:
                continue
            if self._until.get(prefix, now) > now:
                read, written, running = total, {"5m": 0, "1h": 0}, total
            else:
                written[ttl] += total - running
                running = total
            self._until[prefix] = now + TTL_S[ttl]
            seen = total
        return Tokens(input=total - seen, write_5m=written["5m"], write_1h=written["1h"], read=read)


class Books:
    """Every request in order, in memory and, if asked for, one JSON line each in a file."""

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self._lock = Lock()
        self._entries: list[Entry] = []

    def enter(self, entry: Entry) -> None:
        """Write a request down."""
        with self._lock:
            self._entries.append(entry)
            if self._log is not None:
                with self._log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(entry)) + "\n")

    @property
    def entries(self) -> list[Entry]:
        """All requests so far."""
        with self._lock:
            return list(self._entries)

    @property
    def nano_usd(self) -> int:
        """Everything that was billed."""
        return sum(entry.nano_usd for entry in self.entries)

    def paid_twice(self) -> list[str]:
        """Calls that were billed more than once; must be empty."""
        paid = Counter(entry.call for entry in self.entries if entry.call and entry.nano_usd)
        return [call for call, times in paid.items() if times > 1]
