"""Healthy work in teams at realistic volumes: each function drives one to its end, and nothing may trip."""

from __future__ import annotations

import random
from itertools import pairwise

from tests.actors.watchdog.texts import prose, quoted, words
from tests.actors.watchdog.traffic import Traffic
from tests.depth import depth


def generator_and_critic(t: Traffic, rounds: int = 40, length: int = 80, changed: int = 20, critique: int = 15) -> None:
    """A draft of 80 words of which each round rewrites a quarter, as a critique of 15 words asked for."""
    rng = random.Random(6)
    draft = words(rng, length)
    message = t.send("user/0", "generator/1", "Brief", prose(rng, 30))
    for _ in range(rounds):
        for word in words(rng, changed):
            draft[rng.randrange(length)] = word
        message = t.send("generator/1", "critic/1", "Draft", quoted(" ".join(draft)), after=message)
        message = t.send("critic/1", "generator/1", "Critique", prose(rng, critique), after=message)


def short_drafts(t: Traffic) -> None:
    """A draft of 20 words of which each round rewrites five, as a critique of six asked for."""
    generator_and_critic(t, length=20, changed=5, critique=6)


def critic_who_repeats_himself(t: Traffic, rounds: int = 100) -> None:
    """The critic always says the same; the drafts are new."""
    rng = random.Random(7)
    message = t.send("user/0", "generator/1", "Brief", prose(rng, 30))
    for _ in range(rounds):
        message = t.send("generator/1", "critic/1", "Draft", prose(rng, 60), after=message)
        message = t.send("critic/1", "generator/1", "Critique", quoted("Better, but not good yet."), after=message)


def coder_and_tester(t: Traffic, rounds: int = 100) -> None:
    """The messages hardly change, but each round one more test passes, which is a new version of a fact."""
    message = t.send("user/0", "coder/1", "Brief", quoted("make the tests pass"))
    for turn in range(rounds):
        t.progress(message)
        message = t.send("coder/1", "tester/1", "Patch", {"revision": turn}, after=message)
        message = t.send("tester/1", "coder/1", "Failures", {"left": rounds - turn}, after=message)


def talk_and_then_a_token(t: Traffic) -> None:
    """Two discuss for twenty rounds, and then a counted token passes a hundred others."""
    rng = random.Random(11)
    message = t.send("user/0", "alice/1", "Request", prose(rng, 30))
    for turn in range(40):
        pair = ("alice/1", "bob/1") if turn % 2 == 0 else ("bob/1", "alice/1")
        message = t.send(*pair, "Say", prose(rng, 30), after=message)
    for node in range(100):
        message = t.send(message.to, f"node/{node}", "Token", {"number": node}, after=message)


def polling(t: Traffic, seconds: int = 3_600) -> None:
    """The same question and the same answer every second for an hour, each because of a tick."""
    t.interval_s = 0.5
    for second in range(seconds):
        asked = t.send("poller/1", "service/1", "Status", {}, after=f"tick-{second}", mode="ask")
        t.send("service/1", "poller/1", "Unchanged", {}, after=asked, mode="reply")


def polling_from_outside(t: Traffic, seconds: int = 3_600) -> None:
    """The same from outside; each answer is written to a log, which confirms it."""
    t.interval_s = 0.25
    for _ in range(seconds):
        asked = t.send("user/0", "service/1", "Status", {}, mode="ask")
        logged = t.send("service/1", "log/1", "Unchanged", {}, after=asked)
        t.send("log/1", "service/1", "Logged", {}, after=logged)
        t.send("service/1", "user/0", "Unchanged", {}, after=asked, mode="reply")


def fan_out_and_gather(t: Traffic, workers: int = 500) -> None:
    """One task in five hundred parts; all answer alike, and are thanked alike."""
    start = t.send("user/0", "boss/1", "Job", quoted("count the words"))
    parts = [t.send("boss/1", f"worker/{i}", "Part", {"part": i}, after=start, mode="ask") for i in range(workers)]
    for part in parts:
        done = t.send(part.to, "boss/1", "Finished", {}, after=part, mode="reply")
        t.send("boss/1", part.to, "Thanks", {}, after=done)


def thousands_of_tickets(t: Traffic, tickets: int = depth(2_000, 3_000), steps: int = 6, *, close: bool = True) -> None:
    """Each ticket is a conversation of its own through the same three agents, two thousand messages a second."""
    t.interval_s = 0.0005
    path = ("user/0", "supervisor/1", "classifier/1", "supervisor/1", "writer/1", "supervisor/1", "user/0")
    for ticket in range(tickets):
        message = None
        for sender, to in pairwise(path[: steps + 1]):
            body = {"text": "my card does not work", "ticket": ticket % 50}
            message = t.send(sender, to, "Ticket", body, after=message, conversation=f"ticket-{ticket}")
        if close:
            t.close(f"ticket-{ticket}")


def tickets_that_nobody_closes(t: Traffic) -> None:
    """More of them than are remembered."""
    thousands_of_tickets(t, depth(8_500, 10_000), depth(3, 6), close=False)


def auction(t: Traffic, bidders: int = 100, lots: int = 10) -> None:
    """Announce, bid, award, refuse; the next lot is announced because of the last bid."""
    rng = random.Random(8)
    cause = t.send("user/0", "auctioneer/1", "Sell", quoted("ten lots"))
    for lot in range(lots):
        bids = []
        for bidder in rng.sample(range(bidders), bidders):
            announced = t.send("auctioneer/1", f"bidder/{bidder}", "Announce", {"lot": lot}, after=cause)
            bids.append(t.send(f"bidder/{bidder}", "auctioneer/1", "Bid", {"usd": rng.randrange(20)}, after=announced))
        cause = bids[-1]
        for bid in bids:
            t.send("auctioneer/1", bid.sender, "Award" if bid is bids[0] else "Refuse", {}, after=cause)


def batch_from_one_turn(t: Traffic, requests: int = 100) -> None:
    """A hundred requests that differ by a number, through one pair, from one turn."""
    start = t.send("user/0", "importer/1", "Job", quoted("import the rows"))
    for row in range(requests):
        asked = t.send("importer/1", "store/1", "Row", {"row": row}, after=start, mode="ask")
        t.send("store/1", "importer/1", "Stored", {}, after=asked, mode="reply")


def batch_by_messages(t: Traffic, requests: int = 100) -> None:
    """A hundred requests that differ by their text, each sent because of the answer before."""
    rng = random.Random(9)
    message = t.send("user/0", "importer/1", "Job", quoted("translate the book"))
    for _ in range(requests):
        message = t.send("importer/1", "translator/1", "Paragraph", prose(rng, 60), after=message)
        message = t.send("translator/1", "importer/1", "Translated", prose(rng, 60), after=message)


def stream_of_readings(t: Traffic, readings: int = depth(10_000, 20_000)) -> None:
    """Four hundred readings a second over one pair, each because of a tick."""
    t.interval_s = 1 / 400
    for reading in range(readings):
        t.send("sensor/1", "sink/1", "Reading", {"value": reading % 7}, after=f"tick-{reading}")


SCENARIOS = [
    generator_and_critic,
    short_drafts,
    critic_who_repeats_himself,
    coder_and_tester,
    talk_and_then_a_token,
    polling,
    polling_from_outside,
    fan_out_and_gather,
    thousands_of_tickets,
    tickets_that_nobody_closes,
    auction,
    batch_from_one_turn,
    batch_by_messages,
    stream_of_readings,
]
