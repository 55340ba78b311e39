"""Arguments: argparse that raises one-line errors, and suggests what was meant."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` without abbreviations, whose errors are `UsageError`."""

    def __init__(self, prog: str, description: str = "", **more: Any) -> None:
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **more,
        )
        self.advice = f"see {prog} --help"

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage. Raises: UsageError."""
        refuse(f"{message.removeprefix('argument ')}; {self.advice}")

    def parse_all(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse, and refuse what is left over with a suggestion. Raises: UsageError."""
        known, rest = self.parse_known_intermixed_args(list(argv))
        if rest:
            unknown = next((word for word in rest if word.startswith("-")), rest[0]).partition("=")[0]
            what = "option" if unknown.startswith("-") else "argument"
            refuse(f"unknown {what} {unknown:.80}{meant(unknown, self.options())}; {self.advice}")
        return known

    def options(self) -> list[str]:
        """All flags that it knows."""
        return [name for action in self._actions for name in action.option_strings]


def refuse(text: str) -> NoReturn:
    """Say what is wrong with the input. Raises: UsageError."""
    from stigmergy.protocols.errors import UsageError  # here, because `--help` need not wait for it

    raise UsageError(text)


def meant(word: str, known: Iterable[str]) -> str:
    """`` (did you mean ...?)`` when something known looks alike; else nothing."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def whole(text: str) -> int:
    """A whole number from 0 up."""
    number = _whole(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative; give a whole number from 0 up")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number") from None


def up_to(most: int, why: str) -> Callable[[str], int]:
    """What reads a whole number from 1 to ``most``; ``why`` there are no more."""

    def read(text: str) -> int:
        number = _whole(text)
        if number < 1:
            raise argparse.ArgumentTypeError(f"{text} is too few; give a whole number from 1 to {most:,}")
        if number > most:
            raise argparse.ArgumentTypeError(f"{text:.40} is too many; give a whole number from 1 to {most:,}: {why}")
        return number

    return read


def positive(text: str) -> float:
    """A number from 0 up."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a number") from None
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not valid; give a finite number from 0 up")
    return number
