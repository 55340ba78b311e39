"""What is asked of a language model, and what comes back, whoever the provider is.

The rule of this file: requests and replies are plain data (`to_plain`, `from_plain`), because the
journal keeps them; and `ModelRequest.key` names what was asked, never who asked, when, or how
patiently, because a replay finds recorded answers by it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_serializer

M = TypeVar("M", bound=BaseModel)

CacheTtl = Literal["5m", "1h"]
"""How long a provider keeps a prompt prefix: five minutes or an hour after its last use."""


class Record(BaseModel):
    """Base of everything in this file: frozen, closed, and plain on request."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able data."""
        return self.model_dump(mode="json")

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `to_plain`. Raises: pydantic.ValidationError."""
        return cls.model_validate(plain)


class TextPart(Record):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class ToolCall(Record):
    """The model asks for a tool to be run. Name and arguments are its claim; nobody has checked them."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    args: dict[str, JsonValue]


class ToolResult(Record):
    """What a tool answered, for the model to read."""

    type: Literal["tool_result"] = "tool_result"
    call_id: str
    text: str
    is_error: bool = False


class Opaque(Record):
    """A block that only its provider understands, such as sealed reasoning. Hand it back unchanged."""

    type: Literal["opaque"] = "opaque"
    data: dict[str, JsonValue]


Part = Annotated[TextPart | ToolCall | ToolResult | Opaque, Field(discriminator="type")]


class ModelMessage(Record):
    """One contribution to the conversation with a model."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


def user(*content: str | TextPart | ToolResult | Opaque) -> ModelMessage:
    """A message from the user's side: text, tool results, or a provider's own blocks."""
    return ModelMessage(role="user", parts=tuple(TextPart(text=c) if isinstance(c, str) else c for c in content))


def assistant(*content: str | TextPart | ToolCall | Opaque) -> ModelMessage:
    """A message from the model's side, for examples in a prompt."""
    return ModelMessage(role="assistant", parts=tuple(TextPart(text=c) if isinstance(c, str) else c for c in content))


class ToolSpec(Record):
    """A tool that the model may ask for."""

    name: str
    description: str
    parameters: dict[str, JsonValue]
    """JSON schema of the arguments, an object."""


class ModelRequest(Record):
    """One question to a model."""

    model: str
    messages: tuple[ModelMessage, ...]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = Field(default=1_024, gt=0)
    """The most that may be generated, hidden reasoning included; 1,024. The budget reserves all of it."""
    output: type[BaseModel] | dict[str, JsonValue] | None = None
    """What the answer must be: a pydantic class, a JSON schema, or None for free text."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer."""
    cache: CacheTtl | None = None
    """Whether the provider shall keep tools and system prompt for the next call; no."""
    timeout_s: float = Field(default=120.0, gt=0)
    """The whole call must end within this, retries included; 120 s."""
    call_id: str = ""
    """Names this call in the ledger and in the provider's log. Never used for two calls."""

    @field_serializer("output")
    def _plain_output(self, output: type[BaseModel] | dict[str, JsonValue] | None) -> dict[str, Any] | None:
        return _schema_of(output) if isinstance(output, type) else output

    def key(self) -> str:
        """32 hex digits that are the same whenever the same is asked.

        Fields at their default are left out, so that a field that is added later changes no old key.
        """
        asked = self.model_dump(mode="json", exclude={"cache", "timeout_s", "call_id"}, exclude_defaults=True)
        canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
        return blake2b(canonical.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=256)
def _schema_of(output: type[BaseModel]) -> dict[str, Any]:
    """The schema of a class, never to be changed. Working it out takes a millisecond, and each request asks for it."""
    return output.model_json_schema()


class Usage(Record):
    """Tokens of one call. The five kinds do not overlap; each has its own price."""

    input: int = Field(default=0, ge=0)
    """Input that neither came from the prompt cache nor went into it."""
    output: int = Field(default=0, ge=0)
    """Everything generated, hidden reasoning included."""
    cache_write_5m: int = Field(default=0, ge=0)
    cache_write_1h: int = Field(default=0, ge=0)
    cache_read: int = Field(default=0, ge=0)

    @property
    def total_input(self) -> int:
        """All input, cached or not; what price tiers go by."""
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read

    @property
    def tokens(self) -> int:
        """All tokens, in and out."""
        return self.total_input + self.output


class ModelReply(Record):
    """A complete answer. A cut or unfinished one never becomes a reply."""

    parts: tuple[Part, ...]
    output: JsonValue = None
    """The answer as plain data, checked against ``request.output``; None when free text was asked for."""
    stop_reason: str
    """``end_turn``, ``tool_use``, ``max_tokens``, ``stop_sequence``; any other is the provider's own word."""
    usage: Usage
    model: str
    """The model that answered, in the provider's words."""
    id: str = ""
    """The provider's id of the answer."""
    attempts: int = 1
    """Requests that were sent until one was answered."""
    latency_s: float = 0.0
    """From the question to the end of the answer, retries included."""

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model asks for, in its order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def message(self) -> ModelMessage:
        """The answer as the next message of the conversation, unreadable parts included."""
        return ModelMessage(role="assistant", parts=self.parts)

    def output_as(self, cls: type[M]) -> M:
        """The checked answer as an instance of the class that was asked for. Raises: pydantic.ValidationError."""
        return cls.model_validate(self.output)


class Chunk(NamedTuple):
    """A piece of a streamed answer. The last one, and only the last, holds the whole reply."""

    text: str
    reply: ModelReply | None = None


class Model(Protocol):
    """A language model behind one address.

    Every failure of `complete`, `stream` and `count_tokens` is a `ModelError`; `failures.cost_of` tells
    whether it may have cost something.
    """

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The whole answer. Raises: ModelUnavailable, ModelRefused, ModelOutputInvalid."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes. Raises: ModelUnavailable, ModelRefused, ModelOutputInvalid."""
        ...

    async def count_tokens(self, request: ModelRequest) -> int:
        """Input tokens of a request, as the provider counts. Free. Raises: ModelUnavailable, ModelRefused."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...
