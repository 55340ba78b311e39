"""``python -m tests.chaos --seed 1 --minutes 10``: faults on real processes, and a checker that trusts nobody.

Exit code 1 when a promise was broken. The same seed gives the same faults; the journals of broken rounds are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from .campaign import Campaign, run
from .openers import MUTATIONS
from .plan import WORKLOADS


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the faults and the workloads")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, help="for journals and histories; default runs/chaos-<seed>-<time>")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--shards", type=int, default=1, help="boards of each swarm")
    parser.add_argument("--lanes", type=int, default=2, help="rounds at a time")
    parser.add_argument("--keep", action="store_true", help="keep the journals of clean rounds too")
    parser.add_argument("--no-drivers", action="store_true", help="let drivers live")
    parser.add_argument("--rpc", choices=("mixed", "failing", "sound"), default="mixed", help="calls between processes")
    parser.add_argument("--mutation", choices=sorted(MUTATIONS), default="", help="break a promise on purpose")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else, on stdout")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder or Path("runs") / f"chaos-{chosen.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    out = sys.stderr if chosen.json else sys.stdout
    campaign = Campaign(
        seed=chosen.seed,
        seconds=chosen.minutes * 60,
        folder=folder.absolute(),
        mutation=chosen.mutation,
        lanes=chosen.lanes,
        shards=chosen.shards,
        workloads=tuple(chosen.workloads),
        keep=chosen.keep,
        drivers=not chosen.no_drivers and not chosen.mutation,
        rpc=chosen.rpc,
    )
    report = run(campaign, lambda text: print(text, file=out, flush=True))
    print(report.table(), file=out)
    if report.violations:
        print(f"{len(report.violations)} violations; journals and histories: {folder}", file=out)
        more = f" SHARDS={chosen.shards}" if chosen.shards > 1 else ""
        more += f" MUTATION={chosen.mutation}" if chosen.mutation else ""
        print(f"replay the faults: make chaos SEED={chosen.seed} MINUTES={chosen.minutes:g}{more}", file=out)
    if chosen.json:
        print(json.dumps(report.to_plain()))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
