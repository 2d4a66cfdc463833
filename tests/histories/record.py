"""Writes the log of this version, if there is none yet.

    python -m tests.histories.record

It is written once, when the format of the log has changed, and is never written again:
``VERSION.sql`` is the log as SQL, ``VERSION.json`` how its executions ended.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from actorflow.actors.clock import VirtualClock
from actorflow.log.codec import Codec
from actorflow.log.schema import VERSION
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import runtime
from tests.histories.definitions import RUNS
from tests.histories.playing import ending, finish

HERE = Path(__file__).parent


def record(path: Path) -> dict[str, list[object]]:
    """Run everything on a log at *path*; return how it ended."""
    clock = VirtualClock()
    definitions = [run.definition for run in RUNS.values()]
    ends = {}
    log = SQLiteLog(path, codec=Codec(), clock=clock.time, owner_label="recorder")
    with runtime(*definitions, log=log, clock=clock, seed=0) as rt:
        for name, run in RUNS.items():
            handle = rt.start(run.definition, execution_id=name, **run.inputs)
            ends[name] = ending(finish(handle, run))
        for name, run in RUNS.items():  # and one that rests somewhere on its way
            handle = rt.start(run.definition, execution_id=f"{name}-open", **run.inputs)
            handle.wait()
    return ends


def main() -> None:
    """Write both files."""
    target = HERE / f"{VERSION}.sql"
    if target.exists():
        raise SystemExit(f"{target.name} is there, and stays as it is")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        ends = record(path)
        with closing(sqlite3.connect(path)) as connection:
            lines = [
                f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};"
                for name in ("application_id", "user_version")
            ]
            lines += connection.iterdump()
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target.with_suffix(".json").write_text(json.dumps(ends, indent=1) + "\n")


if __name__ == "__main__":
    main()
