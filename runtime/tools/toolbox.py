"""The toolbox of a kind: which tools it may use, within which caps, and one call of one of them.

The rule of this file: a call that the kind may not make is refused before anything is recorded or paid.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from stigmergy.actors.host.deeds import Deed, carry_out
from stigmergy.actors.host.desk import Desk
from stigmergy.protocols.codec import check
from stigmergy.protocols.errors import Malformed, ToolRefused, ToolTimeout, UsageError
from stigmergy.protocols.legible import saying
from stigmergy.protocols.turn import Effect

from ..aside import aside, ordinary
from ..models.port import ToolSpec
from .declare import Allowed, Tool, Use


class Toolbox:
    """The tools of one kind by name."""

    def __init__(self, kind: str, tools: Sequence[Tool[Any, Any] | Allowed]) -> None:
        """Raises: UsageError when two tools have one name, or something is no tool."""
        self._kind = kind
        self._allowed: dict[str, Allowed] = {}
        for one in tools:
            if not isinstance(one, Tool | Allowed):
                raise UsageError(f"{kind}.tools: {one!r:.60} is no tool; make one with @tool(...)")
            allowed = one if isinstance(one, Allowed) else one.allow()
            if self._allowed.setdefault(allowed.tool.name, allowed) is not allowed:
                raise UsageError(f"{kind}.tools has two tools called {allowed.tool.name!r}; give one another name=")

    def specs(self) -> tuple[ToolSpec, ...]:
        """All tools as a model is told of them."""
        return tuple(allowed.tool.spec() for allowed in self._allowed.values())

    def effect(self, name: str) -> Effect | None:
        """What a tool of this kind does outside; None for one that is not on the list."""
        allowed = self._allowed.get(name)
        return None if allowed is None else allowed.tool.effect

    def marks(self, name: str) -> str:
        """How the results of a tool mark the context; empty when they do not."""
        return self._allowed[name].tool.marks

    def check_result(self, name: str, result: Any) -> None:
        """Refuse what a tool of this kind does not return. Raises: Malformed."""
        if name in self._allowed:
            _shaped(self._allowed[name].tool, result)

    async def call(self, desk: Desk, birth: str, name: str, arguments: Any, taint: tuple[str, ...]) -> Any:
        """One call, in the turn of that desk, by a context with these marks; ``birth`` names the run.

        Raises: ToolError, BudgetExhausted, StepFailed, NonDeterministic, Malformed (the result does not fit).
        """
        allowed, checked = self._check(name, arguments)
        tool, agent = allowed.tool, desk.delivery.agent
        marks = tuple(mark for mark in taint if mark not in allowed.trust) if tool.effect == "irreversible" else ()
        deed = Deed(tool.name, tool.effect, checked.model_dump(mode="json"), marks, tool.timeout_s, birth)

        async def run(key: str) -> Any:
            use = Use(key, agent, desk.delivery.envelope.conversation)
            try:
                async with asyncio.timeout(tool.timeout_s) as limit:
                    result = await _run(tool, checked, use)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise ToolTimeout(f"{tool.name} took longer than {tool.timeout_s:g} s") from None
            plain = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
            return check(plain, f"the result of {tool.name}")

        return _shaped(tool, await carry_out(desk, deed, run))

    def _check(self, name: str, arguments: Any) -> tuple[Allowed, BaseModel]:
        allowed = self._allowed.get(name)
        if allowed is None:
            known = ", ".join(self._allowed) or "none"
            raise ToolRefused(f"{self._kind} may not use {name!r:.60} (its tools: {known:.200}); put it on its list")
        takes = allowed.tool.takes
        try:
            plain = arguments.model_dump() if isinstance(arguments, BaseModel) else arguments
            checked: BaseModel = takes.model_validate(plain)
        except ValidationError as why:
            first = why.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the arguments"
            raise ToolRefused(f"{name}: {where}: {first['msg']}") from None
        for field, cap in allowed.caps.items():
            objection = cap.objection(getattr(checked, field))
            if objection:
                raise ToolRefused(f"{name}: {field} {objection} at {self._kind}")
        return allowed, checked


async def _run(tool: Tool[Any, Any], arguments: BaseModel, use: Use) -> Any:
    if inspect.iscoroutinefunction(tool.function):
        return await tool.function(arguments, use)
    return await aside(f"tool-{tool.name}", partial(ordinary, partial(tool.function, arguments, use)))


def _shaped(tool: Tool[Any, Any], result: Any) -> Any:
    """A recorded result as the tool returns it. A person may have written it. Raises: Malformed."""
    if tool.returns is None:
        return result
    try:
        return tool.returns.model_validate(result)
    except ValidationError as why:
        raise Malformed(f"the result of {tool.name} does not fit {saying(why)}") from None
