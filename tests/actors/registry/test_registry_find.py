"""The registry: finding kinds, and measuring them."""

from typing import Any

import pytest

from stigmergy.actors.registry.measured import Measured
from stigmergy.actors.registry.registry import Registry
from stigmergy.protocols.card import Skill
from stigmergy.protocols.errors import JournalCorrupt, NoSuchAgent, UsageError
from stigmergy.protocols.kind import Resources
from tests.actors.kinds import Answer, a_kind, a_registry, names

# --- finding --------------------------------------------------------------------------------------------------------


def a_crowd() -> Registry:
    registry, _ = a_registry(
        a_kind("librarian", skills=(Skill(id="lookup", description="x", tags=["search", "books"]),)),
        a_kind("crawler", skills=(Skill(id="lookup", description="x", tags=["search", "web"]),), accepts=(Answer,)),
        a_kind("poet", skills=(Skill(id="rhyme", description="x", tags=["books"]),)),
        hosts=("h",),
    )
    return registry


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["crawler", "librarian", "poet"]),
        ({"skill": "lookup"}, ["crawler", "librarian"]),
        ({"tag": "books"}, ["librarian", "poet"]),
        ({"accepts": "Question"}, ["librarian", "poet"]),
        ({"accepts": "Question@1"}, ["librarian", "poet"]),
        ({"accepts": "Question@2"}, []),
        ({"skill": "lookup", "tag": "books"}, ["librarian"]),
        ({"skill": "lookup", "tag": "books", "accepts": "Answer"}, []),
        ({"skill": "nothing"}, []),
        ({"limit": 1}, ["crawler"]),
    ],
)
def test_a_kind_is_found_when_it_fits_every_question(asked: dict[str, Any], found: list[str]) -> None:
    assert names(a_crowd().find(**asked)) == found


def test_a_kind_without_a_healthy_host_is_found_only_on_request() -> None:
    registry, _ = a_registry(a_kind("scout"), a_kind("loner", resources=Resources(own_process=True)))
    assert names(registry.find()) == ["loner"], "hosts of such kinds are started when they are needed"
    assert names(registry.find(healthy=False)) == ["loner", "scout"]
    registry.join("h", [], 0)
    assert names(registry.find()) == ["loner", "scout"]


def test_the_cheapest_surest_and_fastest_come_first_and_the_unmeasured_last() -> None:
    registry = a_crowd()
    for ok, latency_s, usd in [(True, 2.0, 0.01), (False, 4.0, 0.03)]:
        registry.outcome("librarian", ok=ok, latency_s=latency_s, usd=usd)
    registry.outcome("crawler", ok=True, latency_s=5.0, usd=0.001)
    assert names(registry.find(order_by="cost")) == ["crawler", "librarian", "poet"]
    assert names(registry.find(order_by="latency")) == ["librarian", "crawler", "poet"]
    assert names(registry.find(order_by="success")) == ["crawler", "librarian", "poet"]


def test_a_match_tells_what_was_measured() -> None:
    registry = a_crowd()
    registry.outcome("poet", ok=True, latency_s=2.0, usd=0.5)
    registry.outcome("poet", ok=False, latency_s=4.0)
    (match,) = registry.find(skill="rhyme")
    assert match.measured == Measured(calls=2, ok=1, latency_s=6.0, priced=1, usd=0.5)
    assert (match.measured.success, match.measured.mean_latency_s, match.measured.mean_usd) == (0.5, 3.0, 0.5)
    assert match.to_plain()["card"]["name"] == "poet"


def test_a_cost_that_nobody_knows_is_not_zero() -> None:
    registry = a_crowd()
    registry.outcome("poet", ok=True, latency_s=1.0, usd=None)
    assert registry.find(skill="rhyme")[0].measured.mean_usd is None
    registry.outcome("crawler", ok=True, latency_s=1.0, usd=9.0)
    assert names(registry.find(order_by="cost"))[0] == "crawler"


@pytest.mark.parametrize("bad", [{"latency_s": -1.0}, {"latency_s": float("nan")}, {"latency_s": 1.0, "usd": -0.1}])
def test_an_outcome_that_cannot_be_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="give a finite number"):
        a_crowd().outcome("poet", ok=True, **bad)


def test_an_outcome_of_nobody_and_an_order_that_is_none_are_refused() -> None:
    with pytest.raises(NoSuchAgent):
        a_crowd().outcome("nobody", ok=True, latency_s=1.0)
    with pytest.raises(UsageError, match="use one of name, cost, success, latency"):
        a_crowd().find(order_by="beauty")  # type: ignore[arg-type]


class Counting(dict[str, Any]):
    """Counts what is taken out."""

    taken = 0

    def __getitem__(self, key: str) -> Any:
        self.taken += 1
        return super().__getitem__(key)

    def __iter__(self) -> Any:
        raise AssertionError("nobody should walk through all kinds")


def test_a_search_among_a_thousand_kinds_touches_only_those_that_it_finds() -> None:
    specs = [
        a_kind(f"kind-{n}", skills=(Skill(id=f"skill-{n % 100}", description="x", tags=[f"tag-{n % 10}"]),))
        for n in range(1_000)
    ]
    registry, _ = a_registry(*specs, hosts=("h",))
    listings = registry._directory.listings = Counting(registry._directory.listings)
    assert len(registry.find(skill="skill-7", tag="tag-7")) == 10
    assert listings.taken == 10


def test_an_entry_that_no_registry_wrote_is_reported() -> None:
    with pytest.raises(JournalCorrupt, match=r"no entry 'registry\.teapot'"):
        a_registry()[0].apply("registry.teapot", {})
