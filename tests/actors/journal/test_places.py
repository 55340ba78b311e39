"""Each place has its store, and nobody pays for a client that only PostgreSQL needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stigmergy.actors.journal import MemoryJournal, SqliteJournal
from stigmergy.actors.journal.places import is_server, store_of
from stigmergy.protocols.errors import UsageError


def test_a_path_is_a_file_and_the_empty_place_is_memory(tmp_path: Path):
    place = str(tmp_path / "journal.db")
    store = store_of(place)
    journal = store.open(place)
    assert isinstance(journal, SqliteJournal)
    assert store.is_open(place)
    journal.close()
    assert not store.is_open(place)
    assert (store.shown(place), store.settled(place)) == (place, place)
    view = store.view(place)
    assert view.last_seq == 0
    view.close()
    assert isinstance(store_of("").open(""), MemoryJournal)


@pytest.mark.parametrize("url", ["postgresql://u@h/d#run", "postgres://h/d"])
def test_a_url_is_a_server_and_without_its_client_one_line_says_what_to_install(monkeypatch, url):
    assert is_server(url)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "stigmergy.actors.journal.postgres_store", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'stigmergy\[postgres\]'"):
        store_of(url)


def test_nothing_imports_the_client_of_a_server_before_there_is_one():
    code = "import sys, stigmergy.runtime.swarm, stigmergy.runtime.cli.choices; print('psycopg' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False\n"


@pytest.mark.parametrize(
    "place", ["postgresql:/oops", "postgres:me@here", "mysql://here/there", "PostgreSQL://here/db"]
)
def test_a_url_that_was_meant_and_is_none_becomes_no_folder(place):
    with pytest.raises(UsageError, match="no place for a journal"):
        store_of(place)
