"""Reading ticket files: what is wrong with a file stops everything, what is wrong with a row stops that row."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support_desk.rows import Row, read_rows
from examples.support_desk.tickets import MAX_TEXT, RejectedRow, Ticket, read_tickets
from stigmergy.protocols.errors import UsageError


@pytest.fixture
def read(tmp_path):
    """Write a file, read its tickets."""

    def go(content, name="tickets.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_tickets(path))

    return go


def texts(rows):
    return [row.text for row in rows if isinstance(row, Ticket)]


def rejected(rows):
    return [(row.line, row.reason) for row in rows if isinstance(row, RejectedRow)]


def test_all_columns_of_a_csv_are_read(read):
    (ticket,) = read("id,customer,tier,text,category\nT-1,Ann Lee,PLUS,Where is it?,delivery\n")
    assert ticket == Ticket(id="T-1", line=2, text="Where is it?", category="delivery", customer="Ann Lee", tier="plus")


def test_what_the_file_does_not_say_is_none_and_the_id_is_the_line(read):
    (ticket,) = read("text\nhello\n")
    assert ticket == Ticket(id="line-2", line=2, text="hello")


def test_column_names_may_be_in_any_order_case_and_spacing(read):
    assert read("Category , TEXT\ndelivery,where?\n")[0].category == "delivery"


def test_columns_that_nobody_knows_are_ignored(read):
    assert texts(read("text,colour\nhello,blue\n")) == ["hello"]


def test_subject_and_body_become_the_text(read):
    assert texts(read("subject,body\nParcel,Where is it?\nOnly a subject,\n")) == [
        "Parcel\n\nWhere is it?",
        "Only a subject",
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_the_one_that_shows_the_columns(read, delimiter):
    content = (
        f"text{delimiter}category\nhello, you; there{delimiter}x\n" if delimiter != ";" else "text;category\na, b;x\n"
    )
    assert [row.category for row in read(content)] == ["x"]


def test_a_comma_in_the_texts_of_a_one_column_file_is_a_wrong_number_of_fields(read):
    assert rejected(read("text\nhello, you\nfine\n")) == [
        (2, "another number of fields (2) than the file has columns (1)")
    ]


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_data(read):
    rows = read(b"\xef\xbb\xbftext,category\r\nfirst,a\r\nsecond,b\r\n")
    assert [(row.text, row.category, row.line) for row in rows] == [("first", "a", 2), ("second", "b", 3)]


def test_line_numbers_count_the_lines_inside_quoted_fields_and_the_empty_ones(read):
    rows = read('text,category\n"one\n\ntwo, ""quoted""",a\n\nlast,b\n')
    assert [(row.line, row.text) for row in rows] == [(2, 'one\n\ntwo, "quoted"'), (6, "last")]


def test_json_lines_are_read_by_suffix_and_by_look(read):
    content = '{"text": "hello", "id": 7}\n\n{"subject": "a", "body": "b"}\n'
    for name in ("tickets.jsonl", "tickets.txt"):
        assert [(row.id, row.line, row.text) for row in read(content, name)] == [
            ("7", 1, "hello"),
            ("line-3", 3, "a\n\nb"),
        ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("   ,a", "it has no text"),
        ("one,two,three", "another number of fields (3) than the file has columns (2)"),
        ("alone", "another number of fields (1) than the file has columns (2)"),
        ("x" * (MAX_TEXT + 1) + ",a", "its text has 20,001 characters, more than 20,000"),
        ("fine," + "c" * 201, "its category has 201 characters, more than 200"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_go_on(read, row, reason):
    rows = read(f"text,category\nfirst,a\n{row}\nlast,b\n")
    assert texts(rows) == ["first", "last"]
    assert rejected(rows) == [(3, reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "cut off', "not JSON"),
        ('["text"]', "not a JSON object"),
        ('{"text": {"a": 1}}', "its text is not text"),
        ('{"text": true}', "its text is not text"),
        ('{"text": null}', "it has no text"),
        ('{"title": "no such column"}', "it has no text"),
        ('{"text": "half \\ud83d"}', "its text holds half a character"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_json_line_is_rejected_and_the_others_go_on(read, line, reason):
    rows = read(f'{{"text": "first"}}\n{line}\n{{"text": "last"}}\n', "t.jsonl")
    assert texts(rows) == ["first", "last"]
    ((number, why),) = rejected(rows)
    assert (number, why[: len(reason)]) == (2, reason)


@pytest.mark.parametrize("field", ["x" * 10_000_000, f"{'a line ' * 14}\n" * 100_000], ids=["one line", "many lines"])
def test_a_field_of_ten_megabytes_is_one_rejected_row(read, field):
    rows = read(f'text,category\nfirst,a\n"{field}",b\nlast,c\n')
    assert texts(rows) == ["first", "last"]
    assert [line for line, _ in rejected(rows)] == [3]


def test_a_stray_quotation_mark_costs_one_row_not_the_rest_of_the_file(read):
    rows = read('text,category\nfirst,a\n"never closed,b\nthird,c\nfourth,d\n')
    assert texts(rows) == ["first", "third", "fourth"]
    assert rejected(rows) == [(3, "a quotation mark is opened and not closed where it should be")]


def test_a_stray_quotation_mark_that_meets_the_next_quoted_field_costs_one_row_too(read):
    rows = read('text,category\n"never closed,b\nthird,c\n"quoted, with comma",d\nlast,e\n')
    assert texts(rows) == ["third", "quoted, with comma", "last"]


@pytest.mark.parametrize(
    ("content", "lines", "found"),
    [
        (
            '1,"where" is my order\n2,the 12" kettle broke\n3,"I want a refund\n4,"My parcel is late"\n5,ok "fine"\n',
            [2, 4],
            ['the 12" kettle broke', "My parcel is late", 'ok "fine"'],
        ),
        (
            '1,"where is my order\n2,I want a refund\n3,hello "there"\n',
            [2],
            ["I want a refund", 'hello "there"'],
        ),
        ('1,"one\n\ntwo" three\n4,"five\nsix"\n', [2, 4], ["five\nsix"]),
    ],
)
def test_text_after_a_closing_quotation_mark_costs_its_row_and_never_hides_the_next(read, content, lines, found):
    rows = read("id,text\n" + content)
    assert texts(rows) == found
    assert [line for line, _ in rejected(rows)] == lines


def test_a_quotation_mark_inside_a_text_is_a_character(read):
    assert texts(read('text,category\na 12" pipe,x\nnext,y\n')) == ['a 12" pipe', "next"]


def test_an_id_that_was_used_before_is_rejected_because_tickets_are_counted_by_id(read):
    rows = read("id,text\nA,first\nA,second\nB,third\n")
    assert texts(rows) == ["first", "third"]
    assert rejected(rows) == [(3, "its id 'A' is that of line 2")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        (b"text,category\n", "has column names but no rows"),
        (b"name,colour\nAnn,blue\n", "its first line must name the columns text, or subject and body"),
        (b"hello there\nwhat is this\n", "its first line must name the columns text, or subject and body"),
        (b"text,category,text\na,b,c\n", "has two columns called 'text'"),
        (b"text,category\nfine,a\ncaf\xe9,b\n", "is not UTF-8: byte 0xe9 in line 3; save it as UTF-8"),
        (b"\xef\xbb\xbftext\n\xff\n", "is not UTF-8: byte 0xff in line 2"),
        ("text\nhello\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"text\na,b\nc,d\n", "has no usable row; the first fault is in line 2: another number"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_one_line_that_says_what_to_do(read, content, message):
    with pytest.raises(UsageError) as caught:
        read(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"title": "a"}\n{"title": "b"}\n', "no line of"),
        ('[\n{"text": "an array"}\n]\n', ""),
        ("not json\n", "has no usable row; the first fault is in line 1: not JSON"),
    ],
)
def test_json_lines_without_any_ticket_are_refused(tmp_path, content, message):
    path = tmp_path / "t.jsonl"
    path.write_text(content)
    if not message:  # the objects of an array that is spread over lines are tickets; its brackets are not
        assert [type(row) for row in read_tickets(path)] == [RejectedRow, Ticket, RejectedRow]
        return
    with pytest.raises(UsageError, match=message):
        read_tickets(path)


def test_a_file_that_cannot_be_read_is_a_usage_error_at_once(tmp_path):
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            read_tickets(path)


def test_reading_leaves_the_csv_modules_limit_alone(read):
    before = csv.field_size_limit()
    read("text\n" + "x" * 200_000 + "\nfine\n")
    assert csv.field_size_limit() == before


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20)


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows, delimiter):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "category"), *rows])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    found = list(read_rows(path, [frozenset({"text"})]))
    assert [tuple(row.values.values()) for row in found if isinstance(row, Row)] == rows


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_tickets_rejections_or_a_usage_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(b"text,category\n" + content)
    try:
        rows = list(read_tickets(path))
    except UsageError:
        return
    assert all(isinstance(row, Ticket | RejectedRow) for row in rows)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=8))
def test_every_json_line_comes_out_exactly_once(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("json") / "t.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*written, "at least one"]))
    assert [row.line for row in read_tickets(path)] == list(range(1, len(written) + 2))
