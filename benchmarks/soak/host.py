"""One process that hosts: it starts executions, and can be killed at any instruction.

    python -m benchmarks.soak.host DIRECTORY NAME CLIENTS SEED

With no clients it ends when every execution in the log has.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import actorflow as af
from benchmarks.soak import load
from benchmarks.soak.ledger import Ledger

UNFINISHED = ("queued", "running", "suspended", "paused")


def client(rt: af.Runtime, name: str, chance: Random) -> None:
    """Start one execution after the other, and wait for what comes of each."""
    for number in range(sys.maxsize):
        kind = chance.choice([*load.SORTS])
        sort, n = load.SORTS[kind], chance.randrange(100)
        execution_id = f"{kind}-{name}-{number}"
        run = rt.start(sort.flow, n=n, execution_id=execution_id)
        load.LEDGER[0].note("started", execution_id, "", 0, n)
        load.LEDGER[0].note("ended", execution_id, "", 0, outcome(run))


def outcome(run: af.ExecutionHandle) -> Any:
    """Return what an execution came to, as its user sees it."""
    try:
        return run.result(timeout=600)
    except af.ExecutionFailed:
        return "failed"


def main() -> None:
    """Host, until killed or until there is nothing left to do."""
    directory, name, clients, seed = sys.argv[1:]
    load.LEDGER.append(Ledger(Path(directory) / "ledger", name))
    flows = [sort.flow for sort in load.SORTS.values()]
    with af.Runtime(Path(directory) / "log.db", definitions=flows) as rt:
        load.LEDGER[0].note("up")
        for number in range(int(clients)):
            chance = Random(f"{seed} {name} {number}")
            words = (rt, f"{name}-{number}", chance)
            threading.Thread(target=client, args=words, daemon=True).start()
        while int(clients) or rt.list(status=UNFINISHED, limit=1):
            time.sleep(0.1)


if __name__ == "__main__":
    main()
