"""``stigmergy dead-letters``: what could not be delivered or handled, and why."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence

from ..history.sends import Burials, DeadLetter
from .arguments import Parser, whole
from .finding import add_run, find_run, opened
from .records import plain
from .render import console_for, table_for
from .text import counted, cut, duration, first_line, when

COLUMNS = ("when", "reason", "message", "from", "to", "tries", "age", "conversation", "detail")


def dead_letters(argv: Sequence[str]) -> int:
    """List dead letters; returns the exit code. Raises: UsageError."""
    parser = Parser("stigmergy dead-letters", "Lists what could not be delivered or handled, the newest last.")
    add_run(parser)
    parser.add_argument("--most", metavar="N", type=whole, default=50, help="show the newest N (default: 50)")
    given = parser.parse_all(argv)
    run = find_run(given.run, given.runs)
    burials = Burials()
    with opened(run, intact=given.intact) as journal:
        entries = journal.read(kinds=("mail.dead", "topics.post"))
        found = [dead for entry in entries if (dead := burials.dead_letter(entry)) is not None]
    reasons = Counter(dead.reason for dead in found)
    if given.json:
        letters = [dead.to_plain() for dead in found]
        report = {"run": run.id, "count": len(found), "by_reason": dict(reasons), "dead_letters": letters}
        sys.stdout.write(json.dumps(plain(report), ensure_ascii=False) + "\n")
        return 0
    summary = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    shown = found[-given.most :] if given.most else []
    title = f"{counted(len(found), 'dead letter')} in {run.id}" + (f": {summary}" if summary else "")
    if not shown:
        sys.stdout.write(title + "\n")
        return 0
    earlier = f"{len(found) - len(shown):,} earlier ones; --most N shows more" if len(shown) < len(found) else ""
    console_for(sys.stdout).print(table_for(title, COLUMNS, map(_row, shown), earlier))
    return 0


def _row(dead: DeadLetter) -> tuple[str, ...]:
    return (
        when(dead.at),
        dead.reason,
        cut(dead.type, 40),
        dead.sender,
        dead.to,
        str(dead.attempts),
        duration(dead.age_s),
        dead.conversation[:12],
        first_line(dead.detail, 120),
    )
