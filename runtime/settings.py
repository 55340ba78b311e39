"""What the environment says. The only file that reads environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once at start, then passed on. Empty text means that nothing was said."""

    anthropic_api_key: str = field(default="", repr=False)
    """``ANTHROPIC_API_KEY``."""
    anthropic_base_url: str = ""
    """``ANTHROPIC_BASE_URL``: a server that speaks the Messages API; empty for Anthropic's own."""
    ray_use_tls: bool = False
    """``RAY_USE_TLS``: whether Ray encrypts what goes between nodes."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings in ``environ``; by default in the environment of this process."""
        known = os.environ if environ is None else environ
        return cls(
            anthropic_api_key=known.get("ANTHROPIC_API_KEY", ""),
            anthropic_base_url=known.get("ANTHROPIC_BASE_URL", ""),
            ray_use_tls=known.get("RAY_USE_TLS", "").lower() in {"1", "true"},  # as Ray reads it
        )

    @property
    def has_claude(self) -> bool:
        """Whether Claude can be asked."""
        return bool(self.anthropic_api_key or self.anthropic_base_url)
