"""A run whose journal lies in PostgreSQL: it is looked into like any other, and its password is nowhere."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from stigmergy.actors.journal.places import store_of
from stigmergy.actors.journal.postgres_place import options
from stigmergy.protocols import UsageError
from stigmergy.runtime import Swarm
from stigmergy.runtime.run_folder import RunFolder
from tests.postgres_server import PostgresServer
from tests.runtime.cast import Echo, Heard, Say

from .samples import DESK, NOTHING, START, STOPS

pytestmark = pytest.mark.server


PASSWORD = "s3cr/t@of#us"

MORTAL = (
    START
    + """
from stigmergy.runtime import State

class Word(Message):
    n: int

class Sum(State):
    n: int = 0

class Counter(Agent):
    "Counts"

    state: Sum

    @handles
    def count(self, word: Word) -> Word:
        self.state.n += 1
        return Word(n=self.state.n)

async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Counter)
        first = await swarm.ask("counter/one", Word(n=0), reply=Word)
        if not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), 9)
        second = await swarm.ask("counter/one", Word(n=1), reply=Word)
    return Outcome({"counted": [first.n, second.n]})

app = App(name="mortal", summary="Dies once", options=Options, main=main)
"""
)


@pytest.fixture(scope="module")
def server(postgres: PostgresServer):
    """A database of its own, on a server that asks for passwords."""
    postgres.ours()
    with PostgresServer(postgres.url).with_database() as server:
        yield server


@pytest.fixture(scope="module")
def url(server: PostgresServer):
    """The URL of a user with a password, who may make the tables."""
    name = f"user_{uuid4().hex[:8]}"
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    server.execute(f"GRANT CREATE ON DATABASE {server.database} TO {name}")
    yield server.url_of(user=name, password=PASSWORD, dbname=server.database)
    server.execute(f"DROP OWNED BY {name}")
    server.execute(f"DROP ROLE {name}")


@pytest.fixture(autouse=True)
def _no_password_file(monkeypatch, tmp_path):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "nothing"))


def rows(server: PostgresServer, table: str) -> int:
    """How many there are; none where nobody has made the table yet."""
    if server.execute("SELECT to_regclass(%s)", f"stigmergy.{table}") == [(None,)]:
        return 0
    ((count,),) = server.execute(f"SELECT count(*) FROM stigmergy.{table}")
    return int(count)


def test_a_run_in_postgres_is_read_by_every_command_and_names_no_secret(stigmergy, app, place, url, monkeypatch):
    ran = stigmergy(
        "run", app("desk_pg", DESK), "--engine", "local", "--journal", url, "--ask", "one", "--ask", "broken"
    )
    assert ran.code == 0
    (folder,) = (place / "runs").iterdir()
    assert f"journal: runs/{folder.name}; look inside: stigmergy inspect {folder.name}" in ran.out.splitlines()
    assert sorted(file.name for file in folder.iterdir()) == [
        "driver.lock",
        "journal.url",
        "logs",
        "report.json",
        "run.json",
        "tables.json",
    ]

    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    where = json.loads((folder / "run.json").read_text())["journal"]
    assert where.startswith(f"postgresql://{options(url)['user']}@")
    assert f"#{folder.name}." in where
    inspected = stigmergy("inspect", "last")
    assert (inspected.code, f"journal {where}: " in inspected.out) == (0, True)
    figures = json.loads(stigmergy("inspect", folder, "--json").out)
    assert (figures["journal"], figures["damage"]) == (where, "")
    assert {kind["name"] for kind in figures["kinds"]} >= {"front", "librarian"}
    assert "Question" in stigmergy("trace", "last", "--largest").out
    assert "the page is" in stigmergy("dead-letters", "last").out
    assert json.loads(stigmergy("runs", "--json").out)["runs"][0]["ended_by"] == "done"

    kept = [file.read_text() for file in folder.rglob("*") if file.is_file()]
    for text in (*kept, ran.out, ran.err, inspected.out):
        assert "s3cr" not in text


def test_without_its_password_a_run_is_refused_in_one_line(stigmergy, app, url):
    stigmergy("run", app("desk_pg2", DESK), "--engine", "local", "--journal", url)
    for command in ("inspect", "trace", "dead-letters"):
        ran = stigmergy(command, "last", *(["--largest"] if command == "trace" else []))
        assert ran.code == 2
        assert "no password supplied; set PGPASSWORD" in ran.complaint


def test_a_run_that_did_not_end_is_running_killed_or_unknown(stigmergy, place, url, monkeypatch):
    def state() -> str:
        (run,) = json.loads(stigmergy("runs", "--json").out)["runs"]
        return str(run["ended_by"])

    folder = RunFolder.create(url, 1e9)
    folder.write("run.json", {"engine": "local", "seed": 0})
    assert state() == "unknown"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert state() == "killed"
    journal = store_of(folder.place).open(folder.address())
    assert state() == "running"
    journal.close()


def test_bad_input_leaves_nothing_behind_on_the_server_either(stigmergy, app, place, url, server):
    before = rows(server, "run"), rows(server, "entry")
    ran = stigmergy("run", app("stops_pg", STOPS), "--engine", "local", "--journal", url, "--reason", "usage")
    assert ran.code == 2
    assert (rows(server, "run"), rows(server, "entry")) == before
    assert not (place / "runs").exists()


def test_a_run_whose_process_was_killed_is_resumed_from_the_server(stigmergy, app, killed, url, monkeypatch):
    assert killed(0, "run", app("mortal_pg", MORTAL), "--engine", "local", "--journal", url)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    resumed = stigmergy("resume", "last", "--json", "--quiet")
    assert (resumed.code, json.loads(resumed.out)["counted"]) == (0, [1, 2])
    assert json.loads(stigmergy("inspect", "last", "--json").out)["damage"] == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("postgresql://u:s3cr@127.0.0.1:1/db", "is the server up"),
        ("postgresql://u:s3cr%zz@h/db", "not the URL of a PostgreSQL server"),
        ("postgresql://u:s3c/r@h/db", "reads in two ways"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_before_anything_begins(stigmergy, app, place, wrong, said):
    ran = stigmergy("run", app(f"nothing_{abs(hash(wrong))}", NOTHING), "--journal", wrong)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.complaint
    assert "s3c" not in ran.complaint
    assert not (place / "runs").exists()


async def test_a_swarm_keeps_its_journal_in_postgres_and_it_is_read_back(place, url):
    async with Swarm(engine="local", journal=url) as swarm:
        swarm.add(Echo)
        for text in ("a", "b"):
            await swarm.ask("echo", Say(text=text), reply=Heard)
        folder = swarm.folder
    assert folder is not None
    assert folder.path.parent == place / "runs"
    view = folder.view()
    kinds = [entry.kind for entry in view.read()]
    assert kinds.count("mail.done") == 2
    assert view.damage == ""
    view.close()
    folder.remove()
    with pytest.raises(UsageError, match="there is no journal"):
        folder.view()
