"""Does a kill at any moment leave the same report?  As often as you like.

The demonstration's workflow runs once undisturbed; then it is killed at random numbers
of recorded events, from before the log exists to after the last file, and run again.
Every claim of the demonstration must hold each time.

    python benchmarks/kill_demo.py --kills 50 --seed 1
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from attrs import define, field

from actorflow.cli.demo_check import Snapshot, Verdict, expected_report, judge, snapshot
from actorflow.cli.demo_stage import Stage, Watcher, play
from actorflow.cli.demo_workflow import Report, sources_in


@define
class Tally:
    """What happened over all kills."""

    kills: int = 0
    late: int = 0
    again: list[int] = field(factory=list)
    seconds: list[float] = field(factory=list)
    broken: list[str] = field(factory=list)


def run_once(
    stage: Stage, files: list[str], expected: Report, kill_at: int | None
) -> tuple[int, Snapshot | None, Verdict]:
    """Run, kill when *kill_at* events are recorded, run again; return what came."""
    watcher, killed = Watcher(stage.db), None
    try:
        if kill_at is not None:
            child = play(
                stage,
                watcher,
                kill_when=lambda seen: seen.events >= kill_at,
                show=lambda _: None,
            )
            killed = snapshot(stage, watcher) if child else None
        if kill_at is None or killed is not None:
            play(stage, watcher, kill_when=lambda _: False, show=lambda _: None)
        verdict = judge(stage, files, watcher, killed, expected)
        return watcher.events, killed, verdict
    finally:
        watcher.close()


def main() -> int:
    """Run the loop; return 1 if anything did not hold."""
    options = parsed()
    root, workers = options.dir.resolve(), options.workers
    files = sources_in(str(root))
    expected = expected_report(root, files, workers)
    chance, tally = Random(options.seed), Tally()
    print(f"{platform.python_version()}, {os.cpu_count()} cores; {len(files)} files")
    with tempfile.TemporaryDirectory() as scratch:
        total, _, verdict = run_once(
            new_stage(scratch, 0, root, workers), files, expected, None
        )
        print(f"undisturbed: {total} events, holds: {verdict.holds}")
        while tally.kills < options.kills and tally.late <= options.kills:
            number = tally.kills + tally.late + 1
            stage = new_stage(scratch, number, root, workers)
            one_kill(stage, files, expected, chance.randrange(total), tally)
    print(f"{tally.kills} kills, {tally.late} came too late, seed {options.seed}")
    print(f"activities that ran again: {sum(tally.again)}, at most {max(tally.again)}")
    print(f"seconds a round: median {statistics.median(tally.seconds):.2f}")
    for problem in tally.broken:
        print(problem)
    same = not tally.broken and verdict.holds
    print("always the same report" if same else "NOT ALWAYS THE SAME")
    return 0 if same else 1


def one_kill(
    stage: Stage, files: list[str], expected: Report, kill_at: int, tally: Tally
) -> None:
    """Kill once; count what came of it."""
    began = time.perf_counter()
    _, killed, verdict = run_once(stage, files, expected, kill_at)
    tally.seconds.append(time.perf_counter() - began)
    tally.again.append(verdict.twice + verdict.more)
    if killed is None:
        tally.late += 1
    else:
        tally.kills += 1
    failed = [claim.text for claim in verdict.claims if not claim.holds]
    if failed:
        at = killed.events if killed else "never"
        tally.broken.append(f"kill at event {kill_at} ({at}): not so: {failed}")
    print(f"  at {kill_at:>5}: {verdict.twice} ran twice", flush=True)


def new_stage(scratch: str, number: int, root: Path, workers: int) -> Stage:
    """Return a place of its own for each round."""
    db = Path(scratch) / f"{number}.db"
    return Stage(root, db, db.with_suffix(".ledger"), workers)


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dir", type=Path, default=Path(os.__file__).parent / "email")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
