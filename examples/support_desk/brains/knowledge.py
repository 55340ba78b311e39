"""The knowledge agent's memory: a search over the help articles (SQLite FTS5, Porter stemming, BM25).

The rule of this file: a question that no article is about finds nothing. BM25 orders passages but cannot tell
the best from the good, so an article also has to cover enough of what the question is about.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from math import log
from typing import Final

from ..articles import Article
from ..schemas import Passage
from .language import STOPWORDS

FLOOR: Final = 0.42
"""Share of the question's weight, from 0 to 1, that an article must cover."""

CATEGORY_BOOST: Final = 1.5
"""How much an article of the ticket's own category gains; a wrong category must not hide the right article."""

MAX_TERMS: Final = 60
"""Different words of a question that are looked up."""

PER_ARTICLE: Final = 3
"""Passages of one article at most, so that a second article is seen as well."""

_TO_FIND_ARTICLES: Final = (4.0, 3.0, 4.0, 1.0)
"""BM25 weights of title, tags, heading and text: who names a thing in a heading is writing about it."""
_TO_FIND_SECTIONS: Final = (0.0, 0.0, 2.0, 1.0)
"""The same among the sections of one article, which share title and tags."""

_TERM: Final = re.compile(r"\w+")
_ORDER_NUMBER: Final = re.compile(r"\b[a-z]{0,3}[-#]?\d{4,}\b")


class Library:
    """Finds the passages that answer a question. Keeps everything in memory; use it from one thread."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = {article.id: article for article in articles}
        self._passages = [(article, section) for article in articles for section in article.sections]
        self._table = sqlite3.connect(":memory:")
        self._table.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, tags, heading, text, tokenize='porter unicode61')"
        )
        self._table.executemany(
            "INSERT INTO passages(rowid, title, tags, heading, text) VALUES (?, ?, ?, ?, ?)",
            [(i, a.title, " ".join(a.tags), s.heading, s.text) for i, (a, s) in enumerate(self._passages)],
        )

    def close(self) -> None:
        """Give the memory back."""
        self._table.close()

    def search(self, question: str, category: str | None = None, limit: int = 5) -> tuple[Passage, ...]:
        """At most ``limit`` passages (5), those of the best article first, of articles that cover enough of it."""
        terms = list(dict.fromkeys(_terms(question)))[:MAX_TERMS]
        coverage = self.coverage(terms)
        relevant = {article for article in self._about(terms) if coverage[article] >= FLOOR}
        if not relevant:
            return ()
        sections: dict[str, list[tuple[float, int]]] = {article: [] for article in relevant}
        fit = dict.fromkeys(relevant, 0.0)
        for i, as_article, as_section in self._ranked(terms):
            article = self._passages[i][0]
            if article.id in relevant:
                boost = CATEGORY_BOOST if article.category == category else 1.0
                fit[article.id] = max(fit[article.id], as_article * boost * coverage[article.id])
                sections[article.id].append((-as_section, i))
        best = sorted(relevant, key=lambda article: (-fit[article], article))
        chosen = [(article, i) for article in best for _, i in sorted(sections[article])[:PER_ARTICLE]]
        return tuple(self._passage(i, fit[article]) for article, i in chosen[:limit])

    def coverage(self, terms: Sequence[str]) -> dict[str, float]:
        """By article: the share of the terms' weight, rare terms weighing more, that occurs anywhere in it."""
        total = 0.0
        covered: dict[str, float] = {}
        for term in terms:
            articles = {self._passages[i][0].id for i in self._holding(term)}
            weight = log(1 + (len(self._articles) + 1) / (len(articles) + 1))
            total += weight
            for article in articles:
                covered[article] = covered.get(article, 0.0) + weight
        return {article: weight / total for article, weight in covered.items()}

    def _about(self, terms: Sequence[str]) -> set[str]:
        """Articles that name at least one of the terms in their title, tags or headings."""
        return {self._passages[i][0].id for term in terms for i in self._holding(term, "{title tags heading} : ")}

    def _holding(self, term: str, columns: str = "") -> list[int]:
        rows = self._table.execute("SELECT rowid FROM passages WHERE passages MATCH ?", (f'{columns}"{term}"',))
        return [rowid for (rowid,) in rows]

    def _ranked(self, terms: Sequence[str]) -> list[tuple[int, float, float]]:
        query = " OR ".join(f'"{term}"' for term in terms)
        ranks = "SELECT rowid, -bm25(passages, ?, ?, ?, ?), -bm25(passages, ?, ?, ?, ?) FROM passages"
        weights = (*_TO_FIND_ARTICLES, *_TO_FIND_SECTIONS)
        return self._table.execute(f"{ranks} WHERE passages MATCH ?", (*weights, query)).fetchall()

    def _passage(self, i: int, score: float) -> Passage:
        article, section = self._passages[i]
        return Passage(
            article=article.id, title=article.title, heading=section.heading, text=section.text, score=round(score, 3)
        )


def _terms(question: str) -> Iterator[str]:
    for match in _TERM.finditer(_ORDER_NUMBER.sub(" ", question.casefold())):
        word = match.group()
        if word not in STOPWORDS and len(word) > 1:
            yield word
