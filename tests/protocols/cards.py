"""Two cards: the smallest that is useful, and one that sets every field; and what A2A's own SDK says of a document."""

import json
from typing import Any

from a2a.types import AgentCard as A2ACard
from a2a.utils.proto_utils import validate_proto_required_fields
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]

from stigmergy.protocols.card import (
    AgentCapabilities,
    AgentCard,
    AgentCardSignature,
    AgentExtension,
    AgentInterface,
    AgentProvider,
    Skill,
)
from stigmergy.protocols.errors import InvalidCard
from stigmergy.protocols.message import Message
from stigmergy.protocols.security_schemes import (
    ApiKey,
    AuthorizationCode,
    HttpAuth,
    MutualTls,
    OAuth2,
    OAuthFlows,
    OpenIdConnect,
    Scopes,
    SecurityRequirement,
    SecurityScheme,
)


class Question(Message):
    text: str
    limit: int = 3


class Answer(Message, name="answer", version=2):
    text: str


def judged(document: dict[str, Any]) -> A2ACard:
    """What the SDK makes of a card; raises when it refuses."""
    card = A2ACard()
    ParseDict(document, card, ignore_unknown_fields=True)
    validate_proto_required_fields(card)
    return card


def accepted_by_sdk(document: dict[str, Any]) -> bool:
    try:
        judged(document)
    except Exception:  # noqa: BLE001 - whatever the judge raises is a refusal
        return False
    return True


def accepted_by_us(document: dict[str, Any]) -> bool:
    try:
        AgentCard.from_json(json.dumps(document))
    except InvalidCard:
        return False
    return True


def small() -> AgentCard:
    return AgentCard.for_kind(
        "librarian",
        "Answers from the shelf it was given.",
        skills=[Skill(id="lookup", description="Finds a passage", tags=["search"])],
        accepts=[Question],
        emits=[Answer],
    )


def full() -> AgentCard:
    """A card that sets every field there is."""
    requirement = SecurityRequirement(schemes={"oauth": Scopes(list=("read", "write"))})
    return AgentCard(
        name="Recipe Agent",
        description="Helps with recipes.\nAnd with cooking.",
        supported_interfaces=(
            AgentInterface(
                url="https://example.com/a2a", protocol_binding="JSONRPC", protocol_version="1.0", tenant="t"
            ),
            AgentInterface(url="example.com:443", protocol_binding="GRPC", protocol_version="1.0"),
            AgentInterface.in_swarm("recipes"),
        ),
        version="2.1.0",
        capabilities=AgentCapabilities(
            streaming=True,
            push_notifications=False,
            extended_agent_card=False,
            extensions=(
                AgentExtension(uri="urn:x:1", description="more", required=True, params={"a": [1.5, None, "b"]}),
            ),
        ),
        default_input_modes=("text/plain",),
        default_output_modes=("text/plain", "application/json"),
        skills=(
            Skill(
                id="cook",
                description="Cooks",
                tags=["food"],
                examples=["Cook rice"],
                input_modes=["text/plain"],
                output_modes=["image/png"],
                security_requirements=[requirement],
            ),
        ),
        provider=AgentProvider(url="https://example.com", organization="Example"),
        documentation_url="https://example.com/docs",
        icon_url="https://example.com/icon.png",
        security_schemes={
            "key": SecurityScheme(api_key_security_scheme=ApiKey(location="header", name="X-Key", description="a key")),
            "http": SecurityScheme(http_auth_security_scheme=HttpAuth(scheme="Bearer", bearer_format="JWT")),
            "oidc": SecurityScheme(
                open_id_connect_security_scheme=OpenIdConnect(open_id_connect_url="https://example.com/.well-known")
            ),
            "mtls": SecurityScheme(mtls_security_scheme=MutualTls(description="client certificate")),
            "oauth": SecurityScheme(
                oauth2_security_scheme=OAuth2(
                    oauth2_metadata_url="https://example.com/meta",
                    flows=OAuthFlows(
                        authorization_code=AuthorizationCode(
                            authorization_url="https://example.com/auth",
                            token_url="https://example.com/token",
                            refresh_url="https://example.com/refresh",
                            scopes={"read": "reads"},
                            pkce_required=True,
                        )
                    ),
                )
            ),
        },
        security_requirements=(requirement,),
        signatures=(AgentCardSignature(protected="e30", signature="c2ln", header={"kid": "1"}),),
    )
