from collections.abc import Callable
from typing import Any, Literal

class Runner:
    def __init__(
        self,
        turn: Any,
        places: dict[str, Any],
        find: Callable[[Any], Any],
        to: list[Any],
        letters: list[Any],
        /,
    ) -> None: ...
    def tell(self, to: Any, message: Any) -> None: ...
    def detach(self, later: Callable[[Any, Any], None], /) -> None: ...
    def run(
        self,
        slots: list[Any],
        at: int,
        end: int,
        number: int,
        part: Any,
        acts: dict[Any, Any],
        save: Callable[[Any], Any] | None,
        key: Callable[[Any], Any] | None,
        ctx: Any,
        end_turn: Callable[[Any, Any], None],
        limit: int,
        /,
    ) -> tuple[int, tuple[int, Any, Any, BaseException | None] | Literal[False] | None]: ...

class Hand:
    def __init__(
        self,
        host: Any,
        parts: dict[str, Any],
        places: dict[str, Any],
        blank: Any,
        asked: Callable[[], Any],
        begin: Callable[..., Any],
        done: Any,
        few: float,
        shallow: float,
        burst: float,
        /,
    ) -> None: ...
    def __call__(self, slot: Any, letter: Any, /) -> Any: ...
    def ask(self, turn: Any, to: Any, message: Any, /) -> tuple[Any, Any, Any]: ...
    def several(self, ready: Any, most: int, /) -> tuple[int, Any]: ...
    def hold(self, turn: Any, /) -> None: ...

class Notes:
    def __init__(self, update: Callable[[bytes], Any], other: Callable[[Any], bytes], /) -> None: ...
    def add(self, *values: Any) -> None: ...
    def flush(self) -> None: ...

def learn(
    slot: type,
    turn: type,
    letter: type,
    talk: type,
    part: type,
    act: type,
    allowance: type,
    kind: type,
    check: Callable[[object], None],
    /,
) -> None: ...
def sort(
    places: list[Any], letters: list[Any], due: list[Any], enter: Callable[[Any], None], /
) -> list[tuple[Any, Any]]: ...
