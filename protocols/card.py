"""Agent cards: what a kind of agent says about itself, as A2A 1.0 JSON.

A card is a claim by whoever wrote it. Its text is data: it has bounds, and it is never put into a prompt as an
instruction. Normative source: a2a.proto of A2A 1.0 (package lf.a2a.v1) and sections 4.4, 5.7 and 5.8 of the
specification.

A2A knows skills in prose only. The message types that a kind accepts and emits travel in a declared extension
(`MESSAGE_TYPES`), so every other A2A client can read our cards and skip what it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Self

from pydantic import Field, StrictBool, StringConstraints, ValidationError, model_validator

from .errors import InvalidCard
from .ids import NAME_PATTERN, check_name
from .message import Message
from .protojson import MAX_BYTES, Line, MaybeLine, MaybeText, MaybeUri, PlainObject, ProtoRecord, Text, Uri, explain
from .security_schemes import SecurityRequirement, SecurityScheme

# .internal is reserved for private use (ICANN resolution 2024.07.29.06), so these name nobody's site.
MESSAGE_TYPES: Final = "https://stigmergy.internal/extensions/message-types/v1"
"""URI of the extension that lists message types. A breaking change to it needs a new URI (A2A 1.0, 4.6)."""
IN_SWARM: Final = "https://stigmergy.internal/bindings/in-swarm/v1"
"""``protocolBinding`` of an agent that is reached inside its swarm, by address."""
PROTOCOL_VERSION: Final = "1.0"
_JSON: Final = "application/json"

Few = Field(max_length=64)
AtLeastOne = Field(min_length=1, max_length=64)
Modes = Annotated[tuple[Line, ...], AtLeastOne]
MoreModes = Annotated[tuple[Line, ...], Few]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?$")]
"""``Major.Minor``. A patch number is tolerated and means nothing (A2A 1.0, section 3.6)."""


class Skill(ProtoRecord):
    """One thing that an agent can do. Only ``id`` and ``description`` have to be given.

    ``name`` defaults to the id in words (``find_flights``: Find flights), ``tags`` to the id.
    """

    id: Line
    name: Line
    description: Text
    tags: Annotated[tuple[Line, ...], AtLeastOne]
    examples: Annotated[tuple[Text, ...], Few] = ()
    input_modes: MoreModes = ()
    output_modes: MoreModes = ()
    security_requirements: Annotated[tuple[SecurityRequirement, ...], Few] = ()

    def __init__(self, *, id: str, description: str, name: str = "", tags: Sequence[str] = (), **optional: Any) -> None:
        """Fill in the defaults. Raises: InvalidCard."""
        words = str(id).replace("_", " ").replace("-", " ").replace(".", " ").strip()
        name = name or words[:1].upper() + words[1:]
        super().__init__(id=id, description=description, name=name, tags=tags or (id,), **optional)

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined] # a skill on the wire gets no defaults


class AgentInterface(ProtoRecord):
    """Where and how an agent is reached."""

    url: Uri
    protocol_binding: Uri
    """``JSONRPC``, ``GRPC``, ``HTTP+JSON``, or the URI of a binding of somebody's own."""
    protocol_version: Version
    tenant: MaybeLine = None

    @classmethod
    def in_swarm(cls, kind: str) -> Self:
        """The address of a kind inside its swarm. Raises: InvalidName."""
        return cls(
            url=f"stigmergy:{check_name(kind, 'kind')}", protocol_binding=IN_SWARM, protocol_version=PROTOCOL_VERSION
        )


class AgentProvider(ProtoRecord):
    """Who offers the agent."""

    url: Uri
    organization: Line


class AgentExtension(ProtoRecord):
    """An extension that an agent speaks; with ``required`` a client must speak it too."""

    uri: Uri
    description: MaybeText = None
    required: StrictBool = False
    params: PlainObject | None = None


class AgentCapabilities(ProtoRecord):
    """Optional features. None means not said, which A2A keeps apart from False."""

    streaming: StrictBool | None = None
    push_notifications: StrictBool | None = None
    extensions: Annotated[tuple[AgentExtension, ...], Few] = ()
    extended_agent_card: StrictBool | None = None


class AgentCardSignature(ProtoRecord):
    """A JSON Web Signature over the card as its author wrote it. It is carried here, not verified."""

    protected: Annotated[str, Field(min_length=1, max_length=8_192)]
    signature: Annotated[str, Field(min_length=1, max_length=8_192)]
    header: PlainObject | None = None


class MessageType(ProtoRecord):
    """A message type as other agents see it: name, version and the JSON schema of its body."""

    name: Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    json_schema: PlainObject

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @classmethod
    def of(cls, message: type[Message]) -> Self:
        """What a message class declares."""
        name, _, version = message.message_type.partition("@")
        return cls(name=name, version=int(version), json_schema=_schema_of(message))


@lru_cache(maxsize=1_000)
def _schema_of(message: type[Message]) -> dict[str, Any]:
    """The schema of a class, never to be changed. Working it out takes 0.3 ms, and every kind that takes it asks."""
    return message.model_json_schema()


class DeclaredTypes(ProtoRecord):
    """The params of the extension `MESSAGE_TYPES`."""

    accepts: Annotated[tuple[MessageType, ...], Field(max_length=256)] = ()
    emits: Annotated[tuple[MessageType, ...], Field(max_length=256)] = ()


class AgentCard(ProtoRecord):
    """The card of one kind of agent. Every million agents of a kind share it."""

    name: Line
    description: Text
    supported_interfaces: Annotated[tuple[AgentInterface, ...], AtLeastOne]
    """In order of preference."""
    version: Line
    """Of the agent, not of the protocol."""
    capabilities: AgentCapabilities
    default_input_modes: Modes
    default_output_modes: Modes
    skills: Annotated[tuple[Skill, ...], AtLeastOne]
    provider: AgentProvider | None = None
    documentation_url: MaybeUri = None
    icon_url: MaybeUri = None
    security_schemes: Annotated[dict[Line, SecurityScheme], Few] = Field(default_factory=dict)
    security_requirements: Annotated[tuple[SecurityRequirement, ...], Few] = ()
    signatures: Annotated[tuple[AgentCardSignature, ...], Few] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _refuse_twins("skills", [skill.id for skill in self.skills])
        _refuse_twins("capabilities.extensions", [one.uri for one in self.capabilities.extensions])
        declared = self.declared_types()
        _refuse_twins("accepts", [one.id for one in declared.accepts])
        _refuse_twins("emits", [one.id for one in declared.emits])
        accepted = {one.id: one for one in declared.accepts}
        for one in declared.emits:
            if accepted.get(one.id, one) != one:
                raise InvalidCard(f"AgentCard is not valid: {one.id} has one schema in accepts, another in emits")
        return self

    @classmethod
    def for_kind(
        cls,
        kind: str,
        description: str,
        *,
        skills: Sequence[Skill] = (),
        accepts: Iterable[type[Message]] = (),
        emits: Iterable[type[Message]] = (),
        version: str = "1.0.0",
    ) -> Self:
        """The card of a kind of this swarm. Without skills it gets one, named like the kind.

        Raises: InvalidCard, InvalidName.
        """
        types = DeclaredTypes(accepts=tuple(map(MessageType.of, accepts)), emits=tuple(map(MessageType.of, emits)))
        extension = AgentExtension(uri=MESSAGE_TYPES, params=types.to_plain())
        return cls(
            name=kind,
            description=description,
            supported_interfaces=(AgentInterface.in_swarm(kind),),
            version=version,
            capabilities=AgentCapabilities(extensions=(extension,)),
            default_input_modes=(_JSON,),
            default_output_modes=(_JSON,),
            skills=tuple(skills) or (Skill(id=kind, description=description),),
        )

    def declared_types(self) -> DeclaredTypes:
        """The message types that the card lists; none when it does not use our extension."""
        for place, extension in enumerate(self.capabilities.extensions):
            if extension.uri == MESSAGE_TYPES:
                return DeclaredTypes.from_plain(extension.params or {}, f"capabilities.extensions[{place}].params")
        return DeclaredTypes()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a card that anybody may have written. Verify signatures on ``text``, before: reading drops fields.

        Raises: InvalidCard.
        """
        size = len(text.encode(errors="surrogatepass")) if isinstance(text, str) else len(text)
        _check_size(size)
        try:
            return cls.model_validate_json(text, extra="ignore")
        except ValidationError as why:
            raise InvalidCard(explain(why, cls.__name__)) from None

    def to_json(self) -> str:
        """The card for the wire; the same card always gives the same text. Raises: InvalidCard above 256 KiB."""
        text = self.model_dump_json(by_alias=True, exclude_defaults=True)
        _check_size(len(text.encode()))
        return text


AgentCard.model_rebuild()  # now, not when the first agent is waited for


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise InvalidCard(f"AgentCard is not valid: {size:,} bytes; at most {MAX_BYTES:,} are read or written")


def _refuse_twins(where: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidCard(f"AgentCard is not valid: {where}: {name!r:.80} is there twice; give each its own name")
