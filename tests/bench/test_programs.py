"""The programs of the benchmark as people call them: help is help, and pictures are of full runs."""

from __future__ import annotations

import json
import runpy
import sys

import pytest

from bench import chart, soak


@pytest.mark.parametrize("name", ["bench", "bench.chart", "bench.scaling", "bench.soak"])
def test_help_is_shown_and_nothing_is_measured_or_drawn(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    for module in (name, f"{name}.__main__"):
        monkeypatch.delitem(sys.modules, module, raising=False)  # `python -m` has not imported it either
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__")
    shown = capsys.readouterr()
    assert (ended.value.code, shown.err) == (0, "")
    assert shown.out.startswith("usage: bench")


@pytest.fixture
def docs(monkeypatch, tmp_path):
    """Another folder of pictures, and a soak that takes no time."""

    async def at_once(minutes, *, durable):
        return [soak.Sample(minutes * n / 9, 100.0 + durable, n) for n in range(1, 10)]

    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(soak, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(soak, "run", at_once)
    return tmp_path / "docs"


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        ([], ["soak-volatile.svg"]),
        (["--durable", "--minutes", "20"], ["soak-durable.svg"]),
        (["--minutes", "0.5"], []),
        (["--minutes", "0.5", "--out", "mine.svg"], []),
    ],
)
def test_only_a_soak_of_full_length_is_drawn_in_the_documentation(docs, monkeypatch, words, drawn):
    monkeypatch.chdir(docs.parent)
    assert soak.main(words) == 0
    assert [path.name for path in docs.iterdir()] == drawn
    assert (docs.parent / "mine.svg").exists() == ("--out" in words)


@pytest.mark.parametrize("text", [None, "{", json.dumps({"rows": []})])
def test_a_chart_of_what_is_no_record_is_refused_in_one_line(tmp_path, capsys, text):
    file, out = tmp_path / "record.json", tmp_path / "out.svg"
    if text is not None:
        file.write_text(text)
    assert chart.main([str(file), "--out", str(out)]) in {1, 2}
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()
