"""Our requests and replies in the words of the Messages API.

Source: the API reference as the SDK has it (anthropic 2.11, ``anthropic/types``). The rule of this
file: what the API does not say is not invented. An answer without usage is no answer, because nobody
could say what it cost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from stigmergy.protocols.errors import UsageError

from .failures import OutputInvalid, Refused, Unavailable
from .port import (
    CacheTtl,
    ModelMessage,
    ModelReply,
    ModelRequest,
    Opaque,
    Part,
    TextPart,
    ToolCall,
    ToolSpec,
    Usage,
)
from .structured import finish


def prompt(request: ModelRequest) -> dict[str, Any]:
    """What counts as input: the arguments of ``messages.count_tokens``. Raises: UsageError."""
    params: dict[str, Any] = {"model": request.model, "messages": [_message(m) for m in request.messages]}
    mark = {"cache_control": {"type": "ephemeral", "ttl": request.cache}} if request.cache else {}
    if request.system:
        params["system"] = [{"type": "text", "text": request.system, **mark}]
    if request.tools:
        params["tools"] = [_tool(tool) for tool in request.tools]
        params["tools"][-1].update(mark)
    if request.output is not None:
        params["output_config"] = {"format": {"type": "json_schema", "schema": _schema(request.output)}}
    return params


def question(request: ModelRequest) -> dict[str, Any]:
    """The arguments of ``messages.create``. Raises: UsageError."""
    params = prompt(request) | {"max_tokens": request.max_tokens}
    if request.stop:
        params["stop_sequences"] = list(request.stop)
    return params


def headers(request: ModelRequest) -> dict[str, str]:
    """What names this call in a provider's or a gateway's log."""
    named = {"stigmergy-request": request.key()}
    return named | {"stigmergy-call": request.call_id} if request.call_id else named


def _schema(output: type[BaseModel] | dict[str, JsonValue]) -> dict[str, Any]:
    """What the API allows of a schema; the rest moves into descriptions, and is checked when the answer comes."""
    return _schema_of(output) if isinstance(output, type) else _allowed(output)


@lru_cache(maxsize=256)
def _schema_of(output: type[BaseModel]) -> dict[str, Any]:
    """The same of a class, never to be changed: working it out takes three milliseconds, twice for each call."""
    return _allowed(output)


def _allowed(output: type[BaseModel] | dict[str, JsonValue]) -> dict[str, Any]:
    from anthropic import transform_schema  # noqa: PLC0415 - imports the SDK, and few requests have a schema

    try:
        return transform_schema(output)
    except (ValueError, TypeError) as why:
        raise UsageError(f"output= is no schema that the Messages API takes: {why}") from why


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


def _message(message: ModelMessage) -> dict[str, Any]:
    # The API refuses empty text blocks.
    blocks = [_block(part) for part in message.parts if not (isinstance(part, TextPart) and not part.text)]
    return {"role": message.role, "content": blocks}


def _block(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.args}
        case Opaque():
            return part.data
        case _:
            return {
                "type": "tool_result",
                "tool_use_id": part.call_id,
                "content": part.text,
                "is_error": part.is_error,
            }


def answer(body: Any, request: ModelRequest, attempts: int, latency_s: float) -> ModelReply:
    """The reply in the body of a finished answer. Raises: Unavailable, Refused, OutputInvalid."""
    usage = _usage(body, request.cache) if isinstance(body, dict) and body.get("type") == "message" else None
    if usage is None:
        raise Unavailable("the answer is not a Messages API message with usage", "unknown", None, attempts)
    if body.get("stop_reason") == "refusal":
        details = body.get("stop_details")
        why = details.get("explanation") if isinstance(details, dict) else None
        raise Refused(f"{request.model} declined to answer: {why or 'it gave no reason'}", "spent", usage, attempts)
    try:
        reply = ModelReply(
            parts=tuple(_part(block) for block in body["content"]),
            stop_reason=body["stop_reason"],
            usage=usage,
            model=body["model"],
            id=body["id"],
            attempts=attempts,
            latency_s=latency_s,
        )
    except (ValidationError, KeyError, TypeError) as why:
        first = why.errors(include_url=False, include_input=False)[0] if isinstance(why, ValidationError) else None
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else f"{type(why).__name__}: {why}"
        raise OutputInvalid(f"the answer is not well formed: {told}", "spent", usage, attempts) from None
    return finish(request, reply)


def _part(block: dict[str, Any]) -> Part:
    if block["type"] == "text":
        return TextPart(text=block["text"])
    if block["type"] == "tool_use":
        return ToolCall(id=block["id"], name=block["name"], args=block["input"])
    return Opaque(data=block)


def _usage(body: dict[str, Any], ttl: CacheTtl | None) -> Usage | None:
    """Cache fields may be null. Writes that are not told apart by lifetime count as what was asked for."""
    told = body.get("usage")
    if not isinstance(told, dict):
        return None
    written = told.get("cache_creation_input_tokens") or 0
    lifetimes = told.get("cache_creation") or {"ephemeral_1h_input_tokens": written if ttl == "1h" else 0}
    try:
        hour = min(written, lifetimes.get("ephemeral_1h_input_tokens") or 0)
        return Usage(
            input=told["input_tokens"],
            output=told["output_tokens"],
            cache_write_5m=written - hour,
            cache_write_1h=hour,
            cache_read=told.get("cache_read_input_tokens") or 0,
        )
    except (ValidationError, KeyError, TypeError, AttributeError):
        return None
