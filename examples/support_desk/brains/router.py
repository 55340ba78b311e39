"""The router's memory: what it learned from past tickets, and how sure it has to be.

The rule of this file: classifying needs NumPy and this file only. Learning is in `training`; a worker that
routes never loads scikit-learn. A stored classifier is plain arrays and JSON, so loading it runs no code.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from stigmergy.protocols.errors import UsageError

from ..schemas import Classification
from .features import Vocabulary

FORMAT: Final = 1
"""Version of the stored form. A file of another version is refused."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How sure is sure enough, and what that promises; measured on rows that the router had not learned from."""

    threshold: float
    """Confidence from 0 to 1 below which a ticket goes to a person."""
    rows: int
    """Past tickets that were learned from."""
    judged: int
    """Past tickets that were left out once and judged; 0 if there were too few rows for that, and then no more
    is known than the threshold."""
    share: float | None = None
    """Share of the judged that falls below the threshold; here and below every category counts the same."""
    accuracy: float | None = None
    """Agreement with the labels over all that were judged."""
    agreement: float | None = None
    """Agreement with the labels over those at or above the threshold."""


class Classifier:
    """Assigns a category and a calibrated confidence to a text. Immutable; safe to share between threads."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        categories: tuple[str, ...],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        calibration: Calibration,
    ) -> None:
        self._vocabulary = vocabulary
        self.categories = categories
        self._weights = weights
        self._bias = bias
        self.calibration = calibration

    def classify(self, text: str) -> Classification:
        """The likeliest category. A text of which nothing is known gets confidence 0."""
        row = self._vocabulary.row(text)
        scores = row.values @ self._weights[row.columns] + self._bias
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        return Classification(
            category=self.categories[order[0]],
            confidence=min(1.0, float(shares[order[0]])) if len(row.columns) else 0.0,
            runner_up=self.categories[order[1]] if len(order) > 1 else None,
        )

    def is_certain(self, classification: Classification) -> bool:
        """Whether a ticket so classified may be answered without a person."""
        return classification.confidence > 0 and classification.confidence >= self.calibration.threshold

    def save(self, path: Path) -> None:
        """Write one ``.npz`` file, whole or not at all. Raises: UsageError if the place cannot be written."""
        about = {
            "format": FORMAT,
            "categories": self.categories,
            "blocks": [list(block) for block in self._vocabulary.blocks],
            "rarest": self._vocabulary.rarest,
            "calibration": asdict(self.calibration),
        }
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                np.savez(
                    file,
                    about=np.frombuffer(json.dumps(about).encode(), np.uint8),
                    columns=np.array([c for block in self._vocabulary.blocks for c in block.values()], np.int32),
                    idf=np.array(self._vocabulary.idf, np.float64),
                    weights=self._weights,
                    bias=self._bias,
                )
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise UsageError(f"cannot write the classifier {path}: {error.strerror}; name a writable folder") from None

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read what `save` wrote. Raises: UsageError if it is missing, damaged or of another version."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return cls._unpack(dict(stored))
        except OSError as error:
            raise UsageError(f"cannot read the classifier {path}: {error.strerror or error}; train it again") from None
        except (ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise UsageError(f"{path} is not a stored classifier ({error}); train it again") from None

    @classmethod
    def _unpack(cls, stored: dict[str, NDArray[Any]]) -> Classifier:
        about = json.loads(stored["about"].tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']}, not {FORMAT}")
        columns = iter(stored["columns"].tolist())
        blocks = tuple({gram: next(columns) for gram in block} for block in about["blocks"])
        vocabulary = Vocabulary(blocks, stored["idf"].tolist(), about["rarest"])
        calibration = Calibration(**about["calibration"])
        return cls(vocabulary, tuple(about["categories"]), stored["weights"], stored["bias"], calibration)
