"""The registry's truth is its entries: any commands, replayed after a crash at any point, give the same registry."""

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stigmergy.actors.registry.registry import Registry
from stigmergy.protocols.card import AgentCard, MessageType, Skill
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import StigmergyError
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.message import Message
from tests.depth import depth


class Ping(Message, name="ping"):
    text: str


class PingWithMore(Message, name="ping"):
    text: str
    more: int = 0


class OtherPing(Message, name="ping"):
    number: int


def spec(name: str, message: type[Message], skill: str, pool: int) -> KindSpec:
    card = AgentCard.for_kind(name, "x", skills=[Skill(id=skill, description="x")], accepts=[message])
    return KindSpec(name, "m", "C", card.to_plain(), (MessageType.of(message).id,), (skill,), pool)


HOSTS = st.sampled_from(["h1", "h2"])
KINDS = st.sampled_from(["a", "b"])
COMMANDS = st.one_of(
    st.tuples(
        st.just("kind"),
        KINDS,
        st.sampled_from([Ping, PingWithMore, OtherPing]),
        st.sampled_from("xy"),
        st.integers(1, 2),
    ),
    st.tuples(st.just("join"), HOSTS, st.sampled_from([(), ("a",), ("b/1", "a")]), st.sampled_from([None, 1, 4, 9])),
    st.tuples(st.just("renew"), HOSTS, st.integers(0, 5)),
    st.tuples(st.just("leave"), HOSTS, st.integers(0, 5)),
    st.tuples(st.just("expire"), st.sampled_from([0.5, 1.0, 2.9])),
    st.tuples(st.just("outcome"), KINDS, st.booleans(), st.sampled_from([None, 0.25])),
    st.tuples(st.just("checkpoint")),
)


def carry_out(registry: Registry, command: tuple[Any, ...], now: float) -> None:
    what, *args = command
    if what == "kind":
        registry.register_kind(spec(*args))
    elif what == "join":
        registry.join(args[0], args[1], now, epoch=args[2])
    elif what == "renew":
        registry.renew(args[0], args[1], now)
    elif what == "leave":
        registry.leave(*args)
    elif what == "expire":
        registry.expire(now)
    elif what == "outcome":
        registry.outcome(args[0], ok=args[1], latency_s=1.0, usd=args[2])
    else:
        registry.checkpoint()


def truth(registry: Registry) -> Any:
    """Everything that is to survive, with the indexes that follow from it."""
    directory = registry._directory
    kinds = (directory.listings, directory._index, directory._stages, registry._saved)
    return copy.deepcopy((*kinds, registry.members, registry.epochs, registry.view))


def replayed(entries: list[tuple[str, bytes]]) -> Registry:
    registry = Registry(lambda kind, data: None)
    for kind, packed in entries:
        registry.apply(kind, unpack(packed))
    return registry


@given(st.lists(COMMANDS, max_size=30))
def test_the_state_is_the_fold_of_its_entries_and_a_refused_command_leaves_none(
    commands: list[tuple[Any, ...]],
) -> None:
    entries: list[tuple[str, bytes]] = []
    registry = Registry(lambda kind, data: entries.append((kind, pack(data))))
    now = 0.0
    for command in commands:
        now += command[1] if command[0] == "expire" else 0.0
        before, written = truth(registry), len(entries)
        try:
            carry_out(registry, command, now)
        except StigmergyError:
            assert (truth(registry), len(entries)) == (before, written)
        assert truth(replayed(entries)) == truth(registry)


@settings(max_examples=depth(40, 100))
@given(st.lists(COMMANDS | st.just(("restart",)), max_size=40))
def test_no_epoch_is_given_twice_however_often_the_registry_restarts(commands: list[tuple[Any, ...]]) -> None:
    entries: list[tuple[str, bytes]] = []

    def record(kind: str, data: dict[str, Any]) -> None:
        entries.append((kind, pack(data)))

    registry, now, given_out = Registry(record), 0.0, dict[str, list[int]]()
    for command in [*commands, ("restart",)]:
        now += command[1] if command[0] == "expire" else 0.0
        if command[0] == "restart":
            registry = replayed(entries)
            registry._record = record
            registry.resume(now)
        elif command[0] == "join":
            with suppress(StigmergyError):
                epoch = registry.join(command[1], command[2], now, epoch=command[3])
                given_out.setdefault(command[1], []).append(epoch)
        else:
            with suppress(StigmergyError):
                carry_out(registry, command, now)
    for epochs in given_out.values():
        assert epochs == sorted(set(epochs))
    assert registry.epochs == {host: max(epochs) for host, epochs in given_out.items()}


def test_hosts_that_live_through_a_restart_of_the_registry_keep_their_agents_and_their_epochs() -> None:
    entries: list[tuple[str, bytes]] = []
    before = Registry(lambda kind, data: entries.append((kind, pack(data))))
    before.register_kind(spec("a", Ping, "x", 1))
    for host in ("h1", "h2", "h3"):
        before.join(host, [], 0.0)
    agents = [f"a/{n}" for n in range(50)]
    after = replayed(entries)
    after.resume(100.0)
    assert [after.place(agent) for agent in agents] == [before.place(agent) for agent in agents]
    assert after.find()[0].healthy_hosts == 3
    for now in range(100, 120):
        after.renew("h1", 1, now)
        after.expire(now)
    assert list(after.members) == ["h1"], "the others did not show up"


def test_a_host_that_was_replaced_stays_fenced_after_a_restart() -> None:
    entries: list[tuple[str, bytes]] = []
    before = Registry(lambda kind, data: entries.append((kind, pack(data))))
    before.join("h", [], 0.0)
    for now in range(20):
        before.expire(now)
    after = replayed(entries)
    after.resume(20.0)
    assert not after.members
    assert after.join("h", [], 21.0) == 2


def test_measurements_survive_from_the_last_checkpoint_on() -> None:
    entries: list[tuple[str, bytes]] = []
    before = Registry(lambda kind, data: entries.append((kind, pack(data))))
    before.register_kind(spec("a", Ping, "x", 1))
    before.outcome("a", ok=True, latency_s=2.0, usd=0.5)
    assert before.checkpoint()
    assert not before.checkpoint()
    before.outcome("a", ok=True, latency_s=2.0, usd=0.5)
    measured = replayed(entries).find(healthy=False)[0].measured
    assert (measured.calls, measured.mean_usd) == (1, 0.5)
