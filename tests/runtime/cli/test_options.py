"""An app's options become flags, and flags become the options."""

from __future__ import annotations

import argparse
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from stigmergy.protocols.errors import UsageError
from stigmergy.runtime.app import Options
from stigmergy.runtime.cli.options import add_options, read_options


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Everything(Options):
    """One of each kind."""

    name: str = "x"
    count: int = 1
    share: float | None = None
    file: Path = Path("here")
    loud: bool = False
    quiet_please: bool = True
    mode: Literal["slow", "fast"] = "slow"
    level: Literal[1, 2] = 1
    colour: Colour = Colour.RED
    tags: list[str] = Field(default_factory=list)
    numbers: tuple[int, ...] = ()
    bounded: Annotated[int, Field(ge=0)] = 0


def parse(model, *words):
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument_group("own"), model, ["-h", "--help"])
    return read_options(model, parser.parse_args(words))


def test_without_flags_the_defaults_hold():
    assert parse(Everything) == Everything()


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["--name", "y"], {"name": "y"}),
        (["--name", "12"], {"name": "12"}),
        (["--count", "12"], {"count": 12}),
        (["--share", "0.5"], {"share": 0.5}),
        (["--file", "a/b"], {"file": Path("a/b")}),
        (["--loud"], {"loud": True}),
        (["--no-quiet-please"], {"quiet_please": False}),
        (["--mode", "fast"], {"mode": "fast"}),
        (["--level", "2"], {"level": 2}),
        (["--colour", "blue"], {"colour": Colour.BLUE}),
        (["--tags", "a", "--tags", "b"], {"tags": ["a", "b"]}),
        (["--numbers", "1", "--numbers", "2"], {"numbers": (1, 2)}),
        (["--bounded=3"], {"bounded": 3}),
    ],
)
def test_every_kind_of_flag_is_read(words, changed):
    assert parse(Everything, *words) == Everything().model_copy(update=changed)


def test_a_value_that_does_not_fit_names_its_flag():
    with pytest.raises(UsageError, match="^--bounded -1: input should be greater than or equal to 0$"):
        parse(Everything, "--bounded", "-1")


def test_a_missing_option_is_asked_for_with_its_description():
    class Strict(Options):
        history: Path = Field(description="tickets of the past")

    with pytest.raises(UsageError, match="^--history is missing: tickets of the past$"):
        parse(Strict)


def test_options_that_contradict_each_other_are_told_in_the_words_of_the_app():
    class Pair(Options):
        low: int = 0
        high: int = 1

        @model_validator(mode="after")
        def ordered(self):
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    with pytest.raises(UsageError, match="^the options do not fit together: low is above high$"):
        parse(Pair, "--low", "5")
