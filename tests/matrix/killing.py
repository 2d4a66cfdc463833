"""Kills real processes at every write of a real file, and lets others go on.

    python -m tests.matrix.killing "large order"

This process only forks: one child runs the example and is killed by SIGKILL just
before, or just after, its n-th write; another one opens the file and comes to the end.
The last line it prints is a JSON object of what was tried.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import actorflow as af
from actorflow.log.codec import Codec
from actorflow.log.port import Write
from actorflow.log.sqlite import SQLiteLog
from tests.matrix.examples import EXAMPLES, workflow

RUN, WAIT = "example", 20.0


class DeadlyLog(SQLiteLog):
    """A log whose process is killed at its *at*-th write, before or after it."""

    at, after, writes = 0, False, 0

    def write(self, batch: Sequence[Write]) -> None:
        """Write, and be killed if it is time."""
        self.writes += 1
        if self.writes == self.at and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(batch)
        if self.writes == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def run(name: str, path: Path, at: int, *, after: bool) -> str:
    """Run an example to its end; return what it ended with, and its writes."""
    module, inputs, signals = EXAMPLES[name]
    definition = workflow(name)
    log = DeadlyLog(path, codec=Codec(), lease=10.0)
    log.at, log.after = at, after
    with af.Runtime(log, [definition], module.ACTIVITIES) as rt:
        execution = rt.start(definition, execution_id=RUN, **inputs)
        result = execution.wait(timeout=WAIT)
        while result.suspension is not None:
            for topic in result.suspension.topics:
                execution.signal(topic, signals[topic], key=topic)
            result = execution.wait(timeout=WAIT)
        events = execution.history()
    if [e.seq for e in events] != list(range(1, len(events) + 1)):
        raise AssertionError("a gap")
    return json.dumps([result.status, repr(result.output), log.writes])


def in_child(call: Callable[[], str]) -> tuple[int, str]:
    """Run *call* in a forked process; return its exit status and what it returned."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.write(write, call().encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def kill_everywhere(name: str, folder: Path) -> dict[str, Any]:
    """Kill at every write, before and after; compare the ends.

    Raises:
        AssertionError: an execution ended otherwise, or could not go on.
    """
    code, text = in_child(partial(run, name, folder / "whole.db", 0, after=False))
    assert code == 0, text
    *expected, writes = json.loads(text)
    kills = 0
    for at in range(1, writes + 1):
        for after in (False, True):
            path = folder / f"{at}-{after}.db"
            code, _ = in_child(partial(run, name, path, at, after=after))
            if code == 0:
                continue  # its writes were gathered otherwise: it came to the end
            assert code == -signal.SIGKILL, (at, after, code)
            kills += 1
            code, text = in_child(partial(run, name, path, 0, after=False))
            assert code == 0, (at, after)
            assert json.loads(text)[:2] == expected, (at, after, text, expected)
    return {"example": name, "writes": writes, "kills": kills, "end": expected[0]}


def main(names: Sequence[str]) -> None:
    """Kill each of the examples everywhere."""
    for name in names or list(EXAMPLES):
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(kill_everywhere(name, Path(folder))))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
