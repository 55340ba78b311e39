"""What the tests of the desk share: the shop's own files, and an article to write about."""

from __future__ import annotations

from pathlib import Path

from examples.support_desk.brains.writer import SIGNATURE
from examples.support_desk.schemas import Draft, Passage
from examples.support_desk.tickets import Ticket, read_tickets

DATA = Path(__file__).parents[3] / "examples" / "support_desk" / "data"


def tickets(name: str) -> list[Ticket]:
    """The tickets of one of the shop's files; it holds no bad rows."""
    rows = list(read_tickets(DATA / name))
    found = [row for row in rows if isinstance(row, Ticket)]
    assert len(found) == len(rows)
    return found


def first(count: int, name: str, folder: Path) -> Path:
    """The first rows of one of the shop's files, as a file of their own."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines(keepends=True)
    target = folder / name
    target.write_text("".join(lines[: count + 1]), encoding="utf-8")
    return target


RETURNS = (
    Passage(
        article="KC-301",
        title="Return an item",
        heading="What cannot be returned",
        text="Opened tea and coffee cannot be returned, because it is food.\n"
        "Kettles, grinders and cups may be unpacked and tried, but must come back clean.",
        score=9.0,
    ),
    Passage(
        article="KC-301",
        title="Return an item",
        heading="How to return",
        text='1. Open "Orders" in your account and select "Return items".\n2. Print the return label.\n'
        "3. Drop the parcel off within 14 days. Returns cost 4 USD.",
        score=8.0,
    ),
)

GOOD = "Opened tea and coffee cannot be returned, because it is food."

CITATION = 'You can read more in our help article "Return an item" (KC-301).'


def reply(*body: str, name: str = "Ann Lee", source: str = CITATION) -> Draft:
    """A draft of the usual form around ``body``."""
    parts = [f"Hello {name},", "Thank you for your message.", *body, source, SIGNATURE]
    return Draft(reply="\n\n".join(part for part in parts if part), sources=("KC-301",))
