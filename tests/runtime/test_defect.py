"""What a defect of the engine's own looks like from outside."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.log.port import EXECUTION
from actorflow.model import events as ev
from actorflow.model.fold import apply as sound
from actorflow.runtime import run as runs
from actorflow.runtime.errands import Fetch
from actorflow.runtime.fanout import FanActor
from actorflow.testing import runtime


@af.activity
def double(x: int) -> int:
    """Return twice the value."""
    return x * 2


OVER = range(20)
FLOW = af.Flow("flow").map("y", double, over=[*OVER]).output("y").build()


def _broken(times: int) -> Any:
    """Return a fold that raises the first *times* that an activation completes."""
    left = [times]

    def apply(state: Any, recorded: Any) -> None:
        if isinstance(recorded.event, ev.ActivationCompleted) and left[0]:
            left[0] -= 1
            raise ZeroDivisionError("a defect of the fold")
        sound(state, recorded)

    return apply


def test_an_event_that_cannot_be_applied_takes_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next event has it; there is no gap that would hide what was wrong."""
    flow = af.Flow("flow").wait_signal("go").build()
    runs_seen: list[Any] = []
    with runtime(flow) as rt:
        rt._services.changed = lambda run, _: runs_seen.append(run)
        rt.start(flow).wait()
        head = runs_seen[-1].stream.head
        with monkeypatch.context() as patched:
            patched.setattr(runs, "apply", _broken(1))
            with pytest.raises(ZeroDivisionError):
                runs_seen[-1].record_one("main/go", ev.ActivationCompleted())
        assert runs_seen[-1].stream.head == head


def test_an_execution_outlives_a_defect_that_does_not_stay(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the execution is loaded anew and goes on."""
    monkeypatch.setattr(runs, "apply", _broken(1))
    with runtime(FLOW) as rt:
        assert rt.start(FLOW).result() == [x * 2 for x in OVER]
    assert "a defect of the fold" in caplog.text


def test_a_defect_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it stays, the execution fails with the defect, not with its consequences."""
    monkeypatch.setattr(runs, "apply", _broken(100))
    with runtime(FLOW) as rt:
        error = rt.start(FLOW).wait().error
        assert error is not None
        assert error.type == "engine"
        assert "a defect of the fold" in error.message


def test_a_defect_as_an_actor_begins_is_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The execution is loaded anew; its actors are not begun again one by one."""
    begin, left = FanActor.on_start, [1]

    def on_start(actor: FanActor) -> None:
        if left:
            left.pop()
            raise ZeroDivisionError("a defect as it begins")
        begin(actor)

    monkeypatch.setattr(FanActor, "on_start", on_start)
    with runtime(FLOW) as rt:
        assert rt.start(FLOW).result() == [x * 2 for x in OVER]
    assert "execution flow-" in caplog.text
    assert "a defect as it begins" in caplog.text


@pytest.mark.parametrize("seed", range(12))
def test_what_was_posted_meanwhile_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """A command of another process that waited behind a defect is read again, once."""
    flow = af.Flow("flow").wait_signal("begin").map("y", double, over=[1])
    flow.wait_signal("go", into="a", name="a").wait_signal("go", into="b", name="b")
    begin, left = FanActor.on_start, ["one", "two"]

    def on_start(actor: FanActor) -> None:
        if not left:
            return begin(actor)
        while left:
            signal = {"topic": "go", "payload": left.pop(0)}
            rt.log.post(EXECUTION, "it", "signal", signal)
        rt._directory.put(Fetch())
        raise ZeroDivisionError("a defect, and two signals behind it")

    monkeypatch.setattr(FanActor, "on_start", on_start)
    with runtime(built := flow.output("a", "b").build(), seed=seed) as rt:
        execution = rt.start(built, execution_id="it")
        execution.wait()
        execution.signal("begin")
        assert execution.result() == {"a": "one", "b": "two"}
        assert not rt.log.inbox()
