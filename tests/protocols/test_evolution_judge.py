"""What is called harmless, against the jsonschema package: an old message must stay valid."""

import random
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from stigmergy.protocols.evolution import breaking_changes
from tests.depth import depth

CASES = depth(250, 800)


def a_schema(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """A random schema of the kind that pydantic writes."""
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "any"]
    kind = rng.choice(kinds + ([] if depth > 2 else ["object", "object", "array", "union", "ref", "map"]))
    made: dict[str, Any] = {"type": kind}
    if kind == "string" and rng.random() < 0.5:
        made["maxLength"] = rng.choice([1, 2, 3])
    elif kind in ("integer", "number") and rng.random() < 0.5:
        made[rng.choice(["minimum", "maximum", "exclusiveMinimum"])] = rng.choice([0, 1, 2])
    elif kind == "enum":
        made = {"enum": rng.sample([1, 2, "a", "b", True, None], rng.choice([1, 2, 3]))}
    elif kind == "any":
        made = {}
    elif kind == "array":
        made |= {"items": a_schema(rng, depth + 1)}
        if rng.random() < 0.3:
            made["maxItems"] = rng.choice([1, 2])
    elif kind == "union":
        made = {"anyOf": [a_schema(rng, depth + 1) for _ in range(rng.choice([1, 2, 3]))]}
    elif kind == "ref":
        made = {"$ref": rng.choice(["#/$defs/A", "#/$defs/B"])}
    elif kind == "map":
        made = {"type": "object", "additionalProperties": a_schema(rng, depth + 1)}
    elif kind == "object":
        names = rng.sample("pqr", rng.choice([1, 2, 3]))
        made |= {"properties": {name: a_schema(rng, depth + 1) for name in names}, "additionalProperties": False}
        made["required"] = [name for name in names if rng.random() < 0.5]
    return made


def a_root(rng: random.Random) -> dict[str, Any]:
    body = {"type": "object", "properties": {"p": a_schema(rng), "q": a_schema(rng)}, "additionalProperties": False}
    return body | {"required": rng.choice([[], ["p"], ["p", "q"]]), "$defs": {name: a_def(rng) for name in "AB"}}


def a_def(rng: random.Random) -> dict[str, Any]:
    """Never a bare reference, so that no circle is without substance; inside it may refer to itself."""
    found = a_schema(rng, 1)
    while "$ref" in found or "anyOf" in found:
        found = a_schema(rng, 1)
    return found


def changed(rng: random.Random, value: Any) -> Any:
    """The same JSON with a place or two redrawn."""
    if isinstance(value, dict):
        if rng.random() < 0.06 and "$defs" not in value and value.keys() & {"type", "anyOf", "enum", "$ref"}:
            return a_schema(rng, 2)
        done = {key: changed(rng, item) for key, item in value.items()}
        for name, found in done.get("$defs", {}).items():
            if "$ref" in found or "anyOf" in found:
                done["$defs"][name] = value["$defs"][name]
        if "properties" in done and rng.random() < 0.2:
            done["properties"] = done["properties"] | {"s": a_schema(rng, 2)}
        for key in ("maxLength", "minimum", "maximum", "maxItems"):
            if key in done and rng.random() < 0.2:
                done[key] += rng.choice([-1, 1])
        return done
    return [changed(rng, item) for item in value] if isinstance(value, list) else value


def an_instance(rng: random.Random, schema: Any, root: dict[str, Any], depth: int = 0) -> Any:
    """A value that probably is valid."""
    if schema is True or not schema or depth > 6:
        return rng.choice([None, 1, "a", [], {}, 2.5, True])
    if "$ref" in schema:
        return an_instance(rng, root["$defs"][schema["$ref"][-1]], root, depth + 1)
    if "anyOf" in schema:
        return an_instance(rng, rng.choice(schema["anyOf"]), root, depth + 1)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema["type"] == "array":
        return [an_instance(rng, schema["items"], root, depth + 1) for _ in range(rng.choice([0, 1, 2]))]
    if schema["type"] == "object" and "properties" in schema:
        chosen = [n for n in schema["properties"] if n in schema.get("required", ()) or rng.random() < 0.5]
        return {name: an_instance(rng, schema["properties"][name], root, depth + 1) for name in chosen}
    if schema["type"] == "object":
        return {name: an_instance(rng, schema["additionalProperties"], root, depth + 1) for name in rng.sample("xy", 1)}
    samples: dict[str, list[Any]] = {
        "string": ["", "a", "bbb"],
        "integer": [0, 1, 2, 3],
        "number": [0, 1.5, 2, 3],
        "boolean": [True, False],
    }
    return rng.choice(samples.get(schema["type"], [None]))


def test_what_is_called_harmless_never_invalidates_an_old_message() -> None:
    rng = random.Random(7)
    harmless = harmful = witnesses = 0
    for _ in range(CASES):
        old = a_root(rng)
        new = changed(rng, old)
        before, after = Draft202012Validator(old), Draft202012Validator(new)
        messages = [message for _ in range(12) if before.is_valid(message := an_instance(rng, old, old))]
        broken = [message for message in messages if not after.is_valid(message)]
        problems = breaking_changes(old, new)
        harmless += not problems and old != new
        harmful += bool(problems)
        witnesses += bool(problems and broken)
        assert problems or not broken, (old, new, broken)
    assert harmless > CASES / 16, "the test has to meet harmless changes"
    assert witnesses > CASES / 16, "the test has to meet harmful changes that the judge can see"
    assert harmful < CASES * 15 / 16


def test_every_type_may_follow_itself() -> None:
    rng = random.Random(8)
    for _ in range(500):
        root = a_root(rng)
        assert breaking_changes(root, a_copy(root) | {"title": "not simply equal"}) == []


def a_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: a_copy(item) for key, item in value.items()}
    return [a_copy(item) for item in value] if isinstance(value, list) else value
