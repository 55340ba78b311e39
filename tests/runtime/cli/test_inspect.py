"""Looking into a run: its figures, its conversations, its dead letters. One real run, looked at by many tests."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from stigmergy.runtime.cli import main

from .samples import DESK, PAYS

ASKED = ("plain", "flaky", "broken", "plain again")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with one run in ``runs/``."""
    place = tmp_path_factory.mktemp("finished")
    (place / "desk_x").mkdir()
    (place / "desk_x" / "app.py").write_text(DESK)
    asks = [word for text in ASKED for word in ("--ask", text)]
    words = ["--engine", "local", "--quiet", "--json", "--journal", str(place / "runs"), "--budget-messages", "100"]
    assert main(["run", str(place / "desk_x"), *words, *asks]) == 0
    return place


@pytest.fixture
def look(stigmergy, finished, place):
    """Run a command in a copy of that folder."""
    shutil.copytree(finished / "runs", place / "runs")

    def run(*words):
        ran = stigmergy(*words)
        assert (ran.code, ran.err) == (0, ""), ran.err
        return ran.out

    return run


def read(look, *words):
    return json.loads(look(*words, "--json"))


# -- inspect ------------------------------------------------------------------------------------


def test_inspect_counts_what_every_kind_did(look):
    kinds = {kind["name"]: kind for kind in read(look, "inspect", "last")["kinds"]}
    assert kinds["front"] | {"latency_ms": None} == {
        "name": "front",
        "received": 4,
        "sent": 7,
        "turns": 3,
        "failures": 1,
        "retries": 0,
        "dead": 1,
        "latency_ms": None,
        "model_calls": 0,
        "tool_calls": 0,
        "tokens": 0,
        "usd": 0.0,
    }
    librarian = kinds["librarian"]
    assert (librarian["received"], librarian["turns"], librarian["dead"]) == (4, 3, 1)
    assert (librarian["failures"], librarian["retries"]) == (4, 3)
    assert kinds["archivist"]["turns"] == 3
    assert all(kinds[name]["latency_ms"]["p95"] > 0 for name in ("front", "librarian", "archivist"))


def test_inspect_agrees_with_the_ledger_and_the_report(look, place):
    found = read(look, "inspect", "last")
    (folder,) = (place / "runs").iterdir()
    figures = json.loads((folder / "run.json").read_text())["figures"]
    for name in ("messages", "model_calls", "tokens", "usd"):
        assert found[name] == figures[name]
    assert sum(kind["sent"] for kind in found["kinds"]) == found["messages"]
    assert sum(kind["usd"] for kind in found["kinds"]) == pytest.approx(found["usd"])
    assert (found["model_calls"], found["usd"] > 0) == (3, True)


def test_inspect_names_accounts_hosts_and_what_is_on_the_blackboard(look):
    found = read(look, "inspect", "last")
    (swarm,) = [account for account in found["accounts"] if account["account"] == "swarm"]
    assert swarm["ceiling"] == {"messages": 100}
    (host,) = found["hosts"]
    assert (host["host"], host["gone"], host["attempts"]) == ("host-1.1", None, 11)
    board = found["blackboard"]
    assert {topic["topic"]: topic["posts"] for topic in board["topics"]} == {"news": 3, "dead-letters": 2}
    assert board["facts"]["listed"] == ["last", "seen.flaky", "seen.plain", "seen.plain again"]
    assert board["trails"] == [{"trail": "shelf", "keys": 3, "writes": 3}]


def test_inspect_lists_dead_letters_and_slow_conversations(look):
    found = read(look, "inspect", "last")
    assert found["dead_letters"]["by_reason"] == {"handler failed": 2}
    assert {dead["to"] for dead in found["dead_letters"]["examples"]} == {"skill:lookup", "front"}
    assert sorted(talk["messages"] for talk in found["slowest"]) == [2, 5, 5, 5]
    assert found["conversations"] == 4


def test_inspect_prints_tables_for_people(look):
    out = look("inspect", "last")
    for part in ("ended", "kinds", "busiest agents", "what the kinds cost", "accounts with a ceiling", "dead letters"):
        assert part in out
    for part in ("hosts", "topics", "facts", "trails", "slowest conversations", "entries, sound"):
        assert part in out
    assert "\x1b" not in out


def test_inspect_says_how_a_run_ended_when_only_its_driver_knows(look, place):
    (record,) = place.glob("runs/*/run.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "stop_reason": "user"}))
    assert look("inspect", "last").splitlines()[1].strip() == "ended (user)"


# -- trace --------------------------------------------------------------------------------------


def conversation_of(look, text):
    """The id of the conversation that began with a question."""
    for talk in read(look, "inspect", "last")["slowest"]:
        found = read(look, "trace", "last", talk["id"])
        if found["messages"][0]["body"] == {"text": text}:
            return talk["id"]
    raise AssertionError(text)


def test_trace_draws_one_tree_of_who_said_what_to_whom_why_and_at_what_cost(look):
    lines = look("trace", "last", conversation_of(look, "plain")[:10]).splitlines()
    assert lines[1].startswith("5 messages, 3 agents, ")
    assert "1 model call, 10 tokens, 0.000026 USD" in lines[1]
    tree = lines[4:]
    assert tree[0].startswith('client/main asks front  Question@1 {"text": "plain"}  ')
    assert tree[1].startswith("│  front/pool.1 answered after ")
    assert tree[1].endswith('Answer@1 {"text": "PLAIN"}')
    assert tree[2] == "│  ran stamp"
    assert tree[3].startswith('└─ front/pool.1 asks skill:lookup  Question@1 {"text": "plain"}  ')
    assert tree[4].startswith("   │  librarian/pool.1 answered after ")
    assert tree[5].startswith("   │  model writer (claude-haiku-4-5), ")
    assert tree[5].endswith(": 10 tokens, 0.000026 USD")
    assert tree[6] == '   │  wrote fact seen.plain: {"by": "librarian/pool.1"}'
    assert tree[7] == '   │  laid on trail shelf: {"plain": 1.0}'
    assert tree[8].startswith('   └─ librarian/pool.1 posts to topic news  Note@1 {"text": "plain"}  ')
    assert tree[9].startswith("      └─ delivered to archivist  ")
    assert tree[10].startswith("            archivist/pool.1 done after ")
    assert tree[11] == '            wrote fact last: "plain"'
    assert len(tree) == 12


def test_trace_tells_a_failed_attempt_and_what_the_next_one_cost(look):
    messages = read(look, "trace", "last", conversation_of(look, "flaky"))["messages"]
    asked = messages[1]
    failed, went_well = (attempt["error"] for attempt in asked["attempts"])
    assert re.fullmatch(r"librarian/pool\.1 at app\.py:\d+ in look: ValueError: the lamp went out", failed)
    assert went_well == ""
    assert (asked["outcome"], asked["cause"]) == ("done", messages[0]["id"])
    assert [(call["attempt"], call["outcome"], call["role"]) for call in asked["calls"]] == [(2, "settled", "writer")]


def test_trace_tells_how_a_message_died(look):
    found = conversation_of(look, "broken")
    messages = read(look, "trace", "last", found)["messages"]
    assert [(m["outcome"], m["reason"]) for m in messages] == [("dead", "handler failed")] * 2
    assert [len(m["attempts"]) for m in messages] == [1, 3]
    out = look("trace", "last", found)
    assert "dead letter after" in out
    assert "the page is \\x1b[31mtorn" in out
    assert "\x1b" not in out


def test_trace_finds_a_conversation_by_a_message_and_by_size(look):
    found = read(look, "trace", "last", conversation_of(look, "plain"))
    inner = found["messages"][1]["id"]
    assert read(look, "trace", "last", inner)["conversation"]["id"] == found["conversation"]["id"]
    assert len(read(look, "trace", "last", "--largest")["messages"]) == 4


def test_trace_answers_an_unknown_id_in_one_line(look, stigmergy):
    ran = stigmergy("trace", "last", "no-such-id")
    assert (ran.code, ran.out) == (2, "")
    assert "has an id that begins with 'no-such-id'" in ran.complaint


def test_trace_shows_a_tool_call_by_its_name(app, stigmergy):
    assert stigmergy("run", app("pays_t", PAYS), "--engine", "local", "--quiet").code == 0
    lines = [line.strip() for line in stigmergy("trace", "last", "--largest").out.splitlines()]
    assert " 0 model calls, 2 tool calls, 0 tokens" in lines[1]
    assert [line.partition(",")[0] for line in lines[6:]] == ["tool look_up", "tool credit"]
    assert "?" not in "".join(lines)
    (asked, *_) = json.loads(stigmergy("trace", "last", "--largest", "--json").out)["messages"]
    assert [(call["what"], call["role"], call["tool_calls"]) for call in asked["calls"]] == [
        ("tool", "look_up", 1),
        ("tool", "credit", 1),
    ]


# -- dead letters -------------------------------------------------------------------------------


def test_dead_letters_are_listed_with_where_to_look(look):
    found = read(look, "dead-letters", "last")
    assert (found["count"], found["by_reason"]) == (2, {"handler failed": 2})
    first = found["dead_letters"][0]
    assert (first["sender"], first["to"], first["attempts"]) == ("front/pool.1", "skill:lookup", 3)
    out = look("dead-letters", "last", "--most", "1")
    assert out.startswith("2 dead letters in ")
    assert "1 earlier ones; --most N shows more" in out
    assert first["conversation"][:12] in out
    assert first["causes"] == ["client/main", "front/pool.1"]
    assert "client/main" in out


def test_dead_letters_are_put_back_once(look, stigmergy):
    (first, second) = read(look, "dead-letters", "last")["dead_letters"]
    assert look("dead-letters", "last", "--put-back", first["id"][:8]).startswith("1 dead letter of ")
    found = read(look, "dead-letters", "last", "--put-back", "all")
    assert (found["put_back"], found["not_put_back"]) == (1, {first["id"]: "it was put back before"})
    assert [dead["put_back"] for dead in read(look, "dead-letters", "last")["dead_letters"]] == [True, True]
    assert second["put_back"] is False
    ran = stigmergy("dead-letters", "last", "--put-back", "nonsense")
    assert (ran.code, ran.complaint.startswith("stigmergy: 0 dead letters begin with 'nonsense'")) == (2, True)


# -- runs, and which run is meant ---------------------------------------------------------------


def test_runs_lists_how_each_ended(look, place):
    (run,) = read(look, "runs")["runs"]
    assert (run["app"], run["ended_by"], run["exit_code"], run["messages"]) == ("desk", "done", 0, 17)
    assert "desk" in look("runs", place / "runs")


def test_of_several_interrupted_runs_the_newest_is_offered_whatever_interrupted_it(look, place):
    (folder,) = (place / "runs").iterdir()
    ends = {"20260101-000000-1": {"ended": None}, "20260102-000000-1": {"figures": {"stop_reason": "user"}}}
    for name, end in ends.items():
        other = folder.parent / name
        shutil.copytree(folder, other)
        known = json.loads((other / "run.json").read_text())
        (other / "run.json").write_text(json.dumps(known | end))
    assert "stigmergy resume 20260102-000000-1 (or another of 2)" in look("runs")


def test_a_folder_without_runs_says_how_to_make_one(look, place):
    (place / "other").mkdir()
    assert look("runs", "other") == "no runs in other/ yet: `stigmergy run APP` makes one\n"


def test_a_run_is_found_by_id_by_its_beginning_by_its_folder_and_as_the_last(look, place):
    (folder,) = (place / "runs").iterdir()
    (place / "elsewhere").mkdir()
    names = [folder.name, folder.name[:-2], f"runs/{folder.name}", folder, "last"]
    assert {read(look, "inspect", name)["run"] for name in names} == {folder.name}
    folder.rename(place / "elsewhere" / folder.name)
    assert read(look, "inspect", "last", "--runs", "elsewhere")["run"] == folder.name


# -- damage -------------------------------------------------------------------------------------


@pytest.fixture
def journal(look, place):
    (folder,) = (place / "runs").iterdir()
    return folder / "journal.db"


def flip(path, where):
    """Change one byte."""
    with path.open("r+b") as file:
        file.seek(where)
        old = file.read(1)[0]
        file.seek(where)
        file.write(bytes([old ^ 1]))


@pytest.mark.parametrize("command", [["inspect", "last"], ["trace", "last", "--largest"], ["dead-letters", "last"]])
def test_a_damaged_journal_is_told_in_one_line_and_left_alone(stigmergy, journal, command):
    where = journal.read_bytes().index(b"lamp went out")
    flip(journal, where)
    before = journal.read_bytes()
    ran = stigmergy(*command)
    assert (ran.code, ran.out) == (2, "")
    assert "is damaged: entry " in ran.complaint
    assert "--intact reads the " in ran.complaint
    assert journal.read_bytes() == before


def test_what_stands_before_the_damage_can_be_read(stigmergy, journal):
    flip(journal, journal.read_bytes().index(b"lamp went out"))
    ran = stigmergy("inspect", "last", "--intact", "--json")
    assert ran.code == 0
    assert "this is from the entries before the damage" in ran.complaint
    found = json.loads(ran.out)
    assert 0 < found["messages"] < 17
    assert found["damage"]


@pytest.mark.parametrize("end", ["", ".mark"])
def test_a_journal_with_a_file_missing_or_replaced_is_told_in_one_line(stigmergy, journal, end):
    part = journal.with_name(journal.name + end)
    for spoil in (lambda: part.write_bytes(b"nonsense"), part.unlink):
        spoil()
        ran = stigmergy("inspect", "last")
        assert (ran.code, ran.out) == (2, "")
        assert str(journal) in ran.complaint
