"""From the text of an answer to the data that was asked for.

The rule of this file: a reply that leaves it can be trusted and recorded. Its ``output`` follows the
schema of the request, and all of it fits the journal's codec. A reply that does neither has been
paid for all the same, so the error carries its usage.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from pydantic import BaseModel, JsonValue, ValidationError

from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import Malformed

from .failures import OutputInvalid
from .port import ModelReply, ModelRequest

EXCERPT: Final = 200
"""Characters of a bad answer that an error quotes."""


def finish(request: ModelRequest, reply: ModelReply) -> ModelReply:
    """The reply with its ``output`` filled in and checked. Raises: OutputInvalid."""
    if request.output is not None and not reply.tool_calls:
        reply = reply.model_copy(update={"output": _checked(request.output, reply)})
    try:
        pack(reply.to_plain())
    except (Malformed, ValueError) as why:
        raise OutputInvalid(f"the answer cannot be recorded: {why}", "spent", reply.usage, reply.attempts) from None
    return reply


def _checked(output: type[BaseModel] | dict[str, JsonValue], reply: ModelReply) -> JsonValue:
    if reply.stop_reason == "max_tokens":
        _refuse(reply, "it was cut off at max_tokens; ask for less, or raise max_tokens")
    try:
        data = json.loads(reply.text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as why:
        _refuse(reply, f"it is not JSON ({why})")
    problem = _problem_of_class(output, data) if isinstance(output, type) else _problem_of_schema(output, data)
    if problem:
        _refuse(reply, problem)
    plain: JsonValue = data
    return plain


def _refuse(reply: ModelReply, problem: str) -> NoReturn:
    message = f"the answer does not follow the schema: {problem}; it begins {reply.text[:EXCERPT]!r}"
    raise OutputInvalid(message, "spent", reply.usage, reply.attempts) from None


def _no_constant(name: str) -> NoReturn:
    # RFC 8259, section 6: NaN and the infinities are not JSON, though Python reads them.
    raise ValueError(f"{name} is not a JSON number")


def _problem_of_class(cls: type[BaseModel], data: Any) -> str:
    try:
        cls.model_validate(data)
    except ValidationError as why:
        first = why.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the answer'}: {first['msg']}"
    return ""


def _problem_of_schema(schema: dict[str, JsonValue], data: Any) -> str:
    # It takes 60 ms to import, and most requests name a class.
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # noqa: PLC0415

    first = next(Draft202012Validator(schema).iter_errors(data), None)
    return "" if first is None else f"{'.'.join(map(str, first.absolute_path)) or 'the answer'}: {first.message}"
