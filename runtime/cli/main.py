"""The way in: which command was meant, and what becomes of its errors.

The rule of this file: it imports next to nothing, so that ``stigmergy --help`` answers at once; and
no traceback ever reaches the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

COMMANDS: Final = {
    "run": "run an app: a folder with an app.py, a .py file or a module",
    "resume": "go on with a run that was killed, interrupted, or stopped by its budget",
    "runs": "list the runs in a folder",
    "inspect": "the figures of a run: who did how much, at what cost, and what went wrong",
    "trace": "one conversation as a tree: who said what to whom, why, at what cost",
    "dead-letters": "what could not be delivered or handled, and why; puts it back",
    "approve": "what waits for a person: effects in doubt, calls to agree to",
}

HELP: Final = """\
usage: stigmergy COMMAND [...]

An actor runtime for swarms of agents.

commands:
{commands}

  stigmergy COMMAND --help    what a command takes
  stigmergy run APP --help    what an app takes
  stigmergy --version         which version this is

exit codes: 0 done, 1 failed (a bug, a full disk, a deadline), 2 bad input, 3 stopped by a budget, 4 stopped by the
loop watchdog, 130 Ctrl-C or SIGTERM
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] in {"-h", "--help", "help"}:
            return _help()
        if words[0] == "--version":
            return _version()
        code = _command(words[0])(words[1:])
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse ends so after --help
        return int(end.code or 0)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BaseException as error:  # noqa: BLE001 - the last place where an error can be told in one line
        from .failures import tell

        return tell(error)


def _command(name: str) -> Callable[[Sequence[str]], int]:
    """The function behind a command. Raises: UsageError."""
    match name:
        case "run":
            from .run import run as found
        case "resume":
            from .resume import resume as found
        case "runs":
            from .runs import runs as found
        case "inspect":
            from .inspect import inspect as found
        case "trace":
            from .trace import trace as found
        case "dead-letters":
            from .dead_letters import dead_letters as found
        case "approve":
            from .approve import approve as found
        case _:
            from .arguments import meant, refuse

            refuse(f"unknown command {name[:60]!r}{meant(name, COMMANDS)}; there are {', '.join(COMMANDS)}")
    return found


def _help() -> int:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    sys.stdout.write(HELP.format(commands="\n".join(lines)))
    return 0


def _version() -> int:
    from .versions import stigmergy_version

    sys.stdout.write(f"stigmergy {stigmergy_version()}\n")
    return 0
