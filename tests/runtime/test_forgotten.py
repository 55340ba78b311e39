"""Forgotten awaits: told once, with the line if it is the user's."""

from __future__ import annotations

import json
import os

from stigmergy.runtime import performer
from stigmergy.runtime.forgotten import advice, logged

PUT = "coroutine 'Facts.put' was never awaited"
SAID = f"{PUT}, so it did nothing (app.py:41): write await before it"


def test_a_line_of_the_users_is_named_and_one_of_ours_is_not():
    assert advice(PUT, RuntimeWarning, "/somewhere/app.py", 41) == SAID
    assert advice(PUT, RuntimeWarning, performer.__file__, 173) == f"{PUT}, so it did nothing: write await before it"


def test_other_warnings_are_not_about_that():
    assert advice("divide by zero", RuntimeWarning, "/somewhere/app.py", 41) == ""
    assert advice(PUT, UserWarning, "/somewhere/app.py", 41) == ""


def test_logs_of_this_run_tell_each_sentence_once_whatever_else_is_in_them(tmp_path):
    line = json.dumps({"text": f"app.py:41: {PUT}", "advice": SAID})
    quoted = json.dumps({"error": PUT})
    (tmp_path / "host-1.1.jsonl").write_text(f"{line}\n{quoted}\n{line}\n{line[:-5]}")
    (tmp_path / "host-2.1.jsonl").write_text(line)
    old = tmp_path / "host-0.1.jsonl"
    old.write_text(line.replace("app.py:41)", "app.py:7)"))
    os.utime(old, (1_000, 1_000))
    assert logged(tmp_path, 2_000) == [SAID]
    assert logged(tmp_path / "nothing", 0) == []
