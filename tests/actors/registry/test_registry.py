"""The registry: kinds, hosts with leases and epochs, placing."""

import pytest

from stigmergy.protocols.card import Skill
from stigmergy.protocols.errors import Fenced, InvalidCard, InvalidName, NoSuchAgent, UsageError
from stigmergy.protocols.kind import KindSpec, Resources
from tests.actors.kinds import Answer, QuestionOfAnotherSort, QuestionWithLimit, a_kind, a_registry, names

# --- kinds ----------------------------------------------------------------------------------------------------------


def test_registering_a_kind_twice_records_it_once() -> None:
    registry, entries = a_registry()
    spec = a_kind("scout", settings={"radius": (1, 2)})
    assert registry.register_kind(spec)
    assert not registry.register_kind(spec)
    assert [kind for kind, _ in entries] == ["registry.kind"]


def test_a_compatible_change_takes_the_place_of_what_was_known() -> None:
    registry, entries = a_registry(a_kind("scout", skills=(Skill(id="see", description="x"),)))
    registry.join("h", [], 0)
    assert registry.register_kind(a_kind("scout", skills=(Skill(id="hear", description="x"),), pool=3))
    assert names(registry.find(skill="see")) == []
    assert names(registry.find(skill="hear")) == ["scout"]
    assert registry.kind("scout").pool == 3
    assert len(entries) == 3


def test_an_incompatible_change_is_refused_and_changes_nothing() -> None:
    registry, entries = a_registry(a_kind("scout"))
    with pytest.raises(InvalidCard, match="Question@1: text: was removed"):
        registry.register_kind(a_kind("scout", accepts=(QuestionOfAnotherSort,)))
    with pytest.raises(InvalidCard, match="Question@1 is no longer accepted"):
        registry.register_kind(a_kind("scout", accepts=(Answer,)))
    assert len(entries) == 1
    assert names(registry.find(accepts="Question@1", healthy=False)) == ["scout"]


def test_two_kinds_mean_the_same_by_one_message_type() -> None:
    registry, entries = a_registry(a_kind("scout"))
    with pytest.raises(InvalidCard, match="kind rover means something else by Question@1 than kind scout"):
        registry.register_kind(a_kind("rover", accepts=(QuestionOfAnotherSort,)))
    with pytest.raises(InvalidCard, match="give one of the two another name or version"):
        registry.register_kind(a_kind("rover", accepts=(Answer,), emits=(QuestionOfAnotherSort,)))
    assert len(entries) == 1


def test_two_kinds_may_know_two_stages_of_one_message_type() -> None:
    registry, _ = a_registry(a_kind("new", accepts=(QuestionWithLimit,)))
    assert registry.register_kind(a_kind("old"))
    assert registry.register_kind(a_kind("newer", accepts=(QuestionWithLimit,)))


def test_the_only_user_of_a_type_that_goes_leaves_no_trace_in_the_check() -> None:
    registry, _ = a_registry(a_kind("scout", emits=(QuestionOfAnotherSort,), accepts=()))
    registry.register_kind(a_kind("scout", accepts=()))
    assert registry.register_kind(a_kind("rover"))


def test_a_card_that_is_none_is_refused_with_its_field() -> None:
    spec = a_kind("scout")
    broken = KindSpec("scout", "m", "C", {**spec.card, "skills": []}, accepts=spec.accepts)
    with pytest.raises(InvalidCard, match="skills: needs at least 1 element"):
        a_registry(broken)


def test_a_specification_that_contradicts_its_card_is_refused() -> None:
    spec = a_kind("scout")
    with pytest.raises(
        InvalidCard, match=r"kind scout accepts \[\] by its specification, \['Question@1'\] by its card"
    ):
        a_registry(KindSpec("scout", "m", "C", spec.card, skills=spec.skills))
    with pytest.raises(InvalidCard, match="kind scout skills"):
        a_registry(KindSpec("scout", "m", "C", spec.card, accepts=spec.accepts))


def test_settings_that_cannot_be_recorded_are_refused() -> None:
    with pytest.raises(InvalidCard, match="kind scout cannot be recorded"):
        a_registry(a_kind("scout", settings={"now": object()}))


def test_an_unknown_kind_is_named_together_with_the_known_ones() -> None:
    registry, _ = a_registry(a_kind("scout"), a_kind("rover"))
    with pytest.raises(NoSuchAgent, match="no kind 'queen' is registered; there are rover, scout"):
        registry.kind("queen")


# --- hosts ----------------------------------------------------------------------------------------------------------


def test_each_life_of_a_host_has_a_higher_epoch() -> None:
    registry, _ = a_registry()
    assert registry.join("h", [], 0) == 1
    assert registry.join("h", [], 1) == 2
    assert registry.leave("h", 2)
    assert registry.join("h", [], 2) == 3
    assert registry.join("other", [], 2) == 1


def test_a_life_that_is_over_cannot_renew_or_leave() -> None:
    registry, _ = a_registry()
    registry.join("h", [], 0)
    registry.join("h", [], 1)
    with pytest.raises(Fenced, match=r"host h lost epoch 1 \(newest is 2\); stop, and join again"):
        registry.renew("h", 1, 2)
    assert not registry.leave("h", 1)
    assert list(registry.members) == ["h"]
    with pytest.raises(Fenced):
        registry.renew("nobody", 1, 2)


def test_of_two_supervisors_that_choose_one_epoch_the_second_loses() -> None:
    registry, _ = a_registry()
    assert registry.join("h", [], 0, epoch=5, instance="first") == 5
    with pytest.raises(Fenced, match="host h cannot have epoch 5: 5 was given already"):
        registry.join("h", [], 0, epoch=5, instance="second")
    assert registry.join("h", [], 0, epoch=6, instance="second") == 6
    with pytest.raises(Fenced):
        registry.renew("h", 5, 1)


def test_a_join_that_is_repeated_because_its_answer_was_lost_gets_the_same_epoch() -> None:
    registry, entries = a_registry()
    assert registry.join("h", [], 0, instance="pid-7") == registry.join("h", [], 1, instance="pid-7") == 1
    assert len(entries) == 1


def test_a_silent_host_is_unhealthy_after_10_s_and_gone_after_15() -> None:
    registry, entries = a_registry(a_kind("scout"), hosts=("h", "k"))
    for now in range(30):
        registry.renew("k", 1, now)
        gone = registry.expire(now)
        assert gone == (["h"] if now == 15 else [])
        (match,) = registry.find()
        assert (match.hosts, match.healthy_hosts) == ((2 if now < 15 else 1), (2 if now < 10 else 1))
    assert entries[-1] == ("registry.gone", {"host": "h", "epoch": 1})
    with pytest.raises(Fenced):
        registry.renew("h", 1, 31)


def test_an_agent_stays_placed_until_its_host_is_gone_not_only_silent() -> None:
    registry, _ = a_registry(a_kind("scout"), hosts=("h", "k"))
    agent = next(f"scout/{n}" for n in range(99) if registry.place(f"scout/{n}") == "h")
    for now in range(16):
        registry.renew("k", 1, now)
        registry.expire(now)
        assert registry.place(agent) == ("h" if now < 15 else "k")


def test_a_registry_that_slept_does_not_expire_everybody() -> None:
    registry, _ = a_registry(a_kind("scout"), hosts=("h",))
    registry.expire(0)
    assert registry.expire(3_600) == []
    assert registry.find()[0].healthy_hosts == 1


def test_a_registry_that_slept_before_it_ever_looked_does_not_expire_everybody() -> None:
    registry, _ = a_registry(a_kind("scout"), hosts=("h",))
    assert registry.expire(3_600) == []
    registry.renew("h", 1, 3_600)
    assert registry.find()[0].healthy_hosts == 1


def test_a_clock_that_jumps_back_expires_nobody() -> None:
    registry, _ = a_registry()
    registry.join("h", [], 1_000)
    registry.expire(1_000)
    assert registry.expire(5) == []
    registry.renew("h", 1, 6)
    assert registry.expire(1_001) == []


def test_a_clock_that_jumps_back_buys_nobody_time() -> None:
    registry, _ = a_registry(hosts=("h",))
    gone = {now: registry.expire(now) for now in [*range(10), 5, *range(10, 17)]}
    assert [now for now, hosts in gone.items() if hosts] == [15]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_is_a_finite_number_above_zero(weight: float) -> None:
    with pytest.raises(UsageError, match="weight"):
        a_registry()[0].join("h", [], 0, weight=weight)


def test_names_of_hosts_and_of_what_they_run_are_checked() -> None:
    registry, entries = a_registry()
    with pytest.raises(InvalidName):
        registry.join("not a host", [], 0)
    with pytest.raises(InvalidName):
        registry.join("h", ["not a kind"], 0)
    assert entries == []


def test_every_change_of_the_hosts_gives_a_new_view() -> None:
    registry, _ = a_registry(a_kind("scout"))
    views = [registry.view]
    registry.join("h", [], 0)
    views.append(registry.view)
    registry.leave("h", 1)
    views.append(registry.view)
    assert views == sorted(set(views))


# --- placing --------------------------------------------------------------------------------------------------------


def test_an_agent_is_placed_on_a_host_that_runs_its_kind() -> None:
    registry, _ = a_registry(
        a_kind("scout"),
        a_kind("trainer", resources=Resources(gpus=1)),
        a_kind("loner", resources=Resources(own_process=True)),
    )
    assert registry.place("scout/1") is None
    registry.join("open", [], 0)
    registry.join("gpu", ["trainer"], 0)
    registry.join("mine", ["loner/7"], 0)
    assert registry.place("scout/1") == "open"
    assert registry.place("trainer/1") == "gpu"
    assert registry.place("loner/7") == "mine"
    assert registry.place("loner/8") is None
    assert registry.place("unheard-of/1") is None


def test_agents_of_a_host_that_left_move_and_come_back_with_it() -> None:
    registry, _ = a_registry(a_kind("scout"), hosts=("a", "b", "c"))
    agents = [f"scout/{n}" for n in range(200)]
    before = {agent: registry.place(agent) for agent in agents}
    registry.leave("b", 1)
    after = {agent: registry.place(agent) for agent in agents}
    assert {agent for agent in agents if before[agent] != after[agent]} == {a for a in agents if before[a] == "b"}
    registry.join("b", [], 1)
    assert {agent: registry.place(agent) for agent in agents} == before
