"""``stigmergy approve``: what waits for a person, and the person's decision."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from stigmergy.actors.board.cases import Case
from stigmergy.protocols.errors import UsageError

from ..history.cases import cases_in
from ..run_folder import RunFolder
from .arguments import Parser
from .finding import add_run, find_run, opened
from .fitting import check_result
from .offline import board_of
from .records import plain
from .render import console_for, table_for
from .text import counted, cut, duration, first_line

COLUMNS = ("case", "waits", "why", "agent", "tool", "arguments", "marks", "error")


def approve(argv: Sequence[str]) -> int:
    """List cases, or decide one; returns the exit code. Raises: UsageError."""
    given = _parser().parse_all(argv)
    run = find_run(given.run, given.runs)
    cases = _cases(run, intact=given.intact)
    if not given.case:
        if given.verdict is not None:
            raise UsageError("which case? give its id or the beginning of it; `stigmergy approve RUN` lists them")
        _show(run, cases, as_json=given.json)
        return 0
    fitting = [case for case in cases if case.id.startswith(given.case)]
    if len(fitting) != 1:
        raise UsageError(
            f"{len(fitting)} open cases of {run.id} begin with {given.case!r:.60}; see `stigmergy approve`"
        )
    (case,) = fitting
    if given.verdict is None:
        raise UsageError(f"what about case {case.id[:12]}? decide --do, --happened JSON, --refuse WHY or --give-up")
    verdict, value = given.verdict
    if verdict == "happened":
        check_result(run, case, value)
    with board_of(run) as ask:
        ask("decide", [case.id, verdict, value, given.by])
    sys.stdout.write(
        json.dumps({"run": run.id, "case": case.id, "decided": verdict}) + "\n"
        if given.json
        else f"{case.tool} of {case.agent}: {verdict}; the next resume of {run.id} goes on from it\n"
    )
    return 0


def _parser() -> Parser:
    parser = Parser("stigmergy approve", "Lists what waits for a person, or decides one case of a run that has ended.")
    add_run(parser)
    parser.add_argument("case", metavar="CASE", nargs="?", default="", help="a case's id, or its beginning")
    verdicts = parser.add_mutually_exclusive_group()
    verdicts.add_argument(
        "--do", dest="verdict", action="store_const", const=("do", None), help="make exactly this call (again)"
    )
    verdicts.add_argument(
        "--happened", dest="verdict", metavar="JSON", type=_result, help="it did happen, with this result"
    )
    verdicts.add_argument(
        "--refuse", dest="verdict", metavar="WHY", type=lambda why: ("refuse", why), help="fail the call, and say why"
    )
    verdicts.add_argument(
        "--give-up", dest="verdict", action="store_const", const=("give-up", None), help="bury the whole message"
    )
    parser.add_argument("--by", metavar="NAME", default="the command line", help="who decides; kept in the journal")
    return parser


def _result(text: str) -> tuple[str, Any]:
    try:
        return "happened", json.loads(text)
    except json.JSONDecodeError as why:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not JSON ({why.msg}); for no result give null") from None


def _cases(run: RunFolder, *, intact: bool) -> list[Case]:
    with opened(run, intact=intact) as journal:
        return cases_in(journal)


def _show(run: RunFolder, cases: list[Case], *, as_json: bool) -> None:
    if as_json:
        report = {"run": run.id, "count": len(cases), "cases": [case.to_plain() for case in cases]}
        sys.stdout.write(json.dumps(plain(report), ensure_ascii=False) + "\n")
        return
    title = f"{counted(len(cases), 'case')} of {run.id} for a person"
    if not cases:
        sys.stdout.write(title + "\n")
        return
    advice = "decide with: stigmergy approve RUN CASE --do | --happened JSON | --refuse WHY | --give-up"
    console_for(sys.stdout).print(table_for(title, COLUMNS, map(_row, cases), advice))


def _row(case: Case) -> tuple[str, ...]:
    return (
        case.id[:12],
        duration(time.time() - case.since) if case.since else "-",
        case.reason,
        case.agent,
        case.tool,
        cut(json.dumps(plain(case.arguments), ensure_ascii=False), 120),
        ", ".join(case.marks),
        first_line(case.error, 80),
    )
