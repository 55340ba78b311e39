"""How much of a message is new, by its words.

A digest cannot tell "thanks, 17" from a new thought, and neither can the likeness of two messages:
"thank you so much" and "you are too kind" share no word, while a good second draft shares most of
its words with the first. What tells them apart is how a conversation's vocabulary grows. Courtesy
runs out of words in a few rounds, in whatever order they come; work does not (Heaps, 1978).

The rule of this file: digits, case, punctuation and order say nothing, as counters, clocks, ids and
shuffled phrases change on every round of a loop. A list of four or more numbers is data, and says as
much as sixteen words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from zlib import crc32

from stigmergy.protocols.codec import unpack
from stigmergy.protocols.errors import WireError

# Scripts that write without spaces count by the character.
_TOKEN: Final = re.compile(r"[\u2e80-\U0010ffff]|[^\W_\u2e80-\U0010ffff]+")
_DATA: Final = 4
"""Numbers in a list that are data: a counter, a clock and a round may stand together, and change on every round."""
_WORTH: Final = 16
"""Words that a new list of numbers counts as: enough for its own hop and for those that ask, confirm and go on."""
_HALF_TEXT: Final = 8_192
"""Of a longer text the first and the last 8,192 characters are read, which bounds the time at about 2 ms."""
_BITS: Final = 16_384
_FULL: Final = _BITS // 16
"""1,024 words: until then at most one new word in sixteen is taken for a known one."""


def wording(body: bytes) -> set[str]:
    """The words of an encoded message, in lower case, and its lists of numbers."""
    try:
        plain = unpack(body)
    except WireError:
        plain = body.decode("utf-8", "ignore")
    return set(_wording(plain))


def _wording(plain: Any) -> Iterator[str]:
    if isinstance(plain, str):
        text = plain if len(plain) <= 2 * _HALF_TEXT else f"{plain[:_HALF_TEXT]} {plain[-_HALF_TEXT:]}"
        yield from filter(str.isalpha, _TOKEN.findall(text.casefold()))
    elif isinstance(plain, dict):
        for key, value in plain.items():
            yield from _wording(key)
            yield from _wording(value)
    elif isinstance(plain, list):
        numbers = [item for item in plain if isinstance(item, int | float)]
        if len(numbers) >= _DATA:
            yield from (f"{part} {numbers}" for part in range(_WORTH))
        for item in plain:
            yield from _wording(item)


class Vocabulary:
    """The words that were said so far, in 2 KiB however many they are (Bloom, 1970, with one hash)."""

    __slots__ = ("_bits", "_known")

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)
        self._known = 0

    def learn(self, body: bytes) -> int:
        """Take in the words of a message, and return how many were new."""
        new = 0
        for word in wording(body):
            place = crc32(word.encode("utf-8", "surrogatepass")) % _BITS
            if not self._bits[place >> 3] & 1 << (place & 7):
                self._bits[place >> 3] |= 1 << (place & 7)
                new += 1
        self._known += new
        if self._known > _FULL:
            # A conversation with so many words is work. Start again, rather than know everything.
            self._bits = bytearray(_BITS // 8)
            self._known = 0
        return new
