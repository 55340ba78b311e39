"""The press: a post goes on its topic, and into the mail of everybody who follows that.

Where there are several shards, a post is judged where it is sent, printed by the shard that holds its topic, and
accepted once more by each shard that has mail of followers.
"""

from __future__ import annotations

from stigmergy.protocols.codec import pack as pack_plain
from stigmergy.protocols.envelope import Envelope

from .clerk import Clerk
from .machines import Machines


class Press:
    """Publishes posts."""

    def __init__(self, machines: Machines, clerk: Clerk) -> None:
        self._m = machines
        self._clerk = clerk

    def post(self, envelopes: list[Envelope]) -> None:
        """Publish messages of one sender on one topic, those that may pass."""
        passed: list[Envelope] = []
        for envelope in envelopes:
            verdict = self._m.warden.see(envelope, self._m.now)
            if verdict is not None:
                self._send_off(passed)  # what came before it is in the mail, where a verdict finds it
                passed = []
                self._clerk.carry_out(verdict)
            if not self._clerk.is_barred(envelope):
                passed.append(envelope)
        self._send_off(passed)

    def _send_off(self, envelopes: list[Envelope]) -> None:
        """Give posts to whoever holds their topic."""
        if not envelopes:
            return
        holder = self._m.holder("topics", envelopes[0].to)
        if holder is None:
            self.publish(envelopes)
        else:
            wires = [envelope.to_wire() for envelope in envelopes]
            self._m.exchange.put(holder, "post", wires, envelopes[0].sender)

    def publish(self, envelopes: list[Envelope]) -> None:
        """Put messages of one sender on their topic, which is here, and send them to its followers."""
        m = self._m
        topic, writer = envelopes[0].to, envelopes[0].sender
        posts = [(envelope.id, pack_plain(envelope)) for envelope in envelopes]
        news = frozenset(m.space.topics.post_all(topic, posts, writer, m.now))
        members = m.space.topics.members(topic, "agents")
        for envelope in envelopes if members else ():
            followers = [f for f in members if self._takes(f, envelope)] if envelope.id in news else []
            if followers:
                self._deliver(envelope, followers)

    def fan(self, envelope: Envelope, followers: list[str], first: int = 0) -> None:
        """Take a post in for followers whose mail is here, as ``<post id>.<n>``, where n counts from ``first``."""
        m = self._m
        m.mail.fan(envelope, followers, m.now, first)
        self._clerk.accepted += len(followers)
        for address in followers:
            m.dispatcher.stir(address)

    def _deliver(self, envelope: Envelope, followers: list[str]) -> None:
        by_shard: dict[int | None, list[str]] = {}
        for follower in followers:
            by_shard.setdefault(self._m.elsewhere(follower), []).append(follower)
        first = 0
        for shard, some in by_shard.items():
            if shard is None:
                self.fan(envelope, some, first)
            else:
                self._m.exchange.put(shard, "fan", [envelope.to_wire(), some, first])
            first += len(some)

    def _takes(self, follower: str, envelope: Envelope) -> bool:
        kind = self._m.kinds.get(follower.partition("/")[0])
        return kind is not None and kind.takes(envelope.type) and follower != envelope.sender
