"""How a card says that its callers must identify themselves: A2A 1.0, section 4.5.

These are declarations. Nothing here authenticates anybody; the gateway does.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from .protojson import Line, MaybeLine, MaybeText, MaybeUri, ProtoRecord, Text, Uri

ScopeNotes = Annotated[dict[Line, Text | Literal[""]], Field(max_length=64)]
"""OAuth scopes, each with what it allows; OpenAPI lets that be empty."""


class OneOf(ProtoRecord):
    """A record of which at most one field is set (protobuf's oneof). None is set when the kind is unknown to us."""

    @model_validator(mode="after")
    def _one_is_set(self) -> Self:
        given = sorted(self.model_fields_set)
        if len(given) > 1:
            raise ValueError(f"sets {' and '.join(given)}; choose one")
        return self


class ApiKey(ProtoRecord):
    """A key in a header, a query parameter or a cookie."""

    location: Literal["query", "header", "cookie"]
    name: Line
    description: MaybeText = None


class HttpAuth(ProtoRecord):
    """A scheme of the Authorization header, for example Bearer."""

    scheme: Line
    bearer_format: MaybeLine = None
    description: MaybeText = None


class AuthorizationCode(ProtoRecord):
    """OAuth 2.0 for a person at a browser."""

    authorization_url: Uri
    token_url: Uri
    scopes: ScopeNotes
    refresh_url: MaybeUri = None
    pkce_required: StrictBool = False


class ClientCredentials(ProtoRecord):
    """OAuth 2.0 for a machine."""

    token_url: Uri
    scopes: ScopeNotes
    refresh_url: MaybeUri = None


class DeviceCode(ProtoRecord):
    """OAuth 2.0 for a device without a browser."""

    device_authorization_url: Uri
    token_url: Uri
    scopes: ScopeNotes
    refresh_url: MaybeUri = None


class Implicit(ProtoRecord):
    """Deprecated by A2A 1.0; read, so that older cards can be."""

    authorization_url: MaybeUri = None
    refresh_url: MaybeUri = None
    scopes: ScopeNotes = Field(default_factory=dict)


class Password(ProtoRecord):
    """Deprecated by A2A 1.0; read, so that older cards can be."""

    token_url: MaybeUri = None
    refresh_url: MaybeUri = None
    scopes: ScopeNotes = Field(default_factory=dict)


class OAuthFlows(OneOf):
    """The one flow that an OAuth scheme uses."""

    authorization_code: AuthorizationCode | None = None
    client_credentials: ClientCredentials | None = None
    implicit: Implicit | None = None
    password: Password | None = None
    device_code: DeviceCode | None = None


class OAuth2(ProtoRecord):
    """OAuth 2.0."""

    flows: OAuthFlows
    oauth2_metadata_url: MaybeUri = None
    description: MaybeText = None


class OpenIdConnect(ProtoRecord):
    """OpenID Connect, by its discovery document."""

    open_id_connect_url: Uri
    description: MaybeText = None


class MutualTls(ProtoRecord):
    """A client certificate."""

    description: MaybeText = None


class SecurityScheme(OneOf):
    """One way to be identified."""

    api_key_security_scheme: ApiKey | None = None
    http_auth_security_scheme: HttpAuth | None = None
    oauth2_security_scheme: OAuth2 | None = None
    open_id_connect_security_scheme: OpenIdConnect | None = None
    mtls_security_scheme: MutualTls | None = None


class Scopes(ProtoRecord):
    """A list of OAuth scopes (protobuf's StringList)."""

    list: Annotated[tuple[Line, ...], Field(max_length=64)] = ()


class SecurityRequirement(ProtoRecord):
    """Schemes by name that must all be satisfied, each with its scopes."""

    schemes: Annotated[dict[Line, Scopes], Field(max_length=64)] = Field(default_factory=dict)
