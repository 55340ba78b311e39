"""The PostgreSQL journal keeps the contract on a real server; and what only a journal behind a wire can get wrong."""

from __future__ import annotations

import os
import random
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from stigmergy.actors.journal import postgres
from stigmergy.actors.journal.places import store_of
from stigmergy.actors.journal.postgres import PostgresJournal
from stigmergy.actors.journal.postgres_place import Place, options, shown
from stigmergy.actors.journal.postgres_store import PostgresStore
from stigmergy.protocols.errors import Fenced, JournalCorrupt, JournalError, JournalLocked, JournalLost, UsageError
from tests.actors.journal.killing import check, kill_after
from tests.actors.journal.programs import batch
from tests.contracts.journal_contract import BIG, ONE, THREE, JournalContract, JournalStore, content, fill_with
from tests.forking import Forker
from tests.postgres_server import PostgresServer, execute

pytestmark = pytest.mark.server

FILL = """
CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(octet_length(body)) FROM fresh) > 50000 THEN
        RAISE 'could not extend file' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER full_disk AFTER INSERT ON stigmergy.entry REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION full_disk();
"""


class Store(JournalStore):
    def __init__(self, server: PostgresServer):
        self.server = server
        self.place = f"{server.url}#{uuid4().hex}"
        self.name = Place.parse(self.place).run
        self.journal: PostgresJournal | None = None

    def open(self):
        self.journal = PostgresJournal.open(self.place)
        return self.journal

    def crash(self):
        """What the server sees of kill -9: the connection ends, and nobody said goodbye."""
        assert self.journal is not None
        with socket.socket(fileno=os.dup(self.journal._session.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        self.journal.close()

    def fill(self):
        """As a quota does it: the server refuses large batches with the error of a full disk."""
        self.server.execute(FILL)

    def free(self):
        self.server.execute("DROP TRIGGER full_disk ON stigmergy.entry")

    def fail_syncs(self):
        """A server that cannot sync panics, which ends every connection."""
        assert self.journal is not None
        self.server.execute("SELECT pg_terminate_backend(%s, 5000)", self.journal._session.info.backend_pid)

    def lose(self, entries: int):
        self.change("DELETE FROM stigmergy.entry USING stigmergy.run WHERE {} AND entry.seq > run.seq - %s", entries)

    def change(self, sql: str, *values: object) -> None:
        """Change this run's tables behind everybody's back; ``{}`` stands for the choice of the run."""
        name = self.name
        self.server.execute(sql.format(f"run.name = '{name}' AND entry.run = run.id"), *values)


class TestPostgresJournal(JournalContract):
    HISTORIES = 0.05

    @pytest.fixture
    def new_store(self, postgres: PostgresServer):
        return lambda: Store(postgres)


@pytest.fixture
def store(postgres: PostgresServer):
    store = Store(postgres)
    yield store
    if store.journal is not None:
        store.journal.close()


def reopened(store: Store) -> list[tuple[int, str, dict[str, object]]]:
    """What is in the journal, once it has been opened anew."""
    journal = store.open()
    return content(journal)


# -- two writers -------------------------------------------------------------------------------------


def test_who_has_a_journal_open_is_named_to_whoever_comes_second(store: Store, monkeypatch):
    store.open()
    monkeypatch.setattr(postgres, "PATIENCE_MS", 10)
    with pytest.raises(
        JournalLocked, match=f"in use by process {os.getpid()} on host .*; stop that run first .* after 15 s"
    ):
        PostgresJournal.open(store.place)
    assert PostgresStore().is_open(store.place)


def test_a_writer_that_lost_its_lock_and_does_not_know_it_is_stopped_by_the_epoch(store: Store):
    first = store.open()
    old = fill_with(first, THREE)
    first._session.execute("SELECT pg_advisory_unlock_all()")
    second = PostgresJournal.open(store.place)
    new = second.take_epoch()
    with pytest.raises(Fenced, match="epoch 1 was succeeded by epoch 2"):
        first.append(ONE, 1.0, old)
    with pytest.raises(JournalError, match="read-only"):
        first.append(ONE, 1.0, old)
    assert len(content(first)) == 3
    assert second.append(ONE, 1.0, new) == 4
    second.close()
    first.close()
    assert len(reopened(store)) == 4


def test_an_epoch_is_not_taken_over_entries_that_were_never_seen(store: Store):
    first = store.open()
    epoch = fill_with(first, THREE)
    first._session.execute("SELECT pg_advisory_unlock_all()")
    second = PostgresJournal.open(store.place)
    first.append(ONE, 1.0, epoch)
    with pytest.raises(JournalError, match="another program changed this journal"):
        second.take_epoch()
    second.close()


def test_many_runs_share_the_tables_and_nothing_else(postgres: PostgresServer):
    stores = [Store(postgres) for _ in range(3)]
    journals = [store.open() for store in stores]
    for number, journal in enumerate(journals):
        fill_with(journal, *[ONE] * number)
    assert [journal.last_seq for journal in journals] == [0, 1, 2]
    journals[2].close()
    PostgresStore().discard(stores[2].place)
    with pytest.raises(UsageError, match="there is no journal"):
        PostgresStore().view(stores[2].place)
    assert [len(content(journal)) for journal in journals[:2]] == [0, 1]
    for journal in journals:
        journal.close()


# -- a connection that ends --------------------------------------------------------------------------


def test_every_acknowledged_entry_survives_kill_9_at_any_moment(store: Store, forker: Forker):
    rng = random.Random(1)
    for round_ in (1, 2):
        acked, epoch = kill_after(forker, "write_to_a_server_for_ever", store.place, rng.choice((1, 5, 40)))
        assert epoch == round_
    journal = store.open()
    check(journal, acked)
    assert journal.epoch == epoch


class Cut:
    """A wire to the server that is cut in one exchange: before the question arrives, or before the answer."""

    def __init__(self, folder: Path, server: PostgresServer):
        given = options(server.url)
        self._target = f"{given['host']}/.s.PGSQL.{given.get('port', '5432')}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen()
        self.when = ""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        client, _ = self._listener.accept()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._target)
            back = threading.Thread(target=self._answers, args=(server, client))
            back.start()
            with suppress(OSError):
                while (data := client.recv(65536)) and self.when != "before the question":
                    server.sendall(data)
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            server.shutdown(socket.SHUT_RDWR)
            back.join()

    def _answers(self, server: socket.socket, client: socket.socket):
        with suppress(OSError):
            while (data := server.recv(65536)) and self.when != "before the answer":
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.mark.parametrize(("when", "kept"), [("before the question", 3), ("before the answer", 7)])
def test_a_batch_whose_fate_is_unknown_is_not_acknowledged_and_is_there_whole_or_not_at_all(
    store: Store, tmp_path: Path, when: str, kept: int
):
    store.server.ours()  # it has a socket
    cut = Cut(tmp_path, store.server)
    far = PostgresJournal.open(f"{store.server.url_of(host=str(tmp_path), dbname=store.server.database)}#{store.name}")
    epoch = fill_with(far, THREE)
    cut.when = when
    for _ in range(2):
        with pytest.raises(JournalError, match=r"; the journal is read-only now: end this process and open it again"):
            far.append(batch(3, 4), 1.5, epoch)
    assert far.last_seq == 3
    far.close()
    cut.close()
    journal = store.open()
    assert (journal.last_seq, len(content(journal)), journal.epoch) == (kept, kept, 1)
    assert journal.append(ONE, 1.0, journal.take_epoch()) == kept + 1


def test_a_journal_outlives_a_crash_of_its_server(store: Store):
    control = store.server.ours()
    journal = store.open()
    epoch = fill_with(journal, THREE)
    before = content(journal)
    control.stop("immediate")
    with pytest.raises(JournalLost, match="read-only now"):
        journal.append(ONE, 1.0, epoch)
    with pytest.raises(JournalError, match="is the server up, and are host and port right"):
        content(journal)
    control.start()
    assert content(journal) == before
    with pytest.raises(JournalError, match="read-only now"):
        journal.take_epoch()
    journal.close()
    assert reopened(store) == before


def test_an_interrupted_write_is_the_last_one(store: Store, monkeypatch):
    journal = store.open()
    epoch = fill_with(journal, THREE)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(journal._session, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(ONE, 1.0, epoch)
    monkeypatch.undo()
    with pytest.raises(JournalError, match="a write was interrupted; the journal is read-only now"):
        journal.append(ONE, 1.0, epoch)
    assert len(content(journal)) == 3


def test_a_refusal_for_want_of_room_is_told_apart_from_a_failure(store: Store):
    journal = store.open()
    epoch = fill_with(journal, THREE)
    store.server.execute("ALTER TABLE stigmergy.entry ADD CONSTRAINT small CHECK (octet_length(body) < 1000) NOT VALID")
    try:
        with pytest.raises(JournalError, match="violates check constraint .*; the journal is read-only now"):
            journal.append(BIG, 1.0, epoch)
    finally:
        store.server.execute("ALTER TABLE stigmergy.entry DROP CONSTRAINT small")
    assert len(content(journal)) == 3


# -- damage ------------------------------------------------------------------------------------------

FLIP = "UPDATE stigmergy.entry SET body = set_byte(body, 3, get_byte(body, 3) # 1) FROM stigmergy.run WHERE {}"
DAMAGE = {
    "a flipped bit in a body": (f"{FLIP} AND entry.seq = 5", "entry 5 is damaged", 4),
    "another time": (
        "UPDATE stigmergy.entry SET at = at + 1 FROM stigmergy.run WHERE {} AND entry.seq = 5",
        "entry 5 is damaged",
        4,
    ),
    "a missing row": (
        "DELETE FROM stigmergy.entry USING stigmergy.run WHERE {} AND entry.seq = 3",
        "entries 3 to 3 are missing",
        2,
    ),
    "a missing tail": (
        "DELETE FROM stigmergy.entry USING stigmergy.run WHERE {} AND entry.seq > 4",
        "the last 2 of 6 acknowledged entries are missing",
        4,
    ),
    "all rows missing": (
        "DELETE FROM stigmergy.entry USING stigmergy.run WHERE {}",
        "the last 6 of 6 acknowledged entries are missing",
        0,
    ),
    "a mark that was set back": (
        "UPDATE stigmergy.run SET seq = run.seq - 1 FROM stigmergy.entry WHERE {}",
        "its high-water mark is damaged",
        0,
    ),
    "an epoch that was set back": (
        "UPDATE stigmergy.run SET epoch = 0 FROM stigmergy.entry WHERE {}",
        "its high-water mark is damaged",
        0,
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_reported_and_never_served(store: Store, what: str):
    sql, said, intact = DAMAGE[what]
    journal = store.open()
    fill_with(journal, THREE, THREE)
    before = content(journal)
    store.change(sql)
    if intact:
        with pytest.raises(JournalCorrupt, match="cannot be trusted"):
            content(journal)
        with pytest.raises(JournalError, match="read-only"):
            journal.append(ONE, 1.0, 1)
    journal.close()
    for look in (PostgresJournal.open, PostgresJournal.open_readonly):
        with pytest.raises(JournalCorrupt, match=f"cannot be trusted: {said}"):
            look(store.place)
    view = PostgresJournal.open_readonly(store.place, intact_prefix=True)
    assert said in view.damage
    assert content(view) == before[:intact]
    view.close()


def test_rows_beyond_the_mark_are_nobody_s(store: Store):
    journal = store.open()
    fill_with(journal, THREE)
    journal.close()
    store.change(
        "INSERT INTO stigmergy.entry SELECT run, 4, at, entry.epoch, kind, body, entry.crc, entry.chain"
        " FROM stigmergy.entry, stigmergy.run WHERE {} AND entry.seq = 3"
    )
    with pytest.raises(JournalCorrupt, match="entry 4 is damaged"):
        PostgresJournal.open(store.place)


def test_tables_of_a_later_version_are_left_alone(store: Store):
    store.open().close()
    store.server.execute("UPDATE stigmergy.format SET version = 2")
    try:
        for look in (PostgresJournal.open, PostgresJournal.open_readonly):
            with pytest.raises(JournalError, match="of a later version of this project .* nothing was changed"):
                look(store.place)
    finally:
        store.server.execute("UPDATE stigmergy.format SET version = 1")


# -- looking in --------------------------------------------------------------------------------------


def test_a_view_sees_a_live_journal_at_one_moment_and_cannot_write(store: Store):
    journal = store.open()
    epoch = fill_with(journal, THREE)
    view = PostgresJournal.open_readonly(store.place)
    journal.append(ONE, 1.0, epoch)
    assert (len(content(view)), view.last_seq, view.epoch, view.damage) == (3, 3, 1, "")
    assert content(view, after=1, kinds="facts.") == [(3, "facts.drop", {"n": 3})]
    for write in (view.take_epoch, lambda: view.append(ONE, 1.0, 1)):
        with pytest.raises(JournalError, match="for reading"):
            write()
    view.close()
    with pytest.raises(JournalError, match="closed"):
        view.read()


# -- durability --------------------------------------------------------------------------------------


def waits(journal: PostgresJournal) -> tuple[object, ...] | None:
    return journal._session.execute("SHOW synchronous_commit").fetchone()


def test_commits_wait_for_the_disk_unless_less_is_asked_for(store: Store):
    database = store.server.database
    assert waits(store.open()) == ("on",)
    store.crash()
    store.server.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
    try:
        assert waits(store.open()) == ("on",)
        store.crash()
    finally:
        store.server.execute(f"ALTER DATABASE {database} RESET synchronous_commit")
    with PostgresServerSetting(store.server, "fsync", "off"):
        with pytest.raises(UsageError, match="fsync = off, so nothing there survives a power failure"):
            store.open()
        relaxed = PostgresJournal.open(store.place, durability="process")
    assert waits(relaxed) == ("off",)
    fill_with(relaxed, THREE)
    assert waits(relaxed) == ("off",)
    relaxed.close()
    with pytest.raises(UsageError, match="durability 'maybe' is unknown"):
        PostgresJournal.open(store.place, durability="maybe")


@contextmanager
def PostgresServerSetting(server: PostgresServer, name: str, value: str):  # noqa: N802
    """Change a setting of the whole server; it hears of it in its own time."""
    server.execute(f"ALTER SYSTEM SET {name} = {value}")
    while server.execute("SELECT pg_reload_conf()") and server.execute(f"SHOW {name}") != [(value,)]:
        pass
    try:
        yield
    finally:
        server.execute(f"ALTER SYSTEM RESET {name}")
        while server.execute("SELECT pg_reload_conf()") and server.execute(f"SHOW {name}") == [(value,)]:
            pass


# -- who may not come in -----------------------------------------------------------------------------

PASSWORD = "s3cr/t@of#us"


@pytest.fixture(scope="module")
def stranger(postgres: PostgresServer):
    """The URL of a user who has a password and no rights."""
    name = f"stranger_{uuid4().hex[:8]}"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield postgres.url_of(user=name, password=PASSWORD, dbname=postgres.database)
    postgres.execute(f"DROP ROLE {name}")


def refusals(server: PostgresServer, stranger: str) -> dict[str, tuple[str, str]]:
    user = options(stranger)["user"]
    return {
        "not a URL": ("postgresql://u:s3cr%zzt@host/db#run", "not the URL of a PostgreSQL server"),
        "two readings": (f"postgresql://u:{PASSWORD}@host/db#run", "reads in two ways; write postgresql://USER@"),
        "no run": ("postgresql://u:s3cr@host/db", "names no run"),
        "nobody there": (
            "postgresql://u:s3cr@127.0.0.1:1/db#run",
            "cannot open postgresql://u@127.0.0.1:1/db: .*[Cc]onnection refused.*is the server up",
        ),
        "no such host": ("postgresql://u:s3cr@nohost.invalid/db#run", "cannot open .*check the host in the URL"),
        "no such database": (server.url_of(dbname="nowhere") + "#run", '"nowhere" does not exist; create it'),
        "a wrong password": (
            server.url_of(user=user, password="s3cr3t") + "#run",
            f'authentication failed for user "{user}"; set PGPASSWORD',
        ),
        "no password": (server.url_of(user=user) + "#run", "no password supplied; set PGPASSWORD"),
        "no rights": (stranger + "#run", "permission denied for .*; its owner can GRANT it, see docs/postgresql.md"),
    }


@pytest.mark.parametrize("why", refusals(PostgresServer("postgresql:///"), "postgresql://x@/"))
def test_whoever_cannot_come_in_is_told_in_one_line_without_a_secret(
    postgres: PostgresServer, stranger: str, monkeypatch, tmp_path: Path, why: str
):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "nothing"))
    PostgresJournal.open(f"{postgres.url}#{uuid4().hex}").close()
    place, said = refusals(postgres, stranger)[why]
    if "password" in why:
        postgres.ours()
    for look in (PostgresJournal.open, PostgresJournal.open_readonly):
        with pytest.raises(UsageError, match=said) as caught:
            look(place)
        assert len(str(caught.value).splitlines()) == 1
        assert "s3cr" not in str(caught.value)


def test_a_user_with_the_documented_rights_can_write(postgres: PostgresServer, stranger: str):
    PostgresJournal.open(f"{postgres.url}#{uuid4().hex}").close()
    user = options(stranger)["user"]
    postgres.execute(f"GRANT USAGE ON SCHEMA stigmergy TO {user}")
    postgres.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA stigmergy TO {user}")
    place = f"{stranger}#{uuid4().hex}"
    try:
        journal = PostgresJournal.open(place)
        fill_with(journal, THREE)
        journal.close()
        assert not PostgresStore().is_open(place)
        PostgresStore().discard(place)
    finally:
        postgres.execute(f"DROP OWNED BY {user}")


def test_a_database_that_cannot_hold_every_kind_is_refused(postgres: PostgresServer):
    name = f"latin_{uuid4().hex[:8]}"
    postgres.execute(f"CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(UsageError, match="has encoding LATIN1; a journal needs one with UTF8"):
            PostgresJournal.open(f"{postgres.url_of(dbname=name)}#run")
        assert execute(postgres.url_of(dbname=name), "SELECT to_regclass('stigmergy.run')") == [(None,)]
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_place_is_settled_with_the_password_in_use_and_shown_without_it(
    postgres: PostgresServer, stranger: str, monkeypatch
):
    postgres.ours()
    given = options(stranger)
    del given["password"]
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    bare = f"{shown(stranger)}#run"
    settled = store_of(bare).settled(bare)
    assert options(Place.parse(settled).url) == given | {"password": PASSWORD, "port": "5432"}
    assert store_of(settled).shown(settled) == f"{shown(Place.parse(settled).url)}#run"
    assert "s3cr" not in store_of(settled).shown(settled)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://ann:s3cr%20et@h:5432/db", "postgresql://ann@h:5432/db"),
        ("postgres://ann:a#b@h/db?sslmode=require&sslpassword=x", "postgresql://ann@h/db?sslmode=require"),
        ("postgresql://u:p@[::1]:99/d", "postgresql://u@[::1]:99/d"),
        ("postgresql:///d?host=/run/pg&password=x", "postgresql:///d?host=%2Frun%2Fpg"),
        ("postgresql://h1:1,h2:2/d?user=u&password=x", "postgresql://u@/d?host=h1%2Ch2&port=1%2C2"),
    ],
)
def test_what_people_see_of_a_url_has_no_secret_and_means_the_same(url: str, seen: str):
    assert shown(url) == seen
    kept = {name: value for name, value in options(url).items() if name not in {"password", "sslpassword"}}
    assert options(seen) == kept
