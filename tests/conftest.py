"""What all tests share: how hypothesis searches, how often rubbish is collected, what an absent service means."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.forking import Forker
from tests.own_ray import OwnRay
from tests.postgres_server import SMALL, PostgresServer, programs, server_in

gc.set_threshold(100_000, 20, 20)  # 3,900 tests leave little rubbish in cycles, and much that is alive
gc.disable()  # until all is imported

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# No deadlines, and nobody is too slow: a busy machine is not a bug. `ci` draws the same examples on every run, so that
# a red build is about the change; `dev` draws new ones; `deep` searches long, in `make nightly` and for a new core:
# HYPOTHESIS_PROFILE=deep pytest tests/actors
UNHURRIED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], max_examples=20)
hypothesis.settings.register_profile("ci", UNHURRIED, derandomize=True)
hypothesis.settings.register_profile("dev", UNHURRIED)
hypothesis.settings.register_profile("deep", UNHURRIED, max_examples=2_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


@pytest.hookimpl(trylast=True)  # when those without a wanted mark are gone
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long, or needs root, runs only with ``make nightly``. What takes longest of the others goes first."""
    if "nightly" not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker("nightly") is not None]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.get_closest_marker("nightly") is None]
    number = Counter(unit_of(item.nodeid) for item in items)
    number.update(dict.fromkeys(LONG, len(items)))
    items.sort(key=lambda item: number[unit_of(item.nodeid)], reverse=True)


LONG = ("tests/chaos/test_campaign.py",)
"""Files that take long for their number of tests."""

TOGETHER = {
    "heavy libraries": (
        "tests/examples/support_desk/",
        "tests/runtime/cli/test_resume_calls.py",
        "tests/runtime/models/",
        "tests/runtime/testing/",
    ),
    "processes": (
        "tests/actors/board/test_kill.py",
        "tests/actors/journal/test_disk_faults.py",
        "tests/actors/journal/test_kill.py",
        "tests/actors/journal/test_postgres.py",
        "tests/actors/journal/test_snapshot.py",
        "tests/actors/transport/test_forks.py",
        "tests/runtime/cli/test_interrupts.py",
        "tests/runtime/cli/test_on_postgres.py",
        "tests/runtime/cli/test_quiet.py",
        "tests/runtime/cli/test_resume.py",
        "tests/runtime/cli/test_shards.py",
        "tests/runtime/cli/test_unbegun.py",
        "tests/runtime/cli/test_waiting.py",
        "tests/runtime/test_aside.py",
        "tests/runtime/test_kill9.py",
        "tests/runtime/test_provenance.py",
        "tests/test_docs.py",
    ),
}
"""What one worker runs of all, since it is ready for it then: the provider's SDK and scikit-learn are imported, some 2
CPU-seconds each; there is a process that forks others, and a server of PostgreSQL, one CPU-second together."""


def unit_of(test: str) -> str:
    """What one worker runs of all: a file, or some of those."""
    return next((name for name, files in TOGETHER.items() if test.startswith(files)), test.partition("::")[0])


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadfile``, but for what is for one worker, and in the order of the collection."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    scheduling = importlib.import_module("xdist.scheduler").LoadFileScheduling(config, log)
    scheduling._split_scope = unit_of
    return scheduling


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let workers report what somebody reads: whether a set-up went well was a third of what they had to say."""
    worker = next((plugin for plugin in session.config.pluginmanager.get_plugins() if is_worker(plugin)), None)
    if worker is not None:
        worker.sendevent = news_only(worker.sendevent)


def is_worker(plugin: object) -> bool:
    """Whether it is what xdist reports with, in a worker."""
    return type(plugin).__name__ == "WorkerInteractor"


def news_only(send: Callable[..., None]) -> Callable[..., None]:
    """``send``, but for the beginnings and ends of tests, and for set-ups and teardowns that went well in silence."""

    def send_news(name: str, **about: Any) -> None:
        if name in {"logstart", "logfinish"}:
            return
        report = about.get("data", {})
        if (
            name == "testreport"
            and report["when"] != "call"
            and report["outcome"] == "passed"
            and not report["sections"]
        ):
            return
        send(name, **about)

    return send_news


def pytest_collection_finish():
    """Put what is imported out of the collector's sight: walking through it was a tenth of the suite's time."""
    gc.freeze()
    gc.enable()


def absent(reason: str, *, in_ci: bool) -> None:
    """Skip on a developer's machine, fail in CI: there a test that silently skips is a test that is gone."""
    if in_ci:
        pytest.fail(f"CI must provide this: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """``require(condition, reason)``: go on if the condition holds; else skip, or fail when CI=true."""

    def check(condition: object, reason: str) -> None:
        if not condition:
            absent(reason, in_ci=IN_CI)

    return check


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Forks a process for each command line or script that is killed, sent a signal, or looked at from outside."""
    forker = Forker()
    yield forker
    forker.close()


@pytest.fixture(scope="session")
def postgres(require) -> Iterator[PostgresServer]:
    """A real PostgreSQL server, one for the whole session: STIGMERGY_TEST_POSTGRES, or one of our own."""
    given = os.environ.get("STIGMERGY_TEST_POSTGRES")
    if given:
        with PostgresServer(given).with_database() as server:
            yield server
        return
    found = programs()
    require(found, "no PostgreSQL here: apt-get install postgresql, or set STIGMERGY_TEST_POSTGRES to a server's URL")
    assert found is not None
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="stigmergy-pg-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        with server_in(folder, found, "--wal-segsize=1", settings=SMALL) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def own_ray() -> Iterator[OwnRay]:
    """For the two fixtures below."""
    ray = OwnRay()
    yield ray
    ray.stop()


@pytest.fixture(scope="module")
def ray_session(own_ray) -> None:
    """A Ray in this process, which swarms join. What is in it was left there by other tests, and is idle."""
    own_ray.start()


@pytest.fixture(scope="module")
def no_ray(own_ray) -> None:
    """No Ray in this process."""
    own_ray.stop()
