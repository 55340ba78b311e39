"""A streamed answer put together, event by event. No I/O here.

The rule of this file: an answer is whole when ``message_stop`` came, and not before. Tool arguments
are parsed at the end of their block; the SDK's own helper parses halves, so a cut one looks whole.
"""

from __future__ import annotations

import json
from typing import Any

from .failures import Unavailable


class Assembly:
    """Collects the events of one stream."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._args: dict[int, str] = {}
        self._whole = False
        self.characters = 0
        """Characters of content so far."""

    def feed(self, event: dict[str, Any]) -> str:
        """Take the next event in; return the text that it adds to the answer.

        Raises: KeyError, TypeError, AttributeError when the event is not one of the API's.
        """
        match event["type"]:
            case "message_start":
                self._message = dict(event["message"])
            case "content_block_start":
                self._blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                return self._delta(event["index"], event["delta"])
            case "message_delta":
                self._message.update(event["delta"])
                # Counts here are totals so far and leave out what does not apply; those of the start stay.
                told = {name: count for name, count in event["usage"].items() if count is not None}
                self._message["usage"] = (self._message.get("usage") or {}) | told
            case "message_stop":
                self._whole = True
        return ""

    def _delta(self, index: int, delta: dict[str, Any]) -> str:
        block = self._blocks[index]
        match delta["type"]:
            case "text_delta":
                block["text"] += delta["text"]
                self.characters += len(delta["text"])
                return str(delta["text"])
            case "input_json_delta":
                self._args[index] = self._args.get(index, "") + delta["partial_json"]
                self.characters += len(delta["partial_json"])
            case "thinking_delta":
                block["thinking"] += delta["thinking"]
                self.characters += len(delta["thinking"])
            case "signature_delta":
                block["signature"] = delta["signature"]
        return ""

    def body(self) -> dict[str, Any]:
        """The whole answer, as a plain call would have returned it. Raises: Unavailable when the stream was cut."""
        if not self._whole:
            raise Unavailable("the stream ended before the answer was complete", "unknown", None, 1)
        for index, text in self._args.items():
            try:
                self._blocks[index]["input"] = json.loads(text) if text else {}
            except (ValueError, RecursionError):
                # Left as text, which no check of a tool call lets through: one place decides what that means.
                self._blocks[index]["input"] = text
        return self._message | {"content": [self._blocks[index] for index in sorted(self._blocks)]}
