"""Progress and events, on a terminal and elsewhere."""

from __future__ import annotations

import threading

import pytest

from stigmergy.runtime.cli.events import Events
from stigmergy.runtime.cli.performance import Shown
from stigmergy.runtime.cli.screen import Plain, Quiet, Terminal, screen_for


def test_a_pipe_gets_plain_lines_and_the_last_step_always(capfd):
    with Plain() as screen:
        for done in range(11):
            screen.progress(done, 10, "tickets")
        screen.progress(10, 10, "tickets")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("tickets: 10 of 10 (100 %), ")


def test_a_pipe_gets_a_sign_of_life_while_one_thing_takes_long_and_nobody_knows_how_long(monkeypatch):
    lines: list[str] = []
    enough = threading.Event()

    class Told(Plain):
        def line(self, text):
            lines.append(text)
            if len(lines) == 3:
                enough.set()

    monkeypatch.setattr("stigmergy.runtime.cli.screen.BEAT_S", 0.001)
    monkeypatch.setattr("stigmergy.runtime.cli.screen.PLAIN_EVERY_S", 0.0)
    with Told() as screen:
        screen.progress(0, 0, "learning")
        assert enough.wait(10)
    assert all(line.startswith("learning: ") and line.endswith(" ms") for line in lines)


def test_a_terminal_gets_events_above_its_line(capfd):
    with Terminal("desk") as screen:
        screen.progress(1, 2, "tickets")
        screen.event("stopped", {"reason": "budget", "text": "x"})
    assert "stopping (budget)" in capfd.readouterr().err


def test_quiet_shows_nothing(capfd):
    with Quiet() as screen:
        screen.progress(1, 1, "x")
        screen.event("stopped", {"reason": "budget", "text": "x"})
        screen.line("x")
    assert capfd.readouterr() == ("", "")


def test_what_is_no_terminal_gets_plain_lines():
    assert isinstance(screen_for("x", quiet=False), Plain)
    assert isinstance(screen_for("x", quiet=True), Quiet)


WHAT = "alice/1, bob/1: alice/1 -Thanks-> bob/1, 12 times"
ALERT = {"account": "swarm", "dimension": "messages", "share": 0.5, "used": 1000.0, "ceiling": 2000.0}
VERDICT = {
    "action": "quarantine",
    "reason": "ping_pong",
    "conversation": "0123456789abcdef",
    "agents": ["alice/1", "bob/1"],
    "exchange": "alice/1 -Thanks-> bob/1, 12 times",
    "advice": "let one of the two stop",
}


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("budget_alert", ALERT, "budget: 50 % of 2,000 messages used (1,000)"),
        (
            "budget_alert",
            {**ALERT, "account": "swarm/kind:a", "dimension": "usd", "share": 0.95, "used": 0.0475, "ceiling": 0.05},
            "budget of swarm/kind:a: 95 % of 0.05 USD used (0.0475)",
        ),
        (
            "verdict",
            VERDICT,
            f"watchdog: quarantined conversation 0123456789ab: ping pong between {WHAT}; let one of the two stop",
        ),
        (
            "host_lost",
            {"host": "host-1.1", "reason": "its lease ended", "letters": 2},
            "host host-1.1 was lost (its lease ended); 2 messages it had will be tried again",
        ),
        (
            "host_stalled",
            {"host": "host-1.1", "at": "app.py:41 in spin", "seconds": 2.6},
            (
                "host host-1.1 stands still: app.py:41 in spin has not returned for 3 s, and all agents of that host "
                "wait (what blocks belongs in ctx.run)"
            ),
        ),
        (
            "stalled",
            {"at": "app.py:41 in spin", "seconds": 2.6},
            (
                "everything stands still: app.py:41 in spin has not returned for 3 s, and all agents "
                "wait (what blocks belongs in ctx.run)"
            ),
        ),
        ("host_started", {"host": "host-1.1"}, ""),
        ("host_started", {"host": "host-1.2"}, "host host-1.2 goes on with what was left"),
        (
            "case",
            {"tool": "credit", "agent": "teller/1", "reason": "not approved"},
            "waits for a person: credit of teller/1 (not approved); `stigmergy approve` lists it once the run is over",
        ),
        ("something_new", {}, ""),
    ],
)
def test_events_are_told_in_one_line(name, data, line):
    assert Events().line(name, data) == line


def test_a_host_takes_the_place_of_one_that_was_told_to_be_lost():
    events = Events()
    events.line("host_lost", {"host": "host-1.1", "reason": "its lease ended", "letters": 0})
    assert events.line("host_started", {"host": "host-1.2"}) == "host host-1.2 took its place"
    assert events.line("host_started", {"host": "host-2.2"}) == "host host-2.2 goes on with what was left"


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (("starting Ray",), ["starting Ray", "at work"]),
        (("starting Ray", "tickets"), ["starting Ray", "tickets"]),
        ((), []),
    ],
)
def test_ray_is_shown_as_starting_until_there_is_a_host_or_the_app_says_more(before, shown):
    seen: list[str] = []

    class Seen(Quiet):
        def progress(self, done: int, total: int, text: str) -> None:
            seen.append(text)

    stage = Shown(Seen())
    for text in before:
        stage.progress(0, 0, text)
    stage.event("host_started", {"host": "host-1.1"})
    stage.event("host_started", {"host": "host-2.1"})
    assert seen == shown
