"""The Messages API as a server speaks it: a body becomes a request, an answer becomes a body or events.

Source: the types of anthropic 2.11. The server refuses what the service refuses, so that a client that
passes here has been corrected before it costs money.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import JsonValue

from stigmergy.runtime.models.port import (
    ModelMessage,
    ModelRequest,
    Opaque,
    Part,
    TextPart,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from stigmergy.runtime.models.scripted import Answer, Said

from .messages_server_books import BYTES_PER_TOKEN, PRICES, Tokens, blocks_of, text_tokens
from .messages_server_faults import FaultKind

PIECE: Final = 12
"""Characters in one text delta."""

HUGE: Final = 10 * 1024 * 1024

NO_FORCED_TOOLS: Final = frozenset({"claude-opus-5-5", "claude-fable-5-1"})
SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})


class Rejected(Exception):
    """A request that the service would not accept: status, error type, message."""

    def __init__(self, status: int, type: str, message: str) -> None:
        super().__init__(status, type, message)
        self.status, self.type, self.message = status, type, message


def check(body: Any, *, counting: bool) -> None:
    """Refuse what the service refuses. Raises: Rejected."""
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Rejected(400, "invalid_request_error", "messages: at least one message is required")
    if body.get("model") not in PRICES:
        raise Rejected(404, "not_found_error", f"model: {body.get('model')}")
    if not counting and not (isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0):
        raise Rejected(400, "invalid_request_error", "max_tokens: Field required")
    if found := SAMPLING & body.keys():
        raise Rejected(400, "invalid_request_error", f"{min(found)}: is not supported by this version")
    if body["model"] in NO_FORCED_TOOLS and (body.get("tool_choice") or {}).get("type") in {"any", "tool"}:
        raise Rejected(400, "invalid_request_error", "tool_choice: this model cannot be forced to use a tool")
    if any(block.get("type") == "text" and not block["text"] for block in blocks_of(body)):
        raise Rejected(400, "invalid_request_error", "messages: text content blocks must be non-empty")


def request_of(body: dict[str, Any]) -> ModelRequest:
    """What a brain gets to see."""
    system = body.get("system") or ""
    return ModelRequest(
        model=body["model"],
        messages=tuple(ModelMessage(role=m["role"], parts=_parts(m["content"])) for m in body["messages"]),
        system=system if isinstance(system, str) else "\n".join(block["text"] for block in system),
        tools=tuple(
            ToolSpec(name=t["name"], description=t.get("description", ""), parameters=t["input_schema"])
            for t in body.get("tools") or ()
        ),
        max_tokens=body.get("max_tokens", 1),
        output=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        stop=tuple(body.get("stop_sequences") or ()),
    )


def _parts(content: str | list[dict[str, Any]]) -> tuple[Part, ...]:
    return (TextPart(text=content),) if isinstance(content, str) else tuple(map(_part, content))


def _part(block: dict[str, Any]) -> Part:
    match block["type"]:
        case "text":
            return TextPart(text=block["text"])
        case "tool_use":
            return ToolCall(id=block["id"], name=block["name"], args=block["input"])
        case "tool_result":
            told = block.get("content", "")
            text = told if isinstance(told, str) else "".join(b.get("text", "") for b in told)
            return ToolResult(call_id=block["tool_use_id"], text=text, is_error=bool(block.get("is_error")))
        case _:
            return Opaque(data=block)


def echo(request: ModelRequest) -> Said:
    """The brain of a server that was given none: says what it was told, in the shape that was asked for."""
    text = request.messages[-1].text
    if isinstance(request.output, dict):
        return Answer(data=_example(request.output, request.output, text))
    return text


def _example(schema: Any, root: dict[str, Any], text: str) -> JsonValue:
    """The plainest value that follows a schema."""
    if "$ref" in schema:
        return _example(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root, text)
    for choice in ("enum", "const"):
        if choice in schema:
            value: JsonValue = schema[choice][0] if choice == "enum" else schema[choice]
            return value
    for choice in ("anyOf", "allOf"):
        if choice in schema:
            return _example(schema[choice][0], root, text)
    match schema["type"]:
        case "object":
            return {name: _example(part, root, text) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [_example(schema["items"], root, text)] if schema.get("minItems") else []
        case simple:
            plainest: dict[str, JsonValue] = {"integer": 0, "number": 0.0, "boolean": False, "null": None}
            return plainest.get(simple, text)


def message_of(body: dict[str, Any], answer: Answer, used: Tokens, id: str) -> tuple[dict[str, Any], Tokens]:
    """The answer as the API gives it, cut to ``max_tokens``, and what it used in all."""
    text = answer.text if answer.data is None else json.dumps(answer.data)
    calls = [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.args} for c in answer.tool_calls]
    reason = answer.stop_reason or ("tool_use" if calls else "end_turn")
    found = [(at, stop) for stop in body.get("stop_sequences") or () if (at := text.find(stop)) >= 0]
    stop = min(found)[1] if found else None
    if found:
        text, reason = text[: min(found)[0]], "stop_sequence"
    output = text_tokens(text) + sum(text_tokens(json.dumps(call)) for call in calls) or 1
    if output > body["max_tokens"]:
        kept = text.encode()[: body["max_tokens"] * BYTES_PER_TOKEN]
        text, calls, output, reason = kept.decode(errors="ignore"), [], body["max_tokens"], "max_tokens"
    tokens = Tokens(used.input, output, used.write_5m, used.write_1h, used.read)
    message = {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [*([{"type": "text", "text": text}] if text else []), *calls],
        "stop_reason": reason,
        "stop_sequence": stop,
        "usage": _usage(tokens, marked=any(block.get("cache_control") for block in blocks_of(body))),
    }
    return message, tokens


def _usage(tokens: Tokens, *, marked: bool) -> dict[str, Any]:
    """Cache fields are null when no cache was asked for: the SDK's types allow it, so clients must."""
    lifetimes = {"ephemeral_5m_input_tokens": tokens.write_5m, "ephemeral_1h_input_tokens": tokens.write_1h}
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_creation_input_tokens": tokens.write_5m + tokens.write_1h if marked else None,
        "cache_read_input_tokens": tokens.read if marked else None,
        "cache_creation": lifetimes if marked else None,
    }


def spoiled(message: dict[str, Any], kind: FaultKind) -> dict[str, Any]:
    """The message as a fault leaves it; most faults break the transport instead."""
    if kind == "no_usage":
        return {name: value for name, value in message.items() if name != "usage"}
    if kind == "huge":
        return message | {"content": [{"type": "text", "text": "x" * HUGE}]}
    if kind == "bad_tool_args":
        call = {"type": "tool_use", "id": "toolu_bad", "name": "tool", "input": '{"city": "Par'}
        return message | {"content": [call], "stop_reason": "tool_use"}
    return message


def events_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same message as a stream of events."""
    usage = {"usage": message["usage"] | {"output_tokens": 1}} if "usage" in message else {}
    yield {
        "type": "message_start",
        "message": message | {"content": [], "stop_reason": None, "stop_sequence": None} | usage,
    }
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    end = {name: message[name] for name in ("stop_reason", "stop_sequence")}
    total = {"usage": {"output_tokens": message["usage"]["output_tokens"]}} if usage else {}
    yield {"type": "message_delta", "delta": end, **total}
    yield {"type": "message_stop"}


def _block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        empty, field, whole = {"type": "text", "text": ""}, ("text_delta", "text"), block["text"]
    else:
        empty, field = block | {"input": {}}, ("input_json_delta", "partial_json")
        whole = block["input"] if isinstance(block["input"], str) else json.dumps(block["input"])
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    step = max(PIECE, len(whole) // 100)
    for at in range(0, len(whole), step):
        yield {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": field[0], field[1]: whole[at : at + step]},
        }
    yield {"type": "content_block_stop", "index": index}


def sse(event: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
