from collections.abc import Callable
from typing import Any

def learn(slot: type, letter: type, /) -> None: ...
def columns(
    letters: list[tuple[str, Any]],
    order: dict[Any, int],
    words: dict[Any, int],
    new: list[Any],
    meet: Callable[[Any], Any],
    ticket: Callable[[Any], int],
    now: float,
    /,
) -> tuple[list[Any], list[list[Any]]]: ...
def letters(
    heads: list[Any],
    columns: list[list[Any]],
    known: list[Any],
    messages: list[list[Any]],
    inquire: Callable[[int, float], Any],
    /,
) -> tuple[list[tuple[str, Any, float]], list[int]]: ...
def deliver(
    letters: list[tuple[str, Any, float]],
    places: dict[str, Any],
    put: Callable[[Any], None],
    other: Callable[[str, Any, float], None],
    /,
) -> None: ...
