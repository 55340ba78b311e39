"""The press: a post goes on its topic, and into the mail of everybody who follows that.

Where there are several shards, a post is judged where it is sent, printed by the shard that holds its topic, and
accepted once more by each shard that has mail of followers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stigmergy.protocols.codec import pack as pack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.series import Series

from .clerk import Clerk
from .machines import Machines


class Press:
    """Publishes posts."""

    def __init__(self, machines: Machines, clerk: Clerk) -> None:
        self._m = machines
        self._clerk = clerk

    def post(self, envelope: Envelope) -> None:
        """Publish a message that comes by itself, if it may pass."""
        if self._may_pass(envelope):
            holder = self._m.holder("topics", envelope.to)
            if holder is None:
                self.publish(envelope)
            else:
                self._m.exchange.put(holder, "post", envelope.to_wire(), envelope.sender)

    def post_all(self, series: Series) -> None:
        """Publish what a turn posts to one topic, as far as it may pass."""
        if self._m.warden.passes(series, self._m.now):
            self._send_off(series)
            return
        passed: list[list[Any]] = []
        for post in series.posts:
            envelope = series.envelope(post)
            verdict = self._m.warden.see(envelope, self._m.now)
            if verdict is not None:
                self._send_off(series._replace(posts=passed))  # is in the mail, where a verdict finds it
                passed = []
                self._clerk.carry_out(verdict)
            if not self._clerk.is_barred(envelope):
                passed.append(post)
        self._send_off(series._replace(posts=passed))

    def publish(self, envelope: Envelope) -> None:
        """Put a message on its topic, which is here, and send it to the followers of that."""
        m = self._m
        if m.space.topics.post(envelope.to, envelope.id, pack_plain(envelope), envelope.sender, m.now).news:
            self._distribute(envelope.to, (envelope,))

    def publish_all(self, series: Series) -> None:
        """Put the posts of a series on their topic, which is here, and send them to the followers of that."""
        news = self._m.space.topics.post_all(series, self._m.now)
        self._distribute(series.to, news.envelopes())

    def fan(self, envelope: Envelope, followers: list[str], first: int = 0) -> None:
        """Take a post in for followers whose mail is here, as ``<post id>.<n>``, where n counts from ``first``."""
        m = self._m
        depth = 0
        if m.living.counted:
            depth = m.living.below(envelope.sender)
            followers = self._entered(envelope, followers, depth)
            if not followers:
                return
        m.mail.fan(envelope, followers, m.now, first, depth)
        self._clerk.accepted += len(followers)
        for address in followers:
            m.dispatcher.stir(address)

    def _entered(self, envelope: Envelope, followers: list[str], depth: int) -> list[str]:
        """The followers that are alive, or may be; deliveries to the others are dead letters."""
        entered: list[str] = []
        for number, address in enumerate(followers, len(followers)):  # ids that no delivery has
            delivery = envelope._replace(id=f"{envelope.id}.{number}", to=address)
            if "/" not in address or self._clerk.enter(delivery, address, depth) is None:
                entered.append(address)
        return entered

    def _may_pass(self, envelope: Envelope) -> bool:
        verdict = self._m.warden.see(envelope, self._m.now)
        if verdict is not None:
            self._clerk.carry_out(verdict)
        return not self._clerk.is_barred(envelope)

    def _send_off(self, series: Series) -> None:
        """Give posts to whoever holds their topic."""
        if not series.posts:
            return
        holder = self._m.holder("topics", series.to)
        if holder is None:
            self.publish_all(series)
        else:
            self._m.exchange.put(holder, "series", series.to_wire(), series.sender)

    def _distribute(self, topic: str, news: Iterable[Envelope]) -> None:
        members = self._m.space.topics.members(topic, "agents")
        for envelope in news if members else ():
            followers = [follower for follower in members if self._takes(follower, envelope)]
            if followers:
                self._deliver(envelope, followers)

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
