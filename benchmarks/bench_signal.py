"""How long from a signal to the next step's record, if the execution sleeps on disk?

    python -m benchmarks.bench_signal [--quick] [--json] [--durability process]

The execution waits for a signal and has left memory: it is claimed, replayed, told, and
runs a step. The floor commits one row. The same for one that has stayed in memory.
"""

from __future__ import annotations

import time
from queue import SimpleQueue
from statistics import median

import actorflow as af
from actorflow.model.events import ActivationCompleted, Recorded, WaitStarted
from benchmarks.common import Figure, Floor, Options, floor_in, report

SIGNALS = 20
"""In a round; each makes the history longer by some events, as life does."""


def work() -> None:
    """Do nothing."""


PING = af.Workflow(
    "ping",
    steps=[
        af.Step("wait", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("work")]),
        af.Step("work", activity=work, next=[af.Edge("wait")]),
    ],
)


class Watch:
    """Notes when a step was recorded, and when the next wait was."""

    def __init__(self) -> None:
        self.recorded: SimpleQueue[float] = SimpleQueue()
        self.waiting: SimpleQueue[None] = SimpleQueue()

    def __call__(self, _: str, event: Recorded) -> None:
        """Take in an event that is durable."""
        if isinstance(event.event, WaitStarted):
            self.waiting.put(None)
        elif event.address == "main/work" and _is_end(event):
            self.recorded.put(time.perf_counter())


def _is_end(event: Recorded) -> bool:
    return isinstance(event.event, ActivationCompleted)


def measure(options: Options) -> list[Figure]:
    """Signal an execution on disk, then one in memory."""
    with floor_in(options) as floor:
        return [
            _latency(options, floor, "on disk", resting=0),
            _latency(options, floor, "in memory", resting=1_000),
        ]


def _latency(options: Options, floor: Floor, place: str, *, resting: int) -> Figure:
    figure, watch = Figure(f"signal to record, {place}", "ms"), Watch()
    path = options.directory / f"{resting}.db"
    with af.Runtime(
        path,
        [PING],
        durability=options.durability,
        max_resting=resting,
        on_event=watch,
    ) as rt:
        for _ in range(options.rounds):
            run = rt.start(PING)
            watch.waiting.get()
            raw = floor.commits(SIGNALS)
            rest = [_signalled(rt, run, watch, resting) for _ in range(SIGNALS)]
            raw = (raw + floor.commits(SIGNALS)) / 2
            figure.add(median(rest) * 1e3, raw / SIGNALS * 1e3)
    return figure


def _signalled(
    rt: af.Runtime, run: af.ExecutionHandle, watch: Watch, resting: int
) -> float:
    """Return the seconds from a signal to the record of the step behind the wait."""
    while not resting and rt.row(run.id).owner is not None:
        time.sleep(0.001)  # until it has left memory and given up its stream
    began = time.perf_counter()
    run.signal("go")
    took = watch.recorded.get() - began
    watch.waiting.get()
    return took


if __name__ == "__main__":
    report(__doc__, measure)
