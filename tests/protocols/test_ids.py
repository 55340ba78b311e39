from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.errors import InvalidName
from stigmergy.protocols.ids import (
    AgentId,
    check_address,
    check_name,
    derive_id,
    is_agent,
    skill_address,
    skill_of,
)

ALPHABET = string.ascii_letters + string.digits + "_.-"
NAMES = st.text(ALPHABET, min_size=1, max_size=64).filter(lambda name: name not in {".", ".."})
BAD_NAMES = ["", ".", "..", "a b", "a/b", "a:b", "a\n", "\x00", "naïve", "४", "x" * 65, "../up"]


@given(NAMES)
def test_a_good_name_comes_back_unchanged(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_leave_its_folder_or_confuse_a_parser_is_refused(name):
    with pytest.raises(InvalidName):
        check_name(name)


@given(st.text())
def test_whatever_is_accepted_is_of_the_alphabet(text):
    try:
        check_name(text)
    except InvalidName:
        return
    assert set(text) <= set(ALPHABET)
    assert 1 <= len(text) <= 64


@pytest.mark.parametrize("value", [None, 7, b"scout"])
def test_a_name_that_is_not_text_is_refused_in_the_same_way(value):
    with pytest.raises(InvalidName, match="kind"):
        check_name(value, "kind")


def test_a_refusal_says_what_was_wrong_and_stays_short():
    with pytest.raises(InvalidName) as refusal:
        check_name("?" * 10_000, "topic")
    assert str(refusal.value).startswith("topic '???")
    assert str(refusal.value).endswith("use 1 to 64 of A-Z a-z 0-9 _ . -")
    assert len(str(refusal.value)) < 160


@given(NAMES, NAMES)
def test_an_agent_id_reads_back_what_it_writes(kind, key):
    assert AgentId.parse(str(AgentId(kind, key))) == AgentId(kind, key)


@pytest.mark.parametrize("text", ["scout", "", "/", "scout/", "/17", "scout/17/x", "sc out/17", "skill:find/17"])
def test_what_is_not_kind_slash_key_is_no_agent_id(text):
    with pytest.raises(InvalidName):
        AgentId.parse(text)


@given(NAMES, NAMES)
def test_each_of_the_three_forms_is_an_address(kind, key):
    for address in (f"{kind}/{key}", kind, skill_address(key)):
        assert check_address(address) == address


@pytest.mark.parametrize("address", ["", "..", "a b", "a/b/c", "../up/x", "skill:", "skill:a b", "skill:a/b", "team:x"])
def test_nothing_else_is_an_address(address):
    with pytest.raises(InvalidName):
        check_address(address)


@given(NAMES)
def test_only_kind_slash_key_names_one_agent(name):
    assert is_agent(f"{name}/1")
    assert not is_agent(name)
    assert not is_agent(skill_address(name))


@given(NAMES)
def test_a_skill_is_read_back_from_its_address_only(name):
    assert skill_of(skill_address(name)) == name
    assert skill_of(name) is None
    assert skill_of(f"{name}/1") is None


def test_a_skill_address_needs_a_good_name():
    with pytest.raises(InvalidName, match="skill"):
        skill_address("look up")


@given(st.lists(NAMES | st.integers(), min_size=1, max_size=4))
def test_an_id_is_32_hex_digits_and_the_same_for_the_same_parts(parts):
    assert derive_id(*parts) == derive_id(*parts)
    assert len(derive_id(*parts)) == 32
    assert set(derive_id(*parts)) <= set("0123456789abcdef")


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_other_parts_give_another_id_wherever_they_are_cut(left, right):
    assert (derive_id(*left) == derive_id(*right)) == (left == right)


def test_an_id_does_not_depend_on_the_process_or_the_version():
    # printf 'turn\x1f7' | b2sum -l 128
    assert derive_id("turn", 7) == "5f72308cd35b8789c6c550bddb3a167f"
