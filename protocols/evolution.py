"""Which changes to a message type break those who use it.

A message type keeps its ``name@version`` while two promises hold: what was valid still is (the journal holds old
messages, and replays them), and what readers rely on is still there. Everything else needs the next version.

The check reads the JSON schemas, keyword by keyword. It knows what pydantic writes; a keyword that it cannot judge
may go away or stay as it is, but not change. So it may refuse a harmless change, and lets no harmful one pass
among messages that refuse unknown fields, as ours do. The rules for reader and writer are those of Avro's schema
resolution (avro.apache.org/docs/1.12.0/specification), with JSON schema's keywords.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from .card import AgentCard
from .errors import InvalidCard, UsageError

Schema = dict[str, Any]
Problem = tuple[str, str]
"""Where, seen from the schema at hand, and what."""

_ANNOTATIONS: Final = frozenset(
    {"$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated", "description", "discriminator"}
    | {"examples", "readOnly", "title", "writeOnly"}
)
_LOWER: Final = frozenset({"exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum"})
_UPPER: Final = frozenset({"exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum"})
_MAY_GO: Final = frozenset({"contentEncoding", "contentMediaType", "format", "multipleOf", "pattern", "uniqueItems"})
_JUDGED: Final = frozenset(
    {"additionalProperties", "const", "enum", "items", "prefixItems", "properties", "required", "type"}
) | (_LOWER | _UPPER | _MAY_GO)
_MAX_STEPS: Final = 10_000
_MAX_REFS: Final = 32


def breaking_changes(old: Schema, new: Schema, *, readers: bool = True) -> list[str]:
    """What in ``new`` breaks users of ``old``, each with the path of its field; empty when nothing does.

    Without ``readers`` only what was valid has to stay valid: nobody but the new code reads it.

    Adding an optional field, allowing more values and rewording are fine. Removing a required field or making it
    optional, requiring a new one, and allowing less are not. Raises: InvalidCard for a schema that is none.
    """
    problems = _Comparison(old, new, readers=readers).problems()
    return [f"{path.lstrip('.')[:120] or 'the message'}: {text}" for path, text in problems]


def check_state(kind: str, old: Schema, new: Schema) -> None:
    """Let a kind's state of description ``new`` take the place of ``old`` (`KindSpec.state`).

    Raises: UsageError that names the field.
    """
    if not old or not new:
        return  # a journal of before says nothing of states
    then, now = old["version"], new["version"]
    if then > now:
        raise UsageError(f"states of kind {kind} have version {then} in this journal, its class {now}: use newer code")
    if then < now and then not in new["reads"]:
        raise UsageError(
            f"states of kind {kind} have version {then} in this journal, and the class of version {now} does not read "
            f"them: give it functions from @upcasts({then}) on"
        )
    changes = breaking_changes(old["schema"], new["schema"], readers=False) if then == now else []
    if changes:
        raise UsageError(
            f"states of kind {kind} in this journal do not fit its class: {'; '.join(changes[:5])}; give the class "
            f"version={now + 1} and a function @upcasts({now})"
        )


def check_successor(old: AgentCard, new: AgentCard, reads: Iterable[str] = ()) -> None:
    """Let ``new`` take the place of ``old``. Raises: InvalidCard with every breaking change.

    A type that was accepted must stay accepted, or be one that the new kind ``reads``: messages of it may be waiting.
    """
    before, after = old.declared_types(), new.declared_types()
    accepted = {one.id for one in after.accepts} | set(reads)
    problems = [f"{one.id} is no longer accepted" for one in before.accepts if one.id not in accepted]
    for then, now in ((before.accepts, after.accepts), (before.emits, after.emits)):
        schemas = {one.id: one.json_schema for one in now}
        for one in then:
            if one.id in schemas:
                problems += [f"{one.id}: {change}" for change in breaking_changes(one.json_schema, schemas[one.id])]
    if problems:
        raise InvalidCard(
            f"card {new.name!r:.80} contradicts the one already registered: {'; '.join(problems[:5])}; "
            "keep the old type and give the changed one a new version, or a new version and @upcasts(the old one)"
        )


class _Comparison:
    """One walk over two schemas side by side. References may be circular, and whoever wrote them may be hostile."""

    def __init__(self, old: Schema, new: Schema, *, readers: bool) -> None:
        self._old, self._new, self._readers = old, new, readers
        self._same_definitions = old.get("$defs") == new.get("$defs")
        self._verdicts: dict[tuple[int, int], list[Problem]] = {}
        self._unions: dict[int, list[Schema]] = {}
        self._constants: dict[bool, Schema] = {True: {}, False: {"not": {}}}
        self._steps = 0

    def problems(self) -> list[Problem]:
        try:
            return [] if self._old == self._new else self._compare(self._old, self._new)
        except RecursionError:
            raise InvalidCard("the schema is nested too deeply to compare; simplify it") from None

    def _compare(self, old: Any, new: Any) -> list[Problem]:
        old, new = self._resolve(old, self._old), self._resolve(new, self._new)
        pair = (id(old), id(new))
        if pair in self._verdicts:
            return self._verdicts[pair]
        mark = len(self._verdicts)
        self._verdicts[pair] = []  # a recursive type, met again inside itself, is fine if all the rest of it is
        found = self._unaccepted(old, new)
        if found:  # then what was judged meanwhile, on that assumption, has to be judged again
            for later in list(self._verdicts)[mark:]:
                del self._verdicts[later]
            self._verdicts[pair] = found
        return found

    def _unaccepted(self, old: Schema, new: Schema) -> list[Problem]:
        """Why some alternative of ``old`` has none in ``new`` that takes it."""
        choices = self._alternatives(new, self._new)
        found: list[Problem] = []
        for branch in self._alternatives(old, self._old):
            tried = sorted([self._keywords(branch, choice) for choice in choices], key=len)
            if not tried:
                found.append(("", "nothing is valid any more"))
            elif tried[0]:
                found += tried[0]
        return found

    def _alternatives(self, schema: Schema, root: Schema) -> list[Schema]:
        """The members of a union, resolved; anything else is its own single member."""
        schema = self._resolve(schema, root)
        known = self._unions.get(id(schema))
        if known is not None:
            return known
        self._unions[id(schema)] = [schema]
        rest = schema.keys() - _ANNOTATIONS
        union = schema.get("anyOf") if "discriminator" not in schema else schema.get("oneOf")
        if isinstance(union, list) and len(rest) == 1:
            members: list[Schema] = []
            for part in union:
                members += self._alternatives(part, root)
                self._count(len(members))
            self._unions[id(schema)] = members
        elif isinstance(schema.get("type"), list):
            self._unions[id(schema)] = [{**schema, "type": name} for name in schema["type"]]
        return self._unions[id(schema)]

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MAX_STEPS:
            raise InvalidCard(f"the schema is too entangled to compare ({_MAX_STEPS:,} steps); simplify it")

    def _resolve(self, schema: Any, root: Schema) -> Schema:
        for _ in range(_MAX_REFS):
            if isinstance(schema, bool):
                return self._constants[schema]
            if not isinstance(schema, dict):
                raise InvalidCard(f"{schema!r:.40} stands where a JSON schema should; write an object")
            reference = schema.get("$ref")
            if reference is None or not schema.keys() <= _ANNOTATIONS | {"$ref"}:
                return schema
            schema = _follow(reference, root)
        raise InvalidCard("the schema refers to itself without end; break the circle of $ref")

    def _keywords(self, old: Schema, new: Schema) -> list[Problem]:
        """Compare two schemas without a union at the top."""
        self._count(1)
        found = _types(old, new) or (_values(old, new) + _bounds(old, new))
        for key in sorted((old.keys() | new.keys()) - _ANNOTATIONS - _JUDGED):
            if old.get(key) != new.get(key) or not (self._same_definitions or "$ref" not in json.dumps(new.get(key))):
                found.append(f"{key} changed, which cannot be judged")
        return [("", text) for text in found] + self._elements(old, new) + self._fields(old, new)

    def _elements(self, old: Schema, new: Schema) -> list[Problem]:
        first, second = old.get("prefixItems", []), new.get("prefixItems", [])
        if not (isinstance(first, list) and isinstance(second, list) and len(first) == len(second)):
            return [("", "its number of positions changed")]
        pairs = [*zip(first, second, strict=True), (old.get("items", True), new.get("items", True))]
        return [problem for then, now in pairs for problem in self._below("[]", then, now)]

    def _fields(self, old: Schema, new: Schema) -> list[Problem]:
        before, after = _mapping(old, "properties"), _mapping(new, "properties")
        needed, needs = _names(old), _names(new)
        others = new.get("additionalProperties", True)
        found = [(f".{name}", "is required now, and old messages lack it") for name in needs - needed]
        for name, then in before.items():
            place = f".{name}"
            if name not in after and (name in needed or others is False):
                found.append((place, "was removed"))
            elif name not in needs and name in needed and self._readers:
                found.append((place, "is no longer required, and readers rely on it"))
            else:
                found += self._below(place, then, after.get(name, others))
        unknown = old.get("additionalProperties", True)
        if others is False and unknown is not False:
            found.append(("", "refuses unknown fields now"))
        elif unknown is not False:
            found += self._below(".*", unknown, others)
        return sorted(found)

    def _below(self, step: str, old: Any, new: Any) -> list[Problem]:
        return [(step + path, text) for path, text in self._compare(old, new)]


def _follow(reference: Any, root: Schema) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise InvalidCard(f"$ref {reference!r:.80} leaves the schema; put what it means under $defs")
    target: Any = root
    for step in reference.lstrip("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")  # RFC 6901
        if not isinstance(target, dict) or name not in target:
            raise InvalidCard(f"$ref {reference!r:.80} points at nothing")
        target = target[name]
    return target


def _types(old: Schema, new: Schema) -> list[str]:
    then, now = old.get("type"), new.get("type")
    if now in (None, then) or (then, now) == ("integer", "number"):
        return []
    return [f"was {then or 'anything'}, is {now} now"]


def _values(old: Schema, new: Schema) -> list[str]:
    allowed = _enumerated(new)
    if allowed is None:
        return []
    before = _enumerated(old)
    if before is None:
        return [f"is limited to {len(allowed)} values now"]
    gone = sorted(before - allowed)
    return [f"does not take {', '.join(gone)[:80]} any more"] if gone else []


def _enumerated(schema: Schema) -> set[str] | None:
    """The values that const and enum leave, as JSON: in Python 1 equals True."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return {json.dumps(value, sort_keys=True) for value in values} if isinstance(values, list) else None


def _bounds(old: Schema, new: Schema) -> list[str]:
    found = []
    for key in sorted(new.keys() & (_LOWER | _UPPER | _MAY_GO)):
        then, now = old.get(key), new[key]
        looser = then == now
        if isinstance(then, (int, float)) and isinstance(now, (int, float)) and key not in _MAY_GO:
            looser = now <= then if key in _LOWER else now >= then
        if not looser:
            found.append(f"{key} is {now!r:.40} now, was {'open' if then is None else repr(then)[:40]}")
    return found


def _mapping(schema: Schema, key: str) -> Schema:
    value = schema.get(key, {})
    if not isinstance(value, dict):
        raise InvalidCard(f"{key} is {value!r:.40}; a JSON schema has an object there")
    return value


def _names(schema: Schema) -> set[str]:
    value = schema.get("required", [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidCard(f"required is {value!r:.40}; a JSON schema has a list of names there")
    return set(value)
