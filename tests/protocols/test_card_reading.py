"""Reading cards that anybody may have written."""

from typing import Any

import pytest

from stigmergy.protocols.card import (
    AgentCard,
    AgentExtension,
    Skill,
)
from stigmergy.protocols.errors import InvalidCard
from stigmergy.protocols.protojson import MAX_BYTES
from tests.protocols.cards import accepted_by_sdk, full, small


def test_fields_that_we_do_not_know_are_skipped_at_every_depth() -> None:
    document = full().to_plain()
    for place in (document, document["skills"][0], document["supportedInterfaces"][0], document["capabilities"]):
        place["inventedLater"] = {"x": [1]}
    assert AgentCard.from_plain(document) == full()


def test_null_and_the_empty_default_mean_absent_and_snake_case_is_read() -> None:
    document = small().to_plain() | {"provider": None, "iconUrl": None, "signatures": None, "documentationUrl": ""}
    document["default_input_modes"] = document.pop("defaultInputModes")
    assert accepted_by_sdk(document)
    assert AgentCard.from_plain(document) == small()


def test_a_skill_on_the_wire_gets_no_defaults() -> None:
    document = small().to_plain()
    document["skills"][0] = {"id": "lookup", "description": "Finds"}
    assert not accepted_by_sdk(document)
    with pytest.raises(InvalidCard, match=r"skills\[0\]\.name: is missing.*skills\[0\]\.tags: is missing"):
        AgentCard.from_plain(document)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("skills", 0, "tags"), [], r"skills\[0\]\.tags: needs at least 1 element"),
        (("skills", 0, "id"), 7, r"skills\[0\]\.id: Input should be a valid string"),
        (("name",), "", r"name: String should have at least 1 character"),
        (("name",), "a\x1b[2J", r"name: holds a character that is not allowed here"),
        (("description",), "a\x00b", r"description: holds a character"),
        (("name",), "x" * 257, r"name: String should have at most 256 characters"),
        (("description",), "x" * 8_193, r"description: String should have at most 8192 characters"),
        (("capabilities", "streaming"), "yes", r"capabilities\.streaming: Input should be a valid boolean"),
        (("supportedInterfaces", 0, "protocolVersion"), "one", r"supportedInterfaces\[0\]\.protocolVersion"),
        (("supportedInterfaces", 0, "url"), "java script:x", r"supportedInterfaces\[0\]\.url: holds a character"),
        (("skills",), [small().skills[0].to_plain()] * 65, r"skills: .*at most 64"),
    ],
)
def test_an_error_names_the_field_as_it_stands_on_the_wire(path: tuple[Any, ...], value: object, message: str) -> None:
    document = small().to_plain()
    target: Any = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(InvalidCard, match=message):
        AgentCard.from_plain(document)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"card"',
        "{",
        b"\xff\xfe",
        "[" * 100_000,
        '{"name":' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"name":' + "9" * 6_000 + "}",
        '{"name":"\\ud800"}',
        "\ud800",
        " " * (MAX_BYTES + 1),
    ],
)
def test_bytes_that_are_no_card_give_one_typed_error(text: str | bytes) -> None:
    with pytest.raises(InvalidCard, match="AgentCard is not valid"):
        AgentCard.from_json(text)


def test_a_document_above_256_kib_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidCard, match="300,000 bytes; at most 262,144"):
        AgentCard.from_json(b"{" + b"x" * 299_999)


def test_a_card_above_256_kib_is_not_written_either() -> None:
    skills = [Skill(id=f"s{n}", description="x" * 8_000) for n in range(40)]
    with pytest.raises(InvalidCard, match="at most 262,144"):
        AgentCard.for_kind("big", "Too big", skills=skills).to_json()


@pytest.mark.parametrize(
    "params", [{"a": float("nan")}, {"a": float("inf")}, {"a": {1: 2}}, {"a": b"x"}, {"a": "\ud800"}]
)
def test_params_hold_only_what_json_can_say(params: dict[str, Any]) -> None:
    with pytest.raises(InvalidCard, match="params"):
        AgentExtension(uri="urn:x:1", params=params)


def test_params_are_bounded_in_depth_and_number() -> None:
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(InvalidCard, match="nested deeper than 32"):
        AgentExtension(uri="urn:x:1", params=deep)
    with pytest.raises(InvalidCard, match="more than 10,000 items"):
        AgentExtension(uri="urn:x:1", params={"a": [0] * 10_001})


def test_a_record_keeps_its_own_copy_of_what_it_was_given() -> None:
    params = {"list": [1]}
    extension = AgentExtension(uri="urn:x:1", params=params)
    params["list"].append(2)
    assert extension.params == {"list": [1]}


def test_an_error_about_a_hostile_name_stays_short_and_printable() -> None:
    document = small().to_plain() | {"securitySchemes": {"\x1b[31m" + "x" * 5_000: {}}}
    with pytest.raises(InvalidCard) as refused:
        AgentCard.from_plain(document)
    assert len(str(refused.value)) < 400
    assert str(refused.value).isprintable()


def test_a_security_scheme_is_of_one_kind() -> None:
    both = {"mtlsSecurityScheme": {}, "httpAuthSecurityScheme": {"scheme": "Bearer"}}
    document = small().to_plain() | {"securitySchemes": {"both": both}}
    assert not accepted_by_sdk(document)
    with pytest.raises(InvalidCard, match=r"securitySchemes\.both: sets .*; choose one"):
        AgentCard.from_plain(document)
