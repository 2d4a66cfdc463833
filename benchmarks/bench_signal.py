"""How long from a signal to the next step's record, if the execution sleeps on disk?

    python -m benchmarks.bench_signal [--quick] [--json FILE] [--durability process]

The execution waits for a signal and has left memory: it is claimed, replayed, told, and
runs a step. The same for one that has stayed in memory, and for one on disk that is
signalled by another process, which has no definition of it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import SimpleQueue
from statistics import median

import actorflow as af
from actorflow.model.events import ActivationCompleted, Recorded, WaitStarted
from benchmarks.common import Figure, Options, floor_in, report

Signal = Callable[[str], float]
"""Signals the execution of that id; returns when it began to."""
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
        commit = Figure("one row committed by SQLite", "ms")
        for _ in range(options.rounds):
            commit.add(floor.commits(SIGNALS) / SIGNALS * 1e3)
    return [
        _latency(options, "on disk", here, goal=5.0),
        _latency(options, "in memory", here, resting=1_000),
        _latency(options, "from elsewhere", another_process, goal=50.0),
        commit,
    ]


def _latency(
    options: Options,
    place: str,
    signalling: Callable[[af.Runtime, Path], AbstractContextManager[Signal]],
    *,
    resting: int = 0,
    goal: float | None = None,
) -> Figure:
    figure, watch = Figure(f"signal to record, {place}", "ms", goal=goal), Watch()
    path = options.directory / f"{place}.db"
    with (
        af.Runtime(
            path,
            [PING],
            durability=options.durability,
            max_resting=resting,
            on_event=watch,
        ) as rt,
        signalling(rt, path) as signal,
    ):
        for _ in range(options.rounds):
            run = rt.start(PING)
            watch.waiting.get()
            rest = [_signalled(rt, run, watch, signal, resting) for _ in range(SIGNALS)]
            figure.add(median(rest) * 1e3)
    return figure


def _signalled(
    rt: af.Runtime,
    run: af.ExecutionHandle,
    watch: Watch,
    signal: Signal,
    resting: int,
) -> float:
    """Return the seconds from a signal to the record of the step behind the wait."""
    while not resting and rt.row(run.id).owner is not None:
        time.sleep(0.001)  # until it has left memory and given up its stream
    began = signal(run.id)
    took = watch.recorded.get() - began
    watch.waiting.get()
    return took


@contextmanager
def here(rt: af.Runtime, _: Path) -> Iterator[Signal]:
    """Signal in this process."""

    def signal(execution_id: str) -> float:
        began = time.perf_counter()
        rt.signal(execution_id, "go")
        return began

    yield signal


@contextmanager
def another_process(_: af.Runtime, path: Path) -> Iterator[Signal]:
    """Let another process signal; the system's clock is one for both."""
    command = [sys.executable, "-m", "benchmarks.bench_signal", "signaller", str(path)]
    with subprocess.Popen(  # noqa: S603 - our own
        command,
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        to, back = process.stdin, process.stdout
        assert to is not None
        assert back is not None

        def signal(execution_id: str) -> float:
            print(execution_id, file=to, flush=True)
            return float(back.readline())

        yield signal
        to.close()


def signaller(path: str) -> None:
    """Signal the executions whose ids are read; print when each was."""
    with af.Runtime(path) as rt:
        for line in sys.stdin:
            began = time.perf_counter()
            rt.signal(line.strip(), "go")
            print(began, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["signaller"]:
        signaller(sys.argv[2])
    else:
        report(__doc__, measure)
