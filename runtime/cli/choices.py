"""Choices: what ``stigmergy run`` takes besides the app's own options."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from stigmergy.actors.journal.places import is_server, store_of
from stigmergy.actors.transport.cluster import check_head
from stigmergy.protocols.budget import DIMENSIONS, Budget
from stigmergy.protocols.errors import UsageError

from ..app import App
from ..plant import MOST_HOSTS, MOST_SHARDS, Plant
from ..run_folder import RUNS
from .arguments import Parser, meant, positive, up_to, whole
from .options import add_options, read_options
from .text import cut

PROG: Final = "stigmergy run"
AN_APP: Final = "a folder with an app.py, a .py file or a module"
HELP: Final = ("-h", "--help")

_BUDGETS: Final[dict[str, tuple[str, Callable[[str], Any], str]]] = {
    "usd": ("X", str, "stop before more than X USD are spent"),
    "messages": ("N", whole, "stop before more than N messages are sent"),
    "tokens": ("N", whole, "stop before more than N tokens are used"),
    "model_calls": ("N", whole, "stop before more than N model calls are made"),
    "tool_calls": ("N", whole, "stop before more than N tool calls are made"),
    "agents": ("N", whole, "refuse messages to an agent more while N are alive"),
    "depth": ("N", whole, "refuse agents that are brought into being more than N deep, by agents of agents"),
    "seconds": ("X", positive, "stop X seconds after the start"),
}


class Choices(NamedTuple):
    """What a user chose for one run."""

    app: App[Any]
    source: str
    """The app as it was typed."""
    options: BaseModel
    budget: Budget
    journal: str | None
    """Folder for run folders, or the URL of a server that keeps journals; None keeps nothing."""
    plant: Plant
    seed: int
    json: bool
    quiet: bool

    @property
    def home(self) -> Path | None:
        """The folder for run folders."""
        return None if self.journal is None else RUNS if is_server(self.journal) else Path(self.journal)


def bare_parser(description: str) -> Parser:
    """A parser that only knows that there is an app."""
    parser = Parser(PROG, description, usage=f"{PROG} APP [options]", add_help=False)
    parser.add_argument("app", metavar="APP", help=AN_APP)
    return parser


def add_general(parser: Parser) -> Parser:
    """Add what every app can be run with."""
    group = parser.add_argument_group("how it runs")
    group.add_argument("-h", "--help", action="help", help="show this and exit")
    add_house(group)
    shards = up_to(MOST_SHARDS, "every shard has a link to every other")
    group.add_argument(
        "--shards", metavar="N", type=shards, default=1, help="boards that share the work, a journal each (default: 1)"
    )
    group.add_argument("--seed", metavar="N", type=whole, default=0, help="seed of all random numbers (default: 0)")
    keep = group.add_mutually_exclusive_group()
    keep.add_argument(
        "--journal",
        metavar="DIR|URL",
        default=str(RUNS),
        help=f"folder to keep it in (default: {RUNS}/); or postgresql://USER@HOST/DATABASE for the journal itself",
    )
    keep.add_argument("--no-journal", action="store_true", help="keep nothing")
    add_output(group)
    return parser


def add_house(group: argparse._ArgumentGroup) -> None:
    """Add what a run can be housed in, and what it may cost: this may change when a run is resumed."""
    group.add_argument(
        "--engine",
        choices=("ray", "local"),
        default="ray",
        help="ray: a process per core, on this machine or a cluster; local: one process, without Ray (default: ray)",
    )
    group.add_argument(
        "--address", default="local", help="Ray only: auto or host:port joins a cluster (default: a Ray of its own)"
    )
    hosts = up_to(MOST_HOSTS, "every host is a process, with a link to every board")
    group.add_argument("--hosts", metavar="N", type=hosts, default=0, help="host processes (default: one per core)")
    for name, (metavar, kind, text) in _BUDGETS.items():
        group.add_argument(f"--budget-{name.replace('_', '-')}", metavar=metavar, type=kind, help=text)
    group.add_argument(
        "--durability",
        choices=("fsync", "process"),
        default="fsync",
        help="what an entry survives: power loss, or only the death of processes",
    )


def add_output(group: argparse._ArgumentGroup) -> None:
    """Add how it is told."""
    group.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    group.add_argument("--quiet", action="store_true", help="no progress and no events on stderr")


def named_app(argv: Sequence[str]) -> str:
    """The app in a command line whose other options are not known yet. Raises: UsageError, SystemExit for help."""
    parser = add_general(bare_parser("Runs an app. `stigmergy run APP --help` also shows the app's own options."))
    words = [word for word in argv if word not in HELP]
    try:
        known, rest = parser.parse_known_args(words)
        _check_typos(known.app, rest, parser)
        return str(known.app)
    except UsageError:
        if len(words) < len(argv):
            parser.print_help()
            raise SystemExit(0) from None
        if any(not word.startswith("-") for word in words):
            raise
        raise UsageError(f"say which app: {PROG} APP, where APP is {AN_APP}") from None


def _check_typos(app: str, rest: Sequence[str], parser: Parser) -> None:
    """A misspelt option before the app makes its value look like the app. Raises: UsageError."""
    flags = (word.partition("=")[0] for word in rest if word.startswith("--"))
    wrong = next((flag for flag in flags if meant(flag, parser.options())), None)
    if wrong and not Path(app).exists():
        raise UsageError(f"unknown option {wrong}{meant(wrong, parser.options())}; {parser.advice}")


def read_choices(app: App[Any], argv: Sequence[str]) -> Choices:
    """What was chosen for an app. Raises: UsageError, SystemExit for help."""
    parser = bare_parser(f"{app.name}: {app.summary}")
    parser.advice = f"see {PROG} {named_app(argv)} --help"
    own = parser.add_argument_group(f"options of {app.name}")
    add_general(parser)
    add_options(own, app.options, parser.options())
    if "input" not in app.options.model_fields and any(word.partition("=")[0] == "--input" for word in argv):
        raise UsageError(f"{app.name} reads no input file, so it has no --input; {parser.advice}")
    given = parser.parse_all(argv)
    _check_address(given.address, given.engine)
    journal = None if given.no_journal else _usable(given.journal)
    return Choices(
        app=app,
        source=given.app,
        options=read_options(app.options, given),
        budget=_budget(given),
        journal=journal,
        plant=Plant(given.engine, given.address, given.hosts, given.shards, given.durability),
        seed=given.seed,
        json=given.json,
        quiet=given.quiet,
    )


def _budget(given: argparse.Namespace) -> Budget:
    amounts = {name: getattr(given, f"budget_{name}") for name in _BUDGETS}
    try:
        return Budget(**{name: amount for name, amount in amounts.items() if amount is not None})
    except UsageError as why:
        text = str(why)
        name = next((name for name in DIMENSIONS if text.startswith(f"{name} is ")), "")
        raise UsageError(f"--budget-{name.replace('_', '-')}{text.removeprefix(name)}" if name else text) from None


def _check_address(address: str, engine: str) -> None:
    """Refuse a cluster that is not there before anything is written. Raises: UsageError."""
    if address == "local":
        return
    if engine == "local":
        raise UsageError("--address is for Ray: leave out --engine local, or --address")
    if address != "auto":
        check_head(address)


def _usable(journal: str) -> str:
    """Refuse a place for runs that cannot work before anything long begins. Raises: UsageError."""
    if not journal.strip():
        raise UsageError("--journal is empty: give a folder or a URL, or --no-journal to keep nothing")
    store = store_of(journal)
    if is_server(journal):
        store.settled(f"{journal}#try")
    _check_writable(RUNS if is_server(journal) else Path(journal))
    return journal


def _check_writable(folder: Path) -> None:
    try:
        there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), Path("/"))
    except OSError as why:  # a name may be too long for this disk
        raise UsageError(f"--journal {cut(str(folder), 60)}: {why.strerror}; choose another place") from None
    if not there.is_dir():
        raise UsageError(f"--journal {folder}: {there} is not a folder; choose another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"--journal {folder}: {there} cannot be written by this user; choose another place")
