"""What several processes do at once on one log; shared by tests and the processes.

python -m tests.acceptance.together ROLE DB
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import actorflow as af
from actorflow.actors.clock import SystemClock

ID = "one"
MANY = 20


class Later(SystemClock):
    """A clock by which every lease that others hold has run out."""

    def time(self) -> float:
        """Return a time in an hour."""
        return super().time() + 3600


class Stage:
    """A log, a diary beside it, and a workflow that writes into the diary."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self._diary = db.with_name("diary")

    @property
    def diary(self) -> list[str]:
        """What has been written, by whatever process."""
        return self._diary.read_text().split() if self._diary.exists() else []

    def workflow(self, *, ask: bool = False) -> af.Workflow:
        """Return a workflow of one step that notes its idempotency key.

        Args:
            ask: wait for a line on standard input in the middle of it.
        """

        def work(ctx: af.ActivityContext) -> str:
            with self._diary.open("a") as file:
                file.write(f"{ctx.idempotency_key}\n")
            if ask:
                said("working")
                asked()
            return "done"

        step = af.Step("work", activity=work, store="result")
        return af.Workflow(name="together", steps=[step], result="result")


def said(text: object) -> None:
    """Tell the test something."""
    print(text, flush=True)  # noqa: T201 - the test reads it


def asked() -> str:
    """Wait for the test to say something."""
    return sys.stdin.readline()


def sleeper(stage: Stage) -> None:
    """Run the workflow; be stopped in its middle; tell what came of it."""
    flow = stage.workflow(ask=True)
    with af.Runtime(stage.db, definitions=[flow]) as rt:
        run = rt.start(flow, execution_id=ID)
        said(run.result(timeout=50))


def crowd(stage: Stage) -> None:
    """Fork many processes that start one id at once, and tell how each fared."""
    flow = stage.workflow()
    gate, opener = os.pipe()
    children = []
    for _ in range(MANY):
        if (child := os.fork()) == 0:
            os.close(opener)
            os.read(gate, 1)  # until all are there, and the other end is closed
            os._exit(_start(stage.db, flow))
        children.append(child)
    os.close(opener)
    said([os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children])


def _start(db: Path, flow: Any) -> int:
    """Return 0 if this process has started the execution, 1 if another had."""
    with af.Runtime(db, definitions=[flow]) as rt:
        try:
            rt.start(flow, execution_id=ID, on_conflict="fail")
        except af.ExecutionExistsError:
            first = False
        else:
            first = True
        same = rt.start(flow, execution_id=ID).result(timeout=50) == "done"
        return 2 if not same else int(not first)


if __name__ == "__main__":
    {"sleeper": sleeper, "crowd": crowd}[sys.argv[1]](Stage(Path(sys.argv[2])))
