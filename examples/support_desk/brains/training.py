"""How the router learns from past labelled tickets.

Two linear views of the same features are added: a support vector machine (Joachims, "Text Categorization with
Support Vector Machines", 1998) and multinomial naive Bayes; they err on different tickets (Wang and Manning,
"Baselines and Bigrams", 2012). How much each counts, and how sure is sure enough, is measured by cross-validation.

The rule of this file: the threshold comes from past tickets alone, each judged by a model that had not seen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from stigmergy.protocols.errors import UsageError

from ..tickets import Ticket, read_tickets
from .features import Vocabulary, learn_vocabulary, words
from .router import Calibration, Classifier

SHARE: Final = 0.11
"""Share of the least certain past tickets that a person would have got, every category counting the same. New
tickets come out about one point lower, for the router has by then learned from more rows than when it was judged."""

MAX_CATEGORIES: Final = 1_000
MAX_WEIGHTS: Final = 25_000_000
"""100 MB at four bytes each. With many categories the rarest grams are left out."""

JUDGED: Final = 3_500
"""Past tickets that the cross-validation judges, if there are so many: the share is then known to 0.5 %."""

FEW_ROWS: Final = 30
"""Under this many rows a cross-validation says nothing; then a ticket must be likelier right than wrong."""

_COST: Final = 0.6
"""Cost of a margin violation, C. Cross-validated on histories of 50 to 10,000 rows: flat from 0.3 to 3."""
_SMOOTHING: Final = 0.01
"""Added to each count of naive Bayes. Cross-validated: flat from 0.003 to 0.03."""
_UNVALIDATED_MIX: Final = (3.0, 0.3)
"""Weights of the two views where they cannot be measured; typical of what larger histories give."""

_SHRINK: Final = 1e-4
"""Pulls the mix towards nothing, so that a history without a single mistake still gives finite confidences."""

_LEAST: Final = 0.01
"""The least that a view can count."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def train(history: Path, share: float = SHARE) -> Classifier:
    """Learn from a CSV or JSONL file with ``text`` and ``category``; rows without a label are passed over.

    Raises: UsageError if the file cannot be used, or holds no labelled ticket.
    """
    labelled = [(row.text, row.category) for row in read_tickets(history) if isinstance(row, Ticket) and row.category]
    if not labelled:
        raise UsageError(f"{history} holds no labelled ticket; give each row a text and a category")
    texts, labels = zip(*labelled, strict=True)
    return fit(texts, labels, share)


def fit(texts: Sequence[str], labels: Sequence[str], share: float = SHARE) -> Classifier:
    """Learn from texts and their categories; exact repetitions count once.

    Raises: UsageError if there are more than 1,000 categories, or ``share`` is not within 0 to 1.
    """
    if not 0 <= share < 1:
        raise UsageError(f"the share that goes to a person is {share:g}; it must be at least 0 and below 1")
    distinct = list(dict.fromkeys(zip(texts, labels, strict=True)))
    categories = tuple(sorted({label for _, label in distinct}))
    if len(categories) > MAX_CATEGORIES:
        raise UsageError(
            f"the history has {len(categories)} categories, more than {MAX_CATEGORIES}; "
            "check that the category column does not hold free text"
        )
    number = {category: i for i, category in enumerate(categories)}
    texts = [text for text, _ in distinct]
    truth = np.array([number[label] for _, label in distinct], np.int64)
    vocabulary = learn_vocabulary(texts, MAX_WEIGHTS // len(categories))
    if not vocabulary.size:
        raise UsageError("the texts of the history hold no words; check that the text column is the right one")
    rows = _matrix(vocabulary, texts)
    mix, calibration = _validate(rows, truth, _folds(texts, truth), share)
    margin, bayes = _support_vectors(rows, truth, len(categories)), _naive_bayes(rows, truth, len(categories))
    weights = (mix[0] * margin.weights + mix[1] * bayes.weights).astype(np.float32)
    return Classifier(vocabulary, categories, weights, (mix[0] * margin.bias).astype(np.float32), calibration)


class _Linear(NamedTuple):
    weights: Floats
    bias: Floats


def _matrix(vocabulary: Vocabulary, texts: Sequence[str]) -> csr_matrix:
    found = [vocabulary.row(text) for text in texts]
    ends = np.cumsum([0, *(len(row.columns) for row in found)])
    columns = np.concatenate([row.columns for row in found])
    values = np.concatenate([row.values for row in found])
    return csr_matrix((values, columns, ends), shape=(len(texts), vocabulary.size))


def _support_vectors(rows: csr_matrix, truth: Ints, categories: int) -> _Linear:
    """One against the rest, with a smoothed hinge; a category without rows is never chosen."""
    present = np.unique(truth)
    weights = np.zeros((rows.shape[1], categories), np.float32)
    bias = np.full(categories, -1.0, np.float32)
    if len(present) == 1:
        bias[present] = 1.0
        return _Linear(weights, bias)
    count = len(truth)
    # Cross-validated: eight passes suffice from 2,500 rows on; fewer rows need more, or the weights have not settled.
    passes = max(8, 20_000 // count)
    machine = SGDClassifier(
        loss="modified_huber", alpha=1 / (_COST * count), max_iter=passes, tol=None, random_state=0, n_jobs=2
    ).fit(rows, truth)
    if len(present) == 2:
        weights[:, present] = np.vstack([-machine.coef_, machine.coef_]).T
        bias[present] = np.concatenate([-machine.intercept_, machine.intercept_])
    else:
        weights[:, present], bias[present] = machine.coef_.T, machine.intercept_
    return _Linear(weights, bias)


def _naive_bayes(rows: csr_matrix, truth: Ints, categories: int) -> _Linear:
    """Multinomial, every category equally likely beforehand; a gram that no row has says nothing."""
    members = csr_matrix((np.ones(len(truth), np.float32), (truth, np.arange(len(truth)))), (categories, len(truth)))
    counts = (members @ rows).toarray()
    smooth = counts + np.float32(_SMOOTHING)
    logs = np.log(smooth / smooth.sum(axis=1, keepdims=True))
    logs[:, counts.sum(axis=0) == 0] = 0.0
    return _Linear(logs.T, np.zeros(categories, np.float32))


def _folds(texts: Sequence[str], truth: Ints) -> Ints:
    """The part that each row belongs to: every category spread evenly, texts of the same words together."""
    count = min(len(texts), 8 if len(texts) >= 2_000 else 10)
    shuffled = np.random.default_rng(0).permutation(len(texts))
    parts = np.empty(len(texts), np.int64)
    parts[shuffled[np.argsort(truth[shuffled], kind="stable")]] = np.arange(len(texts)) % count
    first: dict[tuple[str, ...], int] = {}
    for i, text in enumerate(texts):
        parts[i] = parts[first.setdefault(tuple(words(text)), i)]
    return parts


def _validate(rows: csr_matrix, truth: Ints, parts: Ints, share: float) -> tuple[Floats, Calibration]:
    """The mix of the two views and the threshold, from predictions on rows that were left out."""
    categories = int(truth.max()) + 1
    if categories == 1 or len(truth) < FEW_ROWS:
        threshold = 0.0 if categories == 1 else 0.5
        return np.array(_UNVALIDATED_MIX, np.float32), Calibration(threshold, rows=len(truth), judged=0)
    judged, scores = _judge(rows, truth, parts)
    truth = truth[judged]
    mix = _likeliest_mix(scores, truth)
    shares = _softmax(scores @ mix)
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    # The mix of tomorrow's tickets is unknown, so each category counts the same, whatever its number of rows.
    weight = 1.0 / np.bincount(truth)[truth]
    weight /= weight.sum()
    threshold = _quantile(sure, weight, share)
    answered = sure >= threshold
    return mix, Calibration(
        threshold=threshold,
        rows=len(parts),
        judged=len(truth),
        share=float(weight[~answered].sum()),
        accuracy=float(weight[right].sum()),
        agreement=float(weight[right & answered].sum() / weight[answered].sum()),
    )


def _judge(rows: csr_matrix, truth: Ints, parts: Ints) -> tuple[Ints, Floats]:
    """Which rows were left out once, part by part, and what the two views said of them."""
    categories = int(truth.max()) + 1
    judged: list[Ints] = []
    scores: list[Floats] = []
    for part in np.unique(parts):
        out, rest = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        views = [learn(rows[rest], truth[rest], categories) for learn in (_support_vectors, _naive_bayes)]
        said = np.stack([rows[out] @ view.weights + view.bias for view in views], axis=2)
        absent = np.setdiff1d(np.arange(categories), truth[rest])
        said[:, absent] = said.min(axis=1, keepdims=True)
        judged.append(out)
        scores.append(said)
        if sum(map(len, judged)) >= JUDGED:
            break
    return np.concatenate(judged), np.concatenate(scores)


def _likeliest_mix(scores: Floats, truth: Ints) -> Floats:
    """Positive weights of the views that make the true categories most probable.

    Newton's method on a convex loss; a step changes a weight by a factor of two at most, so it cannot run away.
    """
    at = np.arange(len(truth))
    mix = np.array(_UNVALIDATED_MIX, np.float64)
    for _ in range(30):
        shares = _softmax(scores @ mix)
        mean = np.einsum("ik,ikv->iv", shares, scores)
        slope = (mean - scores[at, truth]).mean(axis=0) + 2 * _SHRINK * mix
        around = scores - mean[:, None, :]
        bend = np.einsum("ik,iku,ikv->uv", shares, around, around, optimize=True) / len(truth)
        newton = mix - np.linalg.solve(bend + 2 * _SHRINK * np.eye(2), slope)
        before, mix = mix, np.clip(newton, mix / 2, mix * 2).clip(_LEAST, None)
        if np.abs(mix - before).max() < 1e-4:
            break
    return mix.astype(np.float32)


def _softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The value below which ``share`` of the weight lies, ties not counted as below."""
    order = np.argsort(values, kind="stable")
    below = int(np.searchsorted(np.cumsum(weights[order]), share, side="right"))
    return float(values[order[min(below, len(order) - 1)]])
