"""What every acceptance test needs: small activities, and running to the end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest

import actorflow as af

T = TypeVar("T")
WAIT = 20.0  # seconds before a test that hangs says so; no test comes near


class Calls:
    """An activity's diary: what it was called with, in order, over restarts too."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, value: T) -> T:
        """Write *value* down, and return it."""
        self.seen.append(value)
        return value

    def __len__(self) -> int:
        return len(self.seen)


def echo(value: Any) -> Any:
    """Return what was given."""
    return value


def double(value: int) -> int:
    """Return twice the value."""
    return value * 2


def boom() -> None:
    """Fail."""
    raise ValueError("something broke")


def answering(result: Any, name: str = "answer") -> af.Activity:
    """Make an activity called *name* that returns *result*."""
    return af.activity(name=name)(lambda: result)


def calling(calls: Calls, what: str, result: Any = None) -> Callable[[], Any]:
    """Make a function of the name *what* that writes it down and returns *result*."""

    def function() -> Any:
        calls(what)
        return result

    function.__name__ = what
    return function


def finish(
    workflow: af.Workflow, activities: Iterable[Any] = (), **inputs: Any
) -> af.ExecutionResult:
    """Run *workflow* on a log in memory until it ends or rests."""
    with af.Runtime(":memory:", definitions=[workflow], activities=activities) as rt:
        return rt.start(workflow, **inputs).wait(timeout=WAIT)


def variables(
    workflow: af.Workflow, activities: Iterable[Any] = (), **inputs: Any
) -> dict[str, Any]:
    """Run *workflow* to its end; return the variables of its first branch."""
    with af.Runtime(":memory:", definitions=[workflow], activities=activities) as rt:
        run = rt.start(workflow, **inputs)
        run.result(timeout=WAIT)
        return dict(rt.state(run.id).variables)


def branches(
    workflow: af.Workflow, activities: Iterable[Any] = (), **inputs: Any
) -> dict[str, dict[str, Any]]:
    """Run *workflow* to its end; return the variables of every branch."""
    with af.Runtime(":memory:", definitions=[workflow], activities=activities) as rt:
        run = rt.start(workflow, **inputs)
        run.result(timeout=WAIT)
        return {
            name: dict(branch.variables)
            for name, branch in rt.state(run.id).branches.items()
        }


def events(rt: af.Runtime, execution_id: str, kind: str) -> list[Any]:
    """Return the recorded events of one class, by the class's name."""
    return [r for r in rt.history(execution_id) if type(r.event).__name__ == kind]


def problems(make: Callable[[], Any]) -> str:
    """Return what a definition's error says."""
    with pytest.raises(af.DefinitionError) as caught:
        make()
    return str(caught.value)


def python(script: str) -> subprocess.CompletedProcess[str]:
    """Run *script* in a process of its own, which may kill itself."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=Path(af.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=WAIT / 2,
        check=False,
    )
