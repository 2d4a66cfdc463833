"""What the tests of flows share: small nodes, a diary, and running to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime


class Diary:
    """What was called, in order; it outlives every runtime."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def __len__(self) -> int:
        return len(self.lines)

    def noting(self, name: str, result: Any = None) -> af.Activity[[], Any]:
        """Make an activity that writes down its name and returns *result*."""

        def function() -> Any:
            self.lines.append(name)
            return result

        return af.activity(name=name)(function)

    def echo(self, value: Any) -> Any:
        """Write *value* down and return it."""
        self.lines.append(value)
        return value


class Ailing:
    """An activity that fails for some values until it is healed; it notes each call."""

    def __init__(self, *bad: Any) -> None:
        self.bad = bad
        self.seen: list[Any] = []
        self.__name__ = "ailing"

    def __call__(self, value: Any) -> Any:
        """Return *value*, or fail because of it."""
        self.seen.append(value)
        if value in self.bad:
            raise ValueError(f"{value} is bad")
        return value

    def heal(self) -> None:
        """Fail no more, and forget the calls so far."""
        self.bad = ()
        self.seen.clear()


def double(value: int) -> int:
    """Return twice the value."""
    return value * 2


def increment(value: int | None) -> int:
    """Return one more; nothing counts as zero."""
    return (value or 0) + 1


def echo(value: Any) -> Any:
    """Return what was given."""
    return value


def boom() -> None:
    """Fail."""
    raise ValueError("something broke")


def returning(name: str, result: Any = None) -> af.Activity[[], Any]:
    """Make an activity called *name* that returns *result*."""
    return af.activity(name=name)(lambda: result)


def failing(name: str, message: str | None = None) -> af.Activity[[], Any]:
    """Make an activity called *name* that fails."""

    def function() -> Any:
        raise ValueError(message or f"{name} broke")

    return af.activity(name=name)(function)


def finish(flow: Any, **inputs: Any) -> af.ExecutionResult:
    """Run *flow* in virtual time until it ends or rests."""
    with runtime(flow) as rt:
        return rt.start(flow, **inputs).wait()


def output(flow: Any, **inputs: Any) -> Any:
    """Run *flow* in virtual time to its end; return its output."""
    with runtime(flow) as rt:
        return rt.start(flow, **inputs).result()


def failure(flow: Any, **inputs: Any) -> af.Failure:
    """Run *flow* in virtual time; return why it failed."""
    result = finish(flow, **inputs)

    assert result.status == "failed"
    assert result.error is not None
    return result.error


def problems(make: Callable[[], Any]) -> tuple[str, ...]:
    """Return the problems of a definition."""
    with pytest.raises(af.DefinitionError) as caught:
        make()
    return caught.value.problems


def events(run: af.ExecutionHandle, kind: str) -> list[af.Recorded]:
    """Return the recorded events of one class, by the class's name."""
    return [r for r in run.history() if type(r.event).__name__ == kind]
