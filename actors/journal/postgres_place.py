"""Where a journal lies on a PostgreSQL server: the server's URL, and behind a ``#`` the name of the run.

The rule of this file: libpq itself takes a URL apart, so what is hidden from people is exactly what a
server would take for a secret. `shown` is for files, logs and errors; nothing else may get there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

import psycopg
from psycopg.pq import Conninfo, ConninfoOption

from stigmergy.protocols.errors import UsageError

_RUN: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SECRET: Final = b"*"  # libpq's mark for a field that a form would not show (PQconninfoOption.dispchar)
_FORM: Final = "postgresql://USER@HOST:PORT/DATABASE"
_CODES: Final = "%40 for @, %2F for /, %3A for :, %25 for %"


class Place(NamedTuple):
    """A server's URL, as it was given or settled, and the name of a run there."""

    url: str
    run: str

    @classmethod
    def parse(cls, place: str) -> Place:
        """Take ``URL#RUN`` apart. Raises: UsageError."""
        url, _, run = place.rpartition("#")
        if not url or not _RUN.fullmatch(run):
            raise UsageError(f"a journal in PostgreSQL is named {_FORM}#RUN; this names no run")
        options(url)
        return cls(url, run)

    def __str__(self) -> str:
        """``URL#RUN``, secrets too."""
        return f"{self.url}#{self.run}"

    @property
    def shown(self) -> str:
        """Without secrets."""
        return f"{shown(self.url)}#{self.run}"


def options(url: str) -> dict[str, str]:
    """What a URL says, by libpq's names. Raises: UsageError."""
    return {option.keyword.decode(): option.val.decode() for option in _parsed(url) if option.val is not None}


def shown(url: str) -> str:
    """A URL without its secrets. Raises: UsageError."""
    secrets = {option.keyword.decode() for option in _parsed(url) if option.dispchar == _SECRET}
    return build({name: value for name, value in options(url).items() if name not in secrets})


def _parsed(url: str) -> list[ConninfoOption]:
    try:
        found = Conninfo.parse(url.encode())
    except (psycopg.Error, UnicodeEncodeError) as error:
        # libpq quotes what it could not read, and that may be a piece of a password.
        why = re.sub(r'".*"', "", str(error), flags=re.DOTALL).strip(" :\n") or "it cannot be read"
        raise UsageError(f"this is not the URL of a PostgreSQL server ({why}); write {_FORM}") from None
    said = {option.keyword: (option.val or b"") for option in found}
    if b"@" in said[b"host"] + said[b"dbname"] or said[b"port"].strip(b"0123456789,"):
        raise UsageError(
            f"this URL of a PostgreSQL server reads in two ways; write {_FORM}, and in a password {_CODES}"
        )
    return found


def build(given: Mapping[str, str]) -> str:
    """The URL that says this: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS."""
    rest = dict(given)
    user, password = quote(rest.pop("user", ""), safe=""), quote(rest.pop("password", ""), safe="")
    database = quote(rest.pop("dbname", ""), safe="")
    server = ""
    if (host := rest.get("host", "")) and not re.search(r"[,/@%]", host):
        server = f"[{host}]" if ":" in host else host
        port = rest.get("port", "")
        server += f":{port}" if port else ""
        rest = {name: value for name, value in rest.items() if name not in {"host", "port"}}
    who = f"{user}:{password}@" if password else f"{user}@" if user else ""
    more = f"?{urlencode(sorted(rest.items()), quote_via=quote)}" if rest else ""
    return f"postgresql://{who}{server}/{database}{more}"
