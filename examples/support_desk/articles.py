"""The help articles: Markdown files with a front matter of id, title, category and tags.

The rule of this file: a folder is loaded whole or not at all; a file that is not understood is an error with its
name, never an article that silently answers nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stigmergy.protocols.errors import UsageError

_REQUIRED: Final = ("id", "title", "category")
_FENCE: Final = "---"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (empty for the opening) and the text below it."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """One help article."""

    id: str
    title: str
    category: str
    tags: tuple[str, ...]
    sections: tuple[Section, ...]


def load_articles(folder: Path) -> tuple[Article, ...]:
    """All ``*.md`` of a folder, in the order of their names.

    Raises: UsageError if the folder is missing or holds none, or a file is not an article, or an id occurs twice.
    """
    paths = sorted(folder.glob("*.md")) if folder.is_dir() else []
    if not paths:
        raise UsageError(f"{folder} holds no articles; name a folder with Markdown files, or use --route-only")
    articles = tuple(_article(path) for path in paths)
    names: dict[str, str] = {}
    for path, article in zip(paths, articles, strict=True):
        if article.id in names:
            raise UsageError(f"{path.name} and {names[article.id]} both have the id {article.id!r}; change one")
        names[article.id] = path.name
    return articles


def _article(path: Path) -> Article:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the article {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the article {path} is not UTF-8; save it as UTF-8") from None
    if not lines or lines[0].strip() != _FENCE or _FENCE not in (line.strip() for line in lines[1:]):
        raise UsageError(f"the article {path} has no front matter; begin it with a block between two lines of ---")
    end = [line.strip() for line in lines].index(_FENCE, 1)
    front = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:end])}
    if missing := [name for name in _REQUIRED if not front.get(name)]:
        raise UsageError(f"the front matter of {path} has no {missing[0]}; add a line like '{missing[0]}: ...'")
    sections = _sections(lines[end + 1 :])
    if not sections:
        raise UsageError(f"the article {path} has no text; write something below the front matter")
    tags = tuple(tag for tag in (tag.strip() for tag in front.get("tags", "").split(",")) if tag)
    return Article(front["id"], front["title"], front["category"], tags, sections)


def _sections(lines: Sequence[str]) -> tuple[Section, ...]:
    """Cut at headings; a heading without text below it is dropped."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in lines:
        if line.startswith("#"):
            found.append((line.lstrip("#").strip(), []))
        else:
            found[-1][1].append(line.rstrip())
    sections = (Section(heading, "\n".join(below).strip()) for heading, below in found)
    return tuple(section for section in sections if section.text)
