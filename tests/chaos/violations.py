"""A promise that was not kept."""

from __future__ import annotations

from typing import NamedTuple


class Violation(NamedTuple):
    """``kind`` is ``lost``, ``duplicated``, ``overspent``, ``order``, ``fencing`` or ``failed``."""

    kind: str
    text: str
