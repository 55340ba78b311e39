"""One loopback server for a file of tests, made fresh before each of them."""

import itertools
import time

import pytest

from stigmergy.runtime.models import CallLimits, Claude, MeteredModel, ModelRequest, Prices, Purse, user
from stigmergy.runtime.testing.messages_server import MessagesServer
from stigmergy.runtime.testing.messages_server_books import Books
from stigmergy.runtime.testing.messages_server_faults import FaultPlan
from stigmergy.runtime.testing.messages_server_wire import echo
from tests.runtime.models.near_ledger import NearLedger
from tests.runtime.models.samples import MODEL, SECRET


@pytest.fixture(scope="module")
def running_server():
    with MessagesServer() as server:
        yield server


@pytest.fixture
def server(running_server):
    running_server.faults, running_server.books, running_server.brain = FaultPlan(), Books(), echo
    return running_server


@pytest.fixture
async def claude(server):
    limits = CallLimits(backoff_s=0.001, idle_timeout_s=2.0)  # silence is waited for; a busy machine is not silent
    model = Claude(SECRET, base_url=server.base_url, limits=limits)
    yield model
    await model.aclose()


@pytest.fixture
def prices():
    return Prices(now=time.time())


@pytest.fixture
def ledger():
    return NearLedger()


@pytest.fixture
def metered(claude, ledger, prices):
    numbers = itertools.count(1)
    return MeteredModel(claude, Purse(ledger, "swarm/kind:support", prices, lambda: f"op-{next(numbers)}"))


@pytest.fixture
def question():
    return ModelRequest(model=MODEL, messages=(user("What is the refund window?"),), timeout_s=20)
