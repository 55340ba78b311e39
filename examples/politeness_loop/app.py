"""The app: runs it once or many times, and tells what became of the loop and of the work."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import Field

from stigmergy.runtime.app import App, Options, Outcome, Stage, Table

from .run import Loop, Run, run


class PolitenessOptions(Options):
    """What can be chosen."""

    runs: int = Field(default=1, ge=1, le=1_000, description="Runs, one after another: seed, seed + 1, ...")


async def main(options: PolitenessOptions, stage: Stage) -> Outcome:
    """Run it."""
    runs: list[Run] = []
    while len(runs) < options.runs and (not runs or _stop_reason(runs[-1]) == "done"):
        before, seed = len(runs), stage.seed + len(runs)

        def watch(done: int, total: int, before: int = before, seed: int = seed) -> None:
            stage.progress(before * total + done, options.runs * total, f"invoices, seed {seed}")

        runs.append(await run(stage, seed, watch))
    last, stop = runs[-1], _stop_reason(runs[-1])
    report = {
        **_plain(last),
        "caught": sum(each.loop is not None for each in runs),
        "unharmed": sum(each.work.unharmed for each in runs),
        "runs": [_plain(each) for each in runs],
        "messages": sum(each.figures.messages for each in runs),
        "stop_reason": stop,
        "journal": last.figures.journal,
    }
    notes = [last.loop.exchange] if last.loop is not None else ["nobody stopped the loop"]
    if last.figures.stop_text:
        notes.append(f"stopped early: {last.figures.stop_text}")
    return Outcome(report, (_table(runs),), tuple(notes), stop)


def _stop_reason(last: Run) -> str:
    """Why a run ended. A quarantine ends a conversation, not the swarm."""
    return last.figures.stop_reason or "done"


def _plain(each: Run) -> dict[str, object]:
    loop = None if each.loop is None else asdict(each.loop)
    work = {**asdict(each.work), "unharmed": each.work.unharmed}
    return {"seed": each.seed, "loop": loop, "work": work, "digest": each.figures.digest}


def _table(runs: list[Run]) -> Table:
    columns = ("seed", "loop stopped after", "who", "why", "dead letters", "invoices checked", "corrected", "messages")
    return Table("A loop and honest work, side by side", columns, tuple(_row(each) for each in runs))


def _row(each: Run) -> tuple[str, ...]:
    work = each.work
    checked = f"{work.passed} of {work.invoices}" + (f", {work.complaints} complaints" if work.complaints else "")
    return str(each.seed), *_loop_cells(each.loop), checked, str(work.corrected), str(work.messages)


def _loop_cells(loop: Loop | None) -> tuple[str, str, str, str]:
    if loop is None:
        return "never", "-", "-", "-"
    return f"{loop.quarantined_after} messages", " and ".join(loop.agents), loop.reason, str(loop.dead_letters)


app = App(
    name="politeness_loop",
    summary="Two agents that cannot stop thanking each other, beside two that check invoices",
    options=PolitenessOptions,
    main=main,
)
