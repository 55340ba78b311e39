"""Loops, floods and storms: each function drives one until the watchdog stops it, or for too long."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.actors.watchdog.texts import COURTESIES, quoted
from tests.actors.watchdog.traffic import Traffic

TOO_LONG = 5_000


def go_round(t: Traffic, agents: Sequence[str], say: Callable[[int], Any], type: str = "Thanks") -> None:
    """A request, and then each agent writes to the next because of the last."""
    t.interval_s = 3.0  # as models do
    message = t.send("user/0", agents[0], "Request", quoted("please write the quarterly report"))
    for turn in range(TOO_LONG):
        sender, to = agents[turn % len(agents)], agents[(turn + 1) % len(agents)]
        message = t.send(sender, to, type, say(turn), after=message)
        if t.halted:
            return


TWO = ("alice/1", "bob/1")


def politeness(t: Traffic) -> None:
    go_round(t, TWO, lambda _: quoted("Thank you!"))


def politeness_with_a_counter(t: Traffic) -> None:
    go_round(t, TWO, lambda turn: {"text": f"Thank you for message {turn}!", "sent_at": 1.7e9 + 3.1 * turn})


def politeness_in_other_words(t: Traffic, seed: int = 1) -> None:
    """Two to four of twenty courtesies in any order, with a counter and changing case and punctuation."""
    rng = random.Random(seed)

    def say(turn: int) -> dict[str, Any]:
        phrases = rng.sample(COURTESIES, rng.randint(2, 4))
        return quoted(f"{turn}: " + rng.choice([". ", "! ", ", "]).join(rng.choice([p, p.title()]) for p in phrases))

    go_round(t, TWO, say)


def politeness_one_phrase_at_a_time(t: Traffic, seed: int = 1) -> None:
    rng = random.Random(seed)
    go_round(t, TWO, lambda _: quoted(rng.choice(COURTESIES)))


def politeness_in_chinese(t: Traffic) -> None:
    phrases = ("非常感谢", "不客气", "祝你有美好的一天", "很高兴能帮到你", "再次感谢你的帮助")
    go_round(t, TWO, lambda turn: quoted(phrases[turn % len(phrases)] + "!" * (turn % 3)))


def three_agents(t: Traffic) -> None:
    go_round(t, ("planner/1", "writer/1", "editor/1"), lambda turn: quoted(f"your turn, round {turn // 3}"), "Handoff")


def eight_agents(t: Traffic) -> None:
    go_round(t, [f"desk/{i}" for i in range(8)], lambda _: quoted("not mine, please take it"), "Handoff")


def eight_agents_with_a_counter(t: Traffic) -> None:
    go_round(t, [f"desk/{i}" for i in range(8)], lambda turn: quoted(f"not mine, please take it, {turn}"), "Handoff")


def twenty_agents(t: Traffic) -> None:
    """Longer than a round that is looked for: it is the hops without news that end it."""
    go_round(t, [f"desk/{i}" for i in range(20)], lambda _: quoted("not mine, please take it"), "Handoff")


def self_messages(t: Traffic) -> None:
    go_round(t, ("alice/1",), lambda _: quoted("note to self"), "Note")


def self_messages_with_a_counter(t: Traffic) -> None:
    go_round(t, ("alice/1",), lambda turn: quoted(f"note {turn} to self"), "Note")


def group_chat(t: Traffic) -> None:
    """Three agents answer each other in no order, in words that they have used before."""
    rng = random.Random(2)
    message = t.send("user/0", "agent/0", "Request", quoted("please write the quarterly report"))
    while not t.halted and t.messages < TOO_LONG:
        to = rng.choice([f"agent/{i}" for i in range(3) if f"agent/{i}" != message.to])
        message = t.send(message.to, to, "Chat", quoted(rng.choice(COURTESIES)), after=message)


def endless_talk(t: Traffic) -> None:
    """Two agents that always find new words, and never a result."""
    go_round(
        t, TWO, lambda turn: quoted(" ".join(f"{letters(turn)}{ending}" for ending in ("ly", "ing", "ness", "ed")))
    )


def letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def storm(t: Traffic, agents: int = 10, branching: int = 2, *, counted: bool = False) -> None:
    """Everyone forwards each message to two others, whether or not it knew it."""
    rng = random.Random(3)
    t.interval_s = 0.001
    queue = [t.send("user/0", "agent/0", "Forward", quoted("please share this"))]
    while not t.halted and t.messages < TOO_LONG:
        message = queue.pop(0)
        for _ in range(branching):
            text = f"please share this {t.messages}" if counted else "please share this"
            queue.append(t.send(message.to, f"agent/{rng.randrange(agents)}", "Forward", quoted(text), after=message))
            if t.halted:
                return


def storm_of_two_hundred(t: Traffic) -> None:
    storm(t, agents=200)


def storm_with_a_counter(t: Traffic) -> None:
    storm(t, counted=True)


def room_where_all_answer_all(t: Traffic) -> None:
    """Ten agents read one topic, and each posts its consent to every post."""
    queue = [t.send("user/0", "room", "Opinion", quoted("it is a fine day"), mode="post")]
    while not t.halted and t.messages < TOO_LONG:
        message = queue.pop(0)
        for agent in range(10):
            queue.append(t.send(f"agent/{agent}", "room", "Opinion", quoted("I agree"), after=message, mode="post"))
            if t.halted:
                return


def hop_bomb(t: Traffic) -> None:
    """Passed on at random by thirty agents: no round, no branch, only hops."""
    rng = random.Random(4)
    message = t.send("user/0", "agent/0", "Parcel", quoted("pass it on"))
    while not t.halted and t.messages < TOO_LONG:
        message = t.send(message.to, f"agent/{rng.randrange(30)}", "Parcel", quoted("pass it on"), after=message)


def hop_bomb_through_new_agents(t: Traffic) -> None:
    """Each agent is new, and so is each content."""
    message = t.send("user/0", "agent/0", "Parcel", quoted("pass it on"))
    while not t.halted and t.messages < TOO_LONG:
        message = t.send(message.to, f"agent/{t.messages}", "Parcel", quoted(f"pass it on {t.messages}"), after=message)


def same_request_again(t: Traffic) -> None:
    """A turn that calls a service with the same arguments, whatever it answers."""
    start = t.send("user/0", "clerk/1", "Request", quoted("book a flight"))
    while not t.halted and t.messages < TOO_LONG:
        asked = t.send("clerk/1", "airline/1", "Search", {"from": "OSL", "to": "LIS"}, after=start, mode="ask")
        t.send("airline/1", "clerk/1", "Failed", {"request": t.messages}, after=asked, mode="reply")


def two_requests_in_turns(t: Traffic) -> None:
    """The same with two requests, one after the other."""
    start = t.send("user/0", "clerk/1", "Request", quoted("book a flight"))
    while not t.halted and t.messages < TOO_LONG:
        for place in ("LIS", "OPO"):
            t.send("clerk/1", "airline/1", "Search", {"from": "OSL", "to": place}, after=start, mode="ask")


def flood(t: Traffic) -> None:
    """A thousand messages a second over one pair, all different, and nobody slows the sender."""
    t.interval_s = 0.001
    start = t.send("user/0", "alice/1", "Request", quoted("tell bob everything"))
    while not t.halted and t.messages < 100_000:
        t.send("alice/1", "bob/1", "Direct", {"number": t.messages}, after=start)


def slow_irregular_chatter(t: Traffic, between: Callable[[], None] = lambda: None) -> None:
    """Forty chains among forty agents, each too short and too irregular for any other check; for minutes."""
    rng = random.Random(5)
    t.interval_s = 0.5
    body = quoted("anything new")
    heads = [t.send("user/0", f"agent/{i}", "Request", body, after="start") for i in range(40)]
    while not t.halted and t.messages < 700:
        if t.messages % 150 == 0:
            between()
        number = rng.randrange(40)
        to = f"agent/{rng.randrange(40)}"
        heads[number] = t.send(heads[number].to, to, "Request", body, after=heads[number])
