"""``stigmergy dead-letters``: what could not be delivered or handled, and why."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence

from ..history.causes import Causes
from ..history.sends import Burials, DeadLetter
from ..run_folder import RunFolder
from .arguments import Parser, whole
from .finding import add_run, find_run, opened
from .offline import board_of
from .records import plain
from .render import console_for, table_for
from .text import counted, cut, duration, first_line, when

COLUMNS = ("id", "when", "reason", "message", "chain of causes", "to", "tries", "age", "conversation", "error")

CHAIN = 4
"""Causes that a table shows; `--json` shows all."""


def dead_letters(argv: Sequence[str]) -> int:
    """List dead letters; returns the exit code. Raises: UsageError."""
    parser = Parser("stigmergy dead-letters", "Lists what could not be delivered or handled, the newest last.")
    add_run(parser)
    parser.add_argument("--most", metavar="N", type=whole, default=50, help="show the newest N (default: 50)")
    parser.add_argument(
        "--put-back",
        metavar="ID",
        nargs="+",
        help="have these handled, once each, when the run is resumed; `all` but those that a person must judge",
    )
    given = parser.parse_all(argv)
    run = find_run(given.run, given.runs)
    if given.put_back:
        return _put_back(run, given.put_back, as_json=given.json)
    burials, causes = Burials(), Causes()
    with opened(run, intact=given.intact) as journal:
        entries = journal.read(kinds=("mail.accept", "mail.fan", "mail.dead", "topics.post"))
        found = [dead for entry in causes.followed(entries) if (dead := burials.dead_letter(entry)) is not None]
    reasons = Counter(dead.reason for dead in found)
    if given.json:
        letters = [{**dead.to_plain(), **causes.about(dead)} for dead in found]
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
    console_for(sys.stdout).print(table_for(title, COLUMNS, (_row(dead, causes) for dead in shown), earlier))
    return 0


def _put_back(run: RunFolder, wanted: list[str], *, as_json: bool) -> int:
    with board_of(run) as ask:
        done: dict[str, str] = ask("put back", wanted)
    back = sum(not why for why in done.values())
    if as_json:
        report = {"run": run.id, "put_back": back, "not_put_back": {one: why for one, why in done.items() if why}}
        sys.stdout.write(json.dumps(plain(report), ensure_ascii=False) + "\n")
        return 0
    sys.stdout.write(f"{counted(back, 'dead letter')} of {run.id} put back; the next resume handles them\n")
    for letter, why in done.items():
        if why:
            sys.stdout.write(f"not {letter[:12]}: {first_line(why, 160)}\n")
    return 0


def _row(dead: DeadLetter, causes: Causes) -> tuple[str, ...]:
    about = causes.about(dead)
    return (
        dead.id[:12],
        when(dead.at),
        dead.reason + (" (put back)" if about["put_back"] else ""),
        cut(dead.type, 40),
        " > ".join(about["causes"][-CHAIN:]),
        dead.to,
        str(dead.attempts),
        duration(dead.age_s),
        dead.conversation[:12],
        first_line(dead.detail, 120),
    )
