"""Footprint: which files a run was made of, by digest, so that it is not resumed with others unnoticed.

They are the app's own Python files, and every file or folder that its options name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

from pydantic import BaseModel

from .loading import find


def footprint(source: str, options: BaseModel) -> dict[str, str]:
    """Digests by absolute path. What is not there, such as a file still to be written, is left out."""
    files = {*_app_files(source), *(file for path in _paths(options) for file in _files(path))}
    return {str(file.absolute()): _digest(file) for file in sorted(files)}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The files that are other than before, or gone."""
    return [path for path, digest in before.items() if now.get(path) != digest]


def _app_files(source: str) -> Iterator[Path]:
    place = find(source)
    if Path(source).is_dir() and place.file is not None:
        yield from _files(place.file.parent, "*.py")
    else:
        file = place.file or getattr(sys.modules.get(place.module), "__file__", None)
        yield from () if file is None else (Path(file),)


def _paths(options: BaseModel) -> Iterator[Path]:
    for name in type(options).model_fields:
        value = getattr(options, name)
        yield from (one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, Path))


def _files(path: Path, pattern: str = "*") -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob(pattern) if file.is_file() and "__pycache__" not in file.parts)
    elif path.is_file():
        yield path


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        digest = blake2b(digest_size=16)
        while block := data.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
