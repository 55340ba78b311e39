"""Where these tests put their journals."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def ramdisk():
    """A folder in memory where the system has one: hundreds of journals are opened here, with syncs for each."""
    folder = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="stigmergy-test-", dir=folder))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def tmp_path(ramdisk: Path, request: pytest.FixtureRequest):
    """A folder of its own for each test, removed afterwards. Tests about the disk itself ask for `disk`."""
    path = Path(tempfile.mkdtemp(prefix="test-", dir=ramdisk))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on a real disk."""
    return tmp_path_factory.mktemp("disk")
