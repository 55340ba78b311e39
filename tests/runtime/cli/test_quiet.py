"""What a run prints goes where it should, also when nobody is there any more to read it."""

from __future__ import annotations

import os
import sys

from stigmergy.runtime.cli.quiet import Noise
from stigmergy.runtime.cli.screen import Plain, Terminal


def test_a_reader_that_has_gone_costs_lines_and_nothing_else(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    kept = os.dup(2)
    os.dup2(writer, 2)
    shown = []
    try:
        with Noise().collected(reserve_stdout=True):
            for kind in (Plain, lambda: Terminal("desk")):
                with kind() as screen:
                    screen.progress(1, 2, "tickets")
                    screen.event("stopped", {"reason": "budget", "text": "x"})
                    screen.line("x" * 100_000)
                    shown.append(screen)
            print("from an app", file=sys.stderr, flush=True)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(writer)
    assert len(shown) == 2


def test_what_an_app_prints_does_not_get_between_a_script_and_its_json(capfd):
    with Noise().collected(reserve_stdout=True) as stdout:
        print("from an app")
        os.write(2, b"from a library\n")
        stdout.write("{}\n")
    assert capfd.readouterr() == ("{}\n", "from an app\n")
