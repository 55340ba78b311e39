"""A model that answers by rules or from a script: for examples that run offline, and for tests.

The rule of this file: the same requests get the same replies, tokens included. A brain that looks only
at its request keeps that promise under retries and replays too; a list of answers keeps it only while
calls come in one order.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Final

from pydantic import BaseModel, JsonValue

from stigmergy.protocols.errors import ModelError, UsageError

from .port import Chunk, ModelReply, ModelRequest, Opaque, Part, TextPart, ToolCall, Usage
from .structured import finish

BYTES_PER_TOKEN: Final = 4
"""The usual rule of thumb for English."""

TOKENS_PER_MESSAGE: Final = 4
"""What a message costs beside its text."""


class Answer(BaseModel, frozen=True):
    """What a brain says. Data is written out as JSON text."""

    text: str = ""
    data: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str = ""
    """Empty: ``tool_use`` when tools are called, else ``end_turn``."""


Said = Answer | str | BaseModel | ToolCall
"""What a brain may return; anything but an `Answer` is short for one."""

Brain = Callable[[ModelRequest], Said]
"""Decides what to say. The loopback server takes the same brains as `ScriptedModel`."""


def as_answer(said: Said) -> Answer:
    """The answer that a brain's short form stands for."""
    match said:
        case Answer():
            return said
        case str():
            return Answer(text=said)
        case ToolCall():
            return Answer(tool_calls=(said,))
        case _:
            return Answer(data=said.model_dump(mode="json"))


def tokens_of(text: str) -> int:
    """A quarter of the UTF-8 bytes, rounded up."""
    return -(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN)


class ScriptedModel:
    """A `Model` that follows a brain, or hands out a list of answers; an error in the list is raised."""

    def __init__(self, script: Brain | Sequence[Said | ModelError]) -> None:
        self._brain = script if callable(script) else None
        self._script: Iterator[Said | ModelError] = iter(() if callable(script) else script)
        self.asked: list[ModelRequest] = []
        """Every request so far, in order."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The next answer. Raises: ModelError from the script, ModelOutputInvalid, UsageError when it is used up."""
        self.asked.append(request)
        said = self._brain(request) if self._brain else next(self._script, None)
        if said is None:
            raise UsageError(f"the script has {len(self.asked) - 1} answers, and one more was asked for")
        if isinstance(said, ModelError):
            raise said
        return finish(request, _reply(request, as_answer(said)))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """The next answer, a word at a time. Raises: as `complete`."""
        reply = await self.complete(request)
        for word in re.findall(r"\s*\S+|\s+", reply.text):
            yield Chunk(word)
        yield Chunk("", reply)

    async def count_tokens(self, request: ModelRequest) -> int:
        """A count that depends on nothing but the request."""
        return input_tokens(request)

    async def aclose(self) -> None:
        """There is nothing to give back."""


def input_tokens(request: ModelRequest) -> int:
    """Tokens of everything that is asked."""
    plain = request.to_plain()
    texts = [request.system, *(json.dumps(plain[name]) for name in ("tools", "output") if plain[name])]
    texts += [_written(part) for message in request.messages for part in message.parts]
    return sum(map(tokens_of, texts)) + TOKENS_PER_MESSAGE * len(request.messages)


def _written(part: Part) -> str:
    return part.text if isinstance(part, TextPart) else json.dumps(part.to_plain())


def _reply(request: ModelRequest, answer: Answer) -> ModelReply:
    text = answer.text if answer.data is None else json.dumps(answer.data)
    output = tokens_of(text) + sum(tokens_of(_written(call)) for call in answer.tool_calls)
    stop_reason = answer.stop_reason or ("tool_use" if answer.tool_calls else "end_turn")
    if output > request.max_tokens:
        # Cut, as a real model would be; a cut tool call is no tool call.
        kept = text.encode()[: request.max_tokens * BYTES_PER_TOKEN]
        text, answer, output, stop_reason = kept.decode(errors="ignore"), Answer(), request.max_tokens, "max_tokens"
    parts: list[TextPart | ToolCall | Opaque] = [TextPart(text=text)] if text else []
    return ModelReply(
        parts=(*parts, *answer.tool_calls),
        stop_reason=stop_reason,
        usage=Usage(input=input_tokens(request), output=output),
        model=request.model,
    )
