"""The rule of protocols/errors.py, held against Ray: positional fields cross a call, keyword-only ones do not."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.protocols.errors import KINDS, unpack

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


class KeywordOnly(Exception):
    """The shape that the rule forbids."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"over {limit}")
        self.limit = limit


class Thrower:
    """Raises what it is asked to."""

    async def throw(self, name: str, args: list[int]) -> None:
        raise KeywordOnly(limit=1) if name == "KeywordOnly" else unpack(name, args)


def test_every_error_is_caught_by_its_own_name_on_the_other_side_of_a_ray_call():
    import ray  # noqa: PLC0415 - after its settings

    thrower: Any = ray.remote(num_cpus=0)(Thrower).remote()
    caught: dict[str, Any] = {}
    kinds: dict[str, type[Exception]] = {**KINDS, "KeywordOnly": KeywordOnly}
    for name, cls in kinds.items():
        fields = getattr(cls, "fields", ())
        try:
            ray.get(thrower.throw.remote(name, list(range(len(fields)))), timeout=60)
        except cls as error:
            cause = error.cause  # type: ignore[attr-defined] # Ray raises a class of its own that is also ours
            caught[name] = [type(cause).__name__, {field: getattr(error, field) for field in fields}]
        except ray.exceptions.RayError as error:
            caught[name] = [type(error).__name__, {}]
    ray.kill(thrower)
    assert caught.pop("KeywordOnly") == ["UnserializableException", {}]
    assert caught == {
        name: [name, {field: place for place, field in enumerate(cls.fields)}] for name, cls in KINDS.items()
    }
