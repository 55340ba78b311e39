"""Footprint: which files a run was made of, by digest, so that it is not resumed with others unnoticed.

They are the app's own Python files, and every file or folder that its options name. A folder may be all there is on
a disk, named by mistake: it is read only for an app that has begun a swarm, and so did not refuse it.
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
    return {**single_files(source, options), **folders(options)}


def single_files(source: str, options: BaseModel) -> dict[str, str]:
    """Those of the app, and of the options that name one file each."""
    return _digests({*_app_files(source), *(path for path in _paths(options) if path.is_file())})


def folders(options: BaseModel) -> dict[str, str]:
    """Those of all files in the folders that options name, and in the folders below these."""
    return _digests({file for path in _paths(options) if path.is_dir() for file in _files(path, "*")})


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


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    return (file for file in folder.rglob(pattern) if file.is_file() and "__pycache__" not in file.parts)


def _digests(files: set[Path]) -> dict[str, str]:
    return {str(file.absolute()): _digest(file) for file in sorted(files)}


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        digest = blake2b(digest_size=16)
        while block := data.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
