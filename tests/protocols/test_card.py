"""Agent cards. The judge of our JSON is A2A's own SDK: its protobuf parser and its check of required fields."""

import copy
import json
from typing import Any

import pytest
from a2a.types import AgentCard as A2ACard
from a2a.utils.proto_utils import validate_proto_required_fields
from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stigmergy.protocols.card import (
    IN_SWARM,
    MESSAGE_TYPES,
    AgentCapabilities,
    AgentCard,
    AgentCardSignature,
    AgentExtension,
    AgentInterface,
    AgentProvider,
    MessageType,
    Skill,
)
from stigmergy.protocols.errors import InvalidCard, InvalidName
from stigmergy.protocols.message import Message
from stigmergy.protocols.protojson import ProtoRecord
from stigmergy.protocols.security_schemes import (
    ApiKey,
    AuthorizationCode,
    ClientCredentials,
    DeviceCode,
    HttpAuth,
    Implicit,
    MutualTls,
    OAuth2,
    OAuthFlows,
    OpenIdConnect,
    Password,
    Scopes,
    SecurityRequirement,
    SecurityScheme,
)
from tests.depth import depth
from tests.protocols.cards import Answer, Question, accepted_by_sdk, accepted_by_us, full, judged, small

# --- the judge ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", [small(), full()], ids=["small", "full"])
def test_the_sdk_takes_our_cards_and_loses_nothing_of_them(card: AgentCard) -> None:
    ours = json.loads(card.to_json())
    parsed = ParseDict(ours, A2ACard())  # without ignore_unknown_fields: every name has to be known
    validate_proto_required_fields(parsed)
    assert MessageToDict(parsed) == ours


@pytest.mark.parametrize("card", [small(), full()], ids=["small", "full"])
def test_a_card_written_by_the_sdk_reads_as_the_same_card(card: AgentCard) -> None:
    theirs = MessageToDict(judged(json.loads(card.to_json())))
    assert AgentCard.from_json(json.dumps(theirs)) == card


FIELDS_OF_THE_PROTOCOL: dict[type[ProtoRecord], str] = {
    AgentCard: "AgentCard",
    AgentInterface: "AgentInterface",
    AgentProvider: "AgentProvider",
    AgentCapabilities: "AgentCapabilities",
    AgentExtension: "AgentExtension",
    AgentCardSignature: "AgentCardSignature",
    Skill: "AgentSkill",
    SecurityScheme: "SecurityScheme",
    SecurityRequirement: "SecurityRequirement",
    Scopes: "StringList",
    ApiKey: "APIKeySecurityScheme",
    HttpAuth: "HTTPAuthSecurityScheme",
    OAuth2: "OAuth2SecurityScheme",
    OpenIdConnect: "OpenIdConnectSecurityScheme",
    MutualTls: "MutualTlsSecurityScheme",
    OAuthFlows: "OAuthFlows",
    AuthorizationCode: "AuthorizationCodeOAuthFlow",
    ClientCredentials: "ClientCredentialsOAuthFlow",
    DeviceCode: "DeviceCodeOAuthFlow",
    Implicit: "ImplicitOAuthFlow",
    Password: "PasswordOAuthFlow",
}


@pytest.mark.parametrize("record", FIELDS_OF_THE_PROTOCOL, ids=lambda record: record.__name__)
def test_each_record_has_exactly_the_fields_of_its_protobuf_message(record: type[ProtoRecord]) -> None:
    name = FIELDS_OF_THE_PROTOCOL[record]
    descriptor = A2ACard.DESCRIPTOR.file.message_types_by_name[name]
    ours = {(name, field.alias) for name, field in record.model_fields.items()}
    assert ours == {(field.name, field.json_name) for field in descriptor.fields}


REQUIRED = [
    "name",
    "description",
    "supportedInterfaces",
    "version",
    "capabilities",
    "defaultInputModes",
    "defaultOutputModes",
    "skills",
]


@pytest.mark.parametrize("field", REQUIRED)
def test_a_card_without_a_required_field_is_refused_by_name_and_by_the_sdk(field: str) -> None:
    document = small().to_plain()
    del document[field]
    assert not accepted_by_sdk(document)
    with pytest.raises(InvalidCard, match=rf"\b{field}: is missing, and required"):
        AgentCard.from_plain(document)


@pytest.mark.parametrize("field", ["supportedInterfaces", "defaultInputModes", "defaultOutputModes", "skills"])
def test_a_required_array_holds_at_least_one_element(field: str) -> None:
    document = small().to_plain() | {field: []}
    assert not accepted_by_sdk(document)
    with pytest.raises(InvalidCard, match=rf"\b{field}: needs at least 1 element"):
        AgentCard.from_plain(document)


def mutations() -> st.SearchStrategy[dict[str, Any]]:
    """The full card with one place deleted or replaced by another JSON value."""
    places = [path for path in _paths(full().to_plain()) if "params" not in path and "header" not in path]
    values = st.sampled_from([None, True, 7, 1.5, "", "text", [], ["text"], [None], {}, {"unknownField": 1}])
    return st.builds(_mutated, st.sampled_from(places), st.none() | values.map(lambda value: (value,)))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ([path] if path else []) + [found for key, item in inner for found in _paths(item, (*path, key))]


def _mutated(path: tuple[Any, ...], replacement: tuple[Any] | None) -> dict[str, Any]:
    document = copy.deepcopy(full().to_plain())
    target: Any = document
    for step in path[:-1]:
        target = target[step]
    if replacement is None:
        del target[path[-1]]
    else:
        target[path[-1]] = replacement[0]
    return document


@settings(max_examples=depth(80, 250))
@given(mutations())
def test_whatever_we_take_the_sdk_takes(document: dict[str, Any]) -> None:
    refused = ""
    if accepted_by_us(document):
        try:
            judged(document)
        except Exception as error:  # noqa: BLE001 - whatever the SDK says
            refused = f"{error} {getattr(error, 'data', '')}"
    # A2A requires the map `scopes`; the SDK also wants it filled, OpenAPI 3.2 allows it empty.
    assert not refused or "scopes" in refused


STRICTER = (
    "uri: ",  # an extension without one names nothing; the SDK lets it pass
    "at least 1 character",  # an empty name in a list names nothing; the SDK lets it pass
    "protocolVersion: ",  # Major.Minor; the SDK takes any text
    "location: ",  # query, header or cookie, as the comment in a2a.proto says; the SDK takes any text
    "valid dictionary",  # the SDK's parser takes an empty string or list where JSON has an object
)


@settings(max_examples=depth(80, 250))
@given(mutations())
def test_what_the_sdk_takes_we_take_or_say_where_we_are_stricter(document: dict[str, Any]) -> None:
    if not accepted_by_sdk(document) or accepted_by_us(document):
        return
    with pytest.raises(InvalidCard) as refused:
        AgentCard.from_plain(document)
    assert any(reason in str(refused.value) for reason in STRICTER), str(refused.value)


# --- writing our own ------------------------------------------------------------------------------------------------


def test_a_skill_needs_an_id_and_a_description_only() -> None:
    skill = Skill(id="find_flights", description="Finds flights")
    assert (skill.name, skill.tags) == ("Find flights", ("find_flights",))
    assert Skill(id="lookup", description="x", name="Look it up", tags=["search"]).name == "Look it up"


def test_a_mistyped_argument_is_refused_where_it_is_written() -> None:
    with pytest.raises(InvalidCard, match="Skill is not valid: tag: Extra inputs are not permitted"):
        Skill(id="lookup", description="x", tag=["search"])


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(small().skills[0], "id", "other")  # noqa: B010 - the type checker refuses it already


def test_the_same_card_always_gives_the_same_text() -> None:
    assert full().to_json() == full().to_json()
    assert AgentCard.from_json(full().to_json()).to_json() == full().to_json()


def test_false_is_kept_apart_from_not_said() -> None:
    capabilities = full().to_plain()["capabilities"]
    assert capabilities["pushNotifications"] is False
    assert "streaming" not in small().to_plain()["capabilities"]


def test_a_kind_is_reached_inside_its_swarm_by_a_binding_of_our_own() -> None:
    interface = small().supported_interfaces[0]
    assert (interface.url, interface.protocol_binding) == ("stigmergy:librarian", IN_SWARM)
    assert IN_SWARM.startswith("https://")
    with pytest.raises(InvalidName):
        AgentInterface.in_swarm("not a name")


def test_the_card_of_a_kind_lists_its_message_types_with_schema() -> None:
    declared = AgentCard.from_json(small().to_json()).declared_types()
    assert [one.id for one in declared.accepts] == ["Question@1"]
    assert [one.id for one in declared.emits] == ["answer@2"]
    assert declared.accepts[0].json_schema == Question.model_json_schema()


def test_a_kind_without_skills_gets_one_that_is_named_like_it() -> None:
    card = AgentCard.for_kind("scout", "Looks around")
    assert [skill.id for skill in card.skills] == ["scout"]
    judged(json.loads(card.to_json()))


def test_a_card_that_does_not_use_our_extension_declares_no_types() -> None:
    assert full().declared_types().accepts == ()


def test_params_of_our_extension_are_checked_and_the_path_leads_there() -> None:
    document = small().to_plain()
    document["capabilities"]["extensions"].insert(0, {"uri": "urn:other"})
    types = document["capabilities"]["extensions"][1]["params"]
    types["accepts"][0]["version"] = 0
    with pytest.raises(InvalidCard, match=r"capabilities\.extensions\[1\]\.params\.accepts\[0\]\.version"):
        AgentCard.from_plain(document)


def test_names_that_must_be_unique_are() -> None:
    twice = [Skill(id="a", description="x"), Skill(id="a", description="y")]
    with pytest.raises(InvalidCard, match="skills: 'a' is there twice"):
        AgentCard.for_kind("k", "x", skills=twice)
    with pytest.raises(InvalidCard, match="accepts: 'Question@1' is there twice"):
        AgentCard.for_kind("k", "x", accepts=[Question, Question])
    document = small().to_plain()
    document["capabilities"]["extensions"] *= 2
    with pytest.raises(InvalidCard, match=f"'{MESSAGE_TYPES}' is there twice"):
        AgentCard.from_plain(document)


def test_a_message_class_knows_what_it_declares() -> None:
    declared = MessageType.of(Answer)
    assert (declared.name, declared.version, declared.id) == ("answer", 2, "answer@2")


class OtherQuestion(Message, name="Question"):
    number: int


def test_one_type_has_one_schema_on_a_card() -> None:
    with pytest.raises(InvalidCard, match="Question@1 has one schema in accepts, another in emits"):
        AgentCard.for_kind("k", "x", accepts=[Question], emits=[OtherQuestion])
