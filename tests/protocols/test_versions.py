"""Old data is brought forward step by step; new data is never guessed at."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.protocols import Malformed, Message, upcasts
from stigmergy.protocols.codec import pack_body
from stigmergy.protocols.errors import UnknownMessage, UnknownVersion
from stigmergy.protocols.message import MessageTypes, decode_as, older_types, reads


class Note1(Message, name="note"):
    text: str


class Note3(Message, name="note", version=3):
    lines: list[str]
    loud: bool

    @upcasts(1)
    @staticmethod
    def split(plain: dict[str, Any]) -> dict[str, Any]:
        return {"lines": plain["text"].splitlines()}

    @upcasts(2)
    @staticmethod
    def quiet(plain: dict[str, Any]) -> dict[str, Any]:
        return {**plain, "loud": False}


class Gap(Message, name="gap", version=3):
    @upcasts(1)
    @staticmethod
    def one(plain: dict[str, Any]) -> dict[str, Any]:
        return plain


OLD = pack_body({"text": "a\nb"})


def test_a_class_says_which_versions_it_reads():
    assert older_types(Note3) == ("note@2", "note@1")
    assert older_types(Note1) == ()
    assert older_types(Gap) == ()
    assert [reads(Note3, one) for one in ("note@3", "note@1", "note@4", "other@1")] == [True, True, False, False]


def test_an_old_message_is_read_as_the_new_one():
    assert decode_as(Note3, "note@1", OLD) == Note3(lines=["a", "b"], loud=False)
    assert decode_as(Note3, "note@2", pack_body({"lines": []})) == Note3(lines=[], loud=False)
    assert MessageTypes([Note3]).decode("note@1", OLD) == Note3(lines=["a", "b"], loud=False)


def test_a_class_of_its_own_for_the_old_version_is_preferred():
    types = MessageTypes([Note3, Note1])
    assert types.decode("note@1", OLD) == Note1(text="a\nb")
    assert "note@2" in types


@pytest.mark.parametrize(
    ("cls", "message_type", "body", "error", "said"),
    [
        (Note1, "note@2", OLD, UnknownVersion, "note@2 has version 2, and Note1 is version 1: use newer code"),
        (Gap, "gap@1", pack_body({}), UnknownVersion, r"give Gap a function @upcasts\(2\)"),
        (Note3, "note@1", pack_body({"txt": ""}), Malformed, "note@1: from version 1 to 2: KeyError: 'text'"),
        (Note3, "note@2", pack_body({"lines": 7}), Malformed, "note@3: lines: "),
        (Note3, "other@1", OLD, Malformed, "other@1 is no note@3"),
        (Note3, "note@x", OLD, Malformed, "note@x is no note@3"),
    ],
)
def test_what_cannot_be_read_is_told_by_a_typed_error(cls, message_type, body, error, said):
    with pytest.raises(error, match=said):
        decode_as(cls, message_type, body)


def test_a_type_that_nobody_reads_is_unknown():
    with pytest.raises(UnknownMessage):
        MessageTypes([Note1]).decode("note@2", OLD)
