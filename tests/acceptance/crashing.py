"""Workflows whose activities can kill their process; shared by test and victim."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import actorflow as af
from tests.acceptance.helpers import WAIT

RUN = "run"


class Scene:
    """A folder with a log, a diary that outlives the process, and a trigger.

    Args:
        folder: where it all is.
    """

    def __init__(self, folder: Path) -> None:
        self.db = folder / "log.db"
        self._diary = folder / "diary"
        self._armed = folder / "armed"

    def arm(self) -> None:
        """Let the next `die` be the death of its process."""
        self._armed.touch()

    def note(self, text: str) -> str:
        """Write a line into the diary."""
        with self._diary.open("a") as file:
            file.write(f"{text}\n")
        return text

    @property
    def diary(self) -> list[str]:
        """What has been written, by whatever process."""
        return self._diary.read_text().split() if self._diary.exists() else []

    def die(self) -> None:
        """Kill this process, once, without any cleaning up."""
        if self._armed.exists():
            self._armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    # -- the workflows -----------------------------------------------------------------

    def _noting(self, name: str, *, deadly: bool = False) -> Callable[[], str]:
        def function() -> str:
            self.note(name)
            if deadly:
                self.die()
            return name

        function.__name__ = name
        return function

    def chain(self) -> af.Workflow:
        """Return a, b, c, d, of which d is deadly."""
        names = ["a", "b", "c", "d"]
        steps = [
            af.Step(
                name,
                activity=self._noting(name, deadly=name == "d"),
                store=name,
                next=[af.Edge(after)] if after else [],
            )
            for name, after in zip(names, [*names[1:], None], strict=True)
        ]
        return af.Workflow(name="chain", steps=steps, result="*")

    def mapping(self) -> af.Workflow:
        """Return a map over 0 to 9, one after the other, of which 6 is deadly."""

        def visit(n: int) -> int:
            self.note(str(n))
            if n == 6:
                self.die()
            return n * n

        return af.Workflow(
            name="mapping",
            steps=[
                af.Step(
                    "each",
                    map=af.Map(over=[*range(10)], activity=visit, max_concurrency=1),
                    store="squares",
                )
            ],
            result="squares",
        )

    def recording(self) -> af.Workflow:
        """Return an activity that charges, records that, and dies."""

        def pay(ctx: af.ActivityContext) -> str:
            receipt = ctx.record("charge", self.note, "charge")
            self.note(f"try-{ctx.idempotency_key}")
            self.die()
            return str(receipt)

        return af.Workflow(
            name="recording",
            steps=[af.Step("pay", activity=pay, store="x")],
            result="x",
        )

    def signalled(self) -> af.Workflow:
        """Return a wait for a signal, and a deadly step behind it."""
        return af.Workflow(
            name="signalled",
            steps=[
                af.Step(
                    "wait",
                    wait_signal=af.WaitSignal(topic="go", store="reply"),
                    next=[af.Edge("act")],
                ),
                af.Step("act", activity=self._noting("act", deadly=True)),
            ],
            result="reply",
        )

    def forked(self) -> af.Workflow:
        """Return two branches and a join; one of them dies when the other is done."""
        return af.Workflow(
            name="forked",
            steps=[
                af.Step(
                    "s",
                    activity=self._noting("s"),
                    next=[
                        af.Edge("left", branch="l"),
                        af.Edge("wait", branch="r"),
                        af.Edge("j", branch="final"),
                    ],
                ),
                af.Step("left", activity=self._noting("left"), store="x"),
                af.Step(
                    "wait",
                    wait_signal=af.WaitSignal(topic="go"),
                    next=[af.Edge("right")],
                ),
                af.Step(
                    "right", activity=self._noting("right", deadly=True), store="x"
                ),
                af.Step(
                    "j",
                    join=af.Join(
                        branches=["l", "r"], mappings={"l.x": "l", "r.x": "r"}
                    ),
                    next=[af.Edge("end")],
                ),
                af.Step("end", activity=self._noting("end")),
            ],
            outputs=[
                af.Output("l", branch="final"),
                af.Output("r", branch="final"),
            ],
        )


def victim(folder: str, workflow: str, topic: str | None, last: int | None) -> None:
    """Run a workflow in this process, which may not live to see its end.

    Args:
        folder: of the `Scene`.
        workflow: the method of `Scene` that makes it.
        topic: a signal to send when the execution rests.
        last: the seq of the event after which to die.
    """
    scene = Scene(Path(folder))
    wf: af.Workflow = getattr(scene, workflow)()

    def watch(_: str, recorded: af.Recorded) -> Any:
        if recorded.seq == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with af.Runtime(scene.db, definitions=[wf], on_event=watch) as rt:
        run = rt.start(wf, execution_id=RUN)
        if topic is not None:
            run.wait(timeout=WAIT)
            run.signal(topic, "hello")
        run.result(timeout=WAIT)
    sys.exit("it should have died")
