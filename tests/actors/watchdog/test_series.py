"""Posts that come together are judged as if they had come one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.actors.watchdog.sightings import Sighting
from stigmergy.actors.watchdog.watchdog import LoopWatchdog

BODIES = st.sampled_from([b"one", b"two", b"three words here"]) | st.integers(0, 10**9).map(b"news %d".__mod__)


class Swarm:
    """A watchdog that is shown what turns post, either way."""

    def __init__(self, *, together: bool):
        self.watchdog = LoopWatchdog(LoopLimits(growth_generations=2, variants_generations=2))
        self.together = together
        self.verdicts: list[tuple[str, str, str, int]] = []
        self.passed = 0
        self.hops: dict[int, int] = {}
        self.at = 0.0

    def turn(self, turn: int, cause: int | None, bodies: list[bytes]) -> None:
        """Somebody tells the agent of a turn to run, which then posts."""
        self.at += 0.01
        hops = self.hops[turn] = 0 if cause is None else self.hops[cause] + 1
        before = "" if cause is None else f"turn{cause}"
        self._see(f"turn{turn}", before, "a/0", f"a/{turn % 3}", b"go " + bodies[-1], hops)
        posts = [self._sighting(f"p{turn}.{n}", f"turn{turn}", body, hops + 1) for n, body in enumerate(bodies)]
        if self.together and self.watchdog.passes(posts[-1], [post.digest for post in posts]):
            self.passed += len(posts)
            return
        for post, body in zip(posts, bodies, strict=True):
            self._judge(post, body)

    def _sighting(self, name: str, cause: str, body: bytes, hops: int) -> Sighting:
        sender = f"a/{int(cause.removeprefix('turn')) % 3}"
        return Sighting(name, "talk", cause, sender, "news", "News@1", hash(body), hops, self.at, "post")

    def _see(self, name: str, cause: str, sender: str, to: str, body: bytes, hops: int) -> None:
        self._judge(Sighting(name, "talk", cause, sender, to, "Go@1", hash(body), hops, self.at), body)

    def _judge(self, sighting: Sighting, body: bytes) -> None:
        verdict = self.watchdog.see(sighting, body)
        if verdict is not None:
            self.verdicts.append((verdict.action, verdict.reason, verdict.conversation, verdict.count))

    def remembered(self) -> list[Any]:
        """All that later verdicts depend on, but for the links of the posts themselves, which cause nothing."""
        talk = self.watchdog._conversations.get("talk")
        if talk is None:
            return []
        turns = [link for link in talk.links if link.sent.id.startswith("turn")]
        return [
            [(link.sent.id, link.stale_hops, link.rounds, link.barren, link.circling, link.said) for link in turns],
            [(link.tree.widths, link.tree.wide, link.tree._echoes) for link in turns],
            [(pair.index, pair.messages, pair.full) for pair in talk._pairs],
            {key: (link.said, link.stale) for key, link in talk._contents._young.items()},
            (talk.unheard, talk.learned_at, talk._frontier, talk.warned),
            self.watchdog._swarm.messages,
        ]


TURNS = st.lists(st.tuples(st.integers(0, 12), st.lists(BODIES, min_size=1, max_size=40)), max_size=40)


WIDENING = [(0, [b"1"]), *((n, [b"%d %d" % (n, post) for post in range(40)]) for n in range(1, 4)), (1, [b"last"])]
CIRCLING = [(1, [bytes(97 + (7 * n + 11 * post + k * k) % 26 for k in range(9)) for post in (0, 1)]) for n in range(16)]
STALE = [*CIRCLING[:8], *[(1, [b"again"])] * 4, (1, [b"news"])]


@given(turns=TURNS)
@example(turns=WIDENING)
@example(turns=CIRCLING)
@example(turns=STALE)
def test_verdicts_are_the_same_whether_posts_come_together_or_one_by_one(turns: list[tuple[int, list[bytes]]]):
    single, together = Swarm(together=False), Swarm(together=True)
    for number, (back, bodies) in enumerate(turns):
        cause = number - back if 0 < back <= number else None
        for swarm in (single, together):
            swarm.turn(number, cause, bodies)
    assert together.verdicts == single.verdicts
    assert together.remembered() == single.remembered()


def test_news_passes_together_and_what_was_said_before_does_not():
    swarm = Swarm(together=True)
    swarm.turn(0, None, [b"one", b"two"])
    assert swarm.passed == 2
    swarm.turn(1, 0, [b"three", b"one"])
    swarm.turn(2, 0, [b"four", b"four"])
    assert swarm.passed == 2
    swarm.turn(3, 0, [b"five"])
    assert swarm.passed == 3


def test_a_pair_that_would_be_over_its_rate_is_looked_at_one_by_one():
    swarm = Swarm(together=True)
    swarm.turn(0, None, [b"%d" % n for n in range(501)])
    assert swarm.passed == 0
    assert swarm.verdicts == [("slow", "pair_rate", "talk", 501)]
