"""What a turn posts: in the order of its calls, whatever else it sends in between."""

from __future__ import annotations

from contextlib import suppress

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols import Malformed, Message
from stigmergy.protocols.ids import sent_id
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles


class Begin(Message):
    """Post."""


class Word(Message):
    n: int
    anything: object = None


class Poster(Agent):
    """Posts to two topics, tells itself something, and learns from the web in the middle."""

    @handles
    def post(self, _: Begin, ctx: Context) -> None:
        ctx.post("news", Word(n=1))
        ctx.post("news", Word(n=2))
        ctx.tell(ctx.me, Word(n=3))
        ctx.post("news", Word(n=4))
        ctx.post("other", Word(n=5))
        ctx.mark("web")
        ctx.post("other", Word(n=6))
        with suppress(Malformed):
            ctx.post("nothing", Word(n=7, anything=object()))

    @handles
    def listen(self, word: Word) -> None:
        """Take a word in."""


async def test_posts_stand_in_the_order_in_which_they_were_made_each_with_its_own_marks(tmp_path):
    async with Swarm(plant=Plant(engine="local"), journal=tmp_path) as swarm:
        swarm.add(Poster)
        await swarm.ask("poster/1", Begin())
        found = {topic: await swarm.read_topic(topic) for topic in ("news", "other", "nothing")}
    numbers = {topic: [post.read(Word).n for post in posts] for topic, posts in found.items()}
    assert numbers == {"news": [1, 2, 4], "other": [5, 6], "nothing": []}
    assert [(post.offset, post.sender, post.message_type) for post in found["other"]] == [
        (1, "poster/1", "Word@1"),
        (2, "poster/1", "Word@1"),
    ]
    with pytest.raises(Malformed, match="Word@1 is no Begin@1"):
        found["news"][0].read(Begin)
    posts = {topic: [post.envelope for post in of if post.envelope] for topic, of in found.items()}
    turn = posts["news"][0].cause
    assert [post.id for post in posts["news"]] == [sent_id(turn, n) for n in (1, 2, 4)]
    assert [post.taint for post in posts["other"]] == [("user",), ("user", "web")]
    assert swarm.folder is not None
    journal = SqliteJournal.open_readonly(swarm.folder.path / "journal.db")
    series = [entry.data["series"][-1] for entry in journal.read(kinds="topics.series")]
    journal.close()
    assert [[post[0] for post in posts] for posts in series] == [[1, 2], [4], [5], [6]]
