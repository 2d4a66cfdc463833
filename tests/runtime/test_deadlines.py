"""A timeout for a whole execution, and heartbeats for its activities."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

import actorflow as af
from actorflow.model.events import AttemptFailed as Failed
from actorflow.model.events import HeartbeatReceived as Beat
from actorflow.runtime.pulse import Pulse
from actorflow.testing import Simulation, runtime

WAIT = 20.0


def nap(seconds: float = 100, **options: Any) -> af.Flow:
    """Return a flow that sleeps."""
    return af.Flow("nap", **options).sleep(seconds).build()


class TestWhole:
    """The time an execution may take."""

    def test_of_the_definition(self) -> None:
        """What takes longer than its definition says fails with a timeout."""
        flow = nap(timeout="1m")

        with runtime(flow) as rt:
            run = rt.start(flow)
            rest = run.wait().suspension
            assert rest is not None
            assert rest.wake_at == rt.clock.time() + 60
            rt.clock.advance(59)
            assert run.status == "suspended"
            rt.clock.advance(1)
            result = run.wait()

            assert result.status == "failed"
            assert result.error is not None
            assert result.error.type == "timeout"
            assert result.error.message == "not ended within 60 s"

    def test_of_the_start(self) -> None:
        """A caller may give another."""
        flow = nap(timeout="1m")

        with runtime(flow) as rt:
            run = rt.start(flow, timeout=200)
            rt.clock.advance(150)
            assert run.status == "completed"

    def test_in_time(self) -> None:
        """What ends in time ends as ever, and nothing rings after it."""
        flow = nap(10, timeout="1m")

        with runtime(flow) as rt:
            run = rt.start(flow)
            rt.clock.advance(1000)
            assert run.status == "completed"
            assert rt.row(run.id).wake_at is None

    def test_while_an_activity_waits(self) -> None:
        """An activity that waits is left."""
        begun: list[af.ActivityContext] = []

        def slow(ctx: af.ActivityContext) -> None:
            begun.append(ctx)
            ctx.wait_signal("never")

        flow = af.Flow("slow", timeout=5).then(slow).build()
        with runtime(flow) as rt:
            run = rt.start(flow)
            rt.clock.advance(6)
            assert run.status == "failed"

    def test_passivated(self) -> None:
        """An execution that has left memory is brought back to fail."""
        flow = af.Flow("wait", timeout=1000).wait_signal("go").build()

        with runtime(flow, passivate_after=5.0) as rt:
            run = rt.start(flow)
            run.wait()
            rt.clock.advance(60)
            assert rt.row(run.id).owner is None
            rt.clock.advance(1000)
            assert run.status == "failed"

    def test_paused_time_does_not_count(self) -> None:
        """A pause stops the clock."""
        flow = nap(50, timeout=60)

        with runtime(flow) as rt:
            run = rt.start(flow)
            rt.clock.advance(30)
            run.pause()
            rt.clock.advance(1000)
            assert run.status == "paused"
            run.resume()
            rt.clock.advance(25)
            assert run.status == "completed"

    def test_paused_step_does_not_count(self) -> None:
        """So does a step that pauses by itself."""
        flow = af.Flow("p", timeout=60).pause("look").sleep(50).build()

        with runtime(flow) as rt:
            run = rt.start(flow)
            rt.clock.advance(1000)
            run.resume()
            rt.clock.advance(55)
            assert run.status == "completed"

    def test_retry_has_the_whole_time_again(self) -> None:
        """A retried execution goes on where it was, with a fresh clock."""
        flow = nap(100, timeout=60)

        with runtime(flow) as rt:
            run = rt.start(flow)
            rt.clock.advance(61)
            assert run.status == "failed"
            run.retry()
            rt.clock.advance(59)
            assert run.status == "completed"

    def test_fork_has_the_whole_time_again(self) -> None:
        """A fork of what was too late is not too late at once."""
        flow = nap(100, timeout=60)

        with runtime(flow) as rt:
            rt.start(flow, execution_id="a")
            rt.clock.advance(90)
            fork = rt.fork("a", at=3, execution_id="b")
            rt.clock.advance(30)
            assert fork.status == "completed"

    def test_undoes_what_was_done(self) -> None:
        """A timeout is a failure like others: what was completed is undone."""
        undone: list[str] = []

        @af.activity
        def undo(result: str) -> None:
            undone.append(result)

        @af.activity(compensate=undo)
        def do() -> str:
            return "done"

        flow = af.Flow("f", timeout=60).then(do).sleep(100).build()
        with runtime(flow) as rt:
            run = rt.start(flow)
            rt.clock.advance(61)
            assert run.status == "failed"
            assert undone == ["done"]

    def test_of_a_child(self) -> None:
        """The timeout of a child's step is that of the child, in its own stream."""
        flow = af.Flow("p").child(nap(), name="c", timeout=60).build()

        with runtime(flow) as rt:
            run = rt.start(flow, execution_id="p")
            rt.clock.advance(61)
            error = run.wait().error

            assert error is not None
            assert error.type == "timeout"
            assert error.message == (
                "child execution 'p/main/c' failed: not ended within 60 s"
            )
            assert rt.get("p/main/c").status == "failed"

    def test_in_a_file(self) -> None:
        """A file says it in words."""
        text = "name: f\ntimeout: 1m\nsteps: [{name: s, sleep: 2m}]\n"
        flow = af.Workflow.loads(text)

        assert flow.timeout == 60
        assert af.Workflow.loads(flow.to_yaml()).timeout == 60

    @pytest.mark.parametrize("timeout", [0, -1])
    def test_nonsense(self, timeout: float) -> None:
        """A timeout that is over at once is refused, wherever it is given."""
        with pytest.raises(af.DefinitionError, match="timeout must be positive"):
            nap(timeout=timeout)
        with runtime(nap()) as rt, pytest.raises(af.SettingError, match="timeout"):
            rt.start("nap", timeout=timeout)

    def test_crash_everywhere(self) -> None:
        """A crash neither lengthens nor shortens it."""
        flow = af.Flow("f", timeout=60).sleep(10).sleep(100, name="late").build()

        Simulation(flow).crash_everywhere()


class TestHeartbeat:
    """Activities that have to show that they are alive."""

    def test_silence(self, tmp_path: Path) -> None:
        """An attempt that tells nothing is given up, and tried again."""
        over = Event()

        @af.activity(heartbeat_timeout=0.02, retry=af.Retry(initial=0))
        def work(ctx: af.ActivityContext) -> list[Any]:
            if ctx.attempt == 1:
                ctx.heartbeat({"page": 7})
                over.wait(WAIT)
            over.set()
            return [ctx.attempt, ctx.last_heartbeat]

        flow = af.Flow("f").then(work, into="x").output("x")
        with af.Runtime(tmp_path / "log.db", [flow], durability="process") as rt:
            run = rt.start(flow)
            assert run.result(timeout=WAIT) == [2, {"page": 7}]
            failed = next(e.event for e in run.stream() if isinstance(e.event, Failed))

        assert failed.error.type == "timeout"
        assert failed.error.message == "no heartbeat within 0.02 s"

    def test_signs_of_life(self) -> None:
        """Every sign of life begins the time anew."""
        with runtime(nap()) as rt:
            actor = Heard(rt)
            pulse = Pulse(actor, 10.0)  # type: ignore[arg-type]
            pulse.begin(actor.job)
            for _ in range(5):
                rt.clock.advance(6)
                pulse.beat()
                rt.clock.advance(4)
                assert not any(map(pulse.has_stopped, actor.taken()))
            rt.clock.advance(6)
            assert any(map(pulse.has_stopped, actor.taken()))

    def test_detail_survives_a_retry(self) -> None:
        """The next attempt knows what the one before it told last."""

        @af.activity(retry=af.Retry(initial=0))
        def work(ctx: af.ActivityContext) -> Any:
            known = ctx.last_heartbeat
            ctx.heartbeat((known or 0) + 1)
            if ctx.attempt < 3:
                raise ValueError("no")
            return [known, ctx.last_heartbeat]

        flow = af.Flow("f").then(work, into="x").output("x")
        with runtime(flow) as rt:
            assert rt.start(flow).result() == [2, 2]

    def test_detail_of_an_item(self) -> None:
        """Every item of a map has its own."""

        @af.activity(retry=af.Retry(initial=0))
        def work(ctx: af.ActivityContext, n: int) -> Any:
            known = ctx.last_heartbeat
            ctx.heartbeat(n)
            if ctx.attempt == 1:
                raise ValueError("no")
            return known

        flow = af.Flow("f").map("each", work, over=lambda _: [1, 2], into="x")
        with runtime(flow.output("x")) as rt:
            assert rt.start("f").result() == [1, 2]

    def test_what_is_recorded(self) -> None:
        """A beat that tells nothing new leaves no trace in the log."""

        @af.activity
        def work(ctx: af.ActivityContext) -> None:
            for detail in (None, "a", "a", None, "b"):
                ctx.heartbeat(detail)

        flow = af.Flow("f").then(work)
        with runtime(flow) as rt:
            run = rt.start(flow)
            run.result()
            told = [r.event for r in run.history() if isinstance(r.event, Beat)]

        assert told == [Beat("a"), Beat("b")]

    def test_crash_everywhere(self) -> None:
        """What was told and recorded is known after a crash."""

        @af.activity(heartbeat_timeout=60)
        def work(ctx: af.ActivityContext) -> str:
            ctx.heartbeat("half")
            return str(ctx.record("seen", lambda: "whole"))

        Simulation(af.Flow("f").then(work, into="x").output("x")).crash_everywhere()

    def test_nonsense(self) -> None:
        """What cannot be is refused where it is written."""
        with pytest.raises(af.DefinitionError) as caught:
            af.activity(heartbeat_timeout=-1, executor="process")(len)

        assert "heartbeat_timeout must be positive, not -1 s" in str(caught.value)
        assert "not for executor 'process'" in str(caught.value)


class Heard:
    """What a pulse needs of an actor: a clock, timers, and an inbox."""

    def __init__(self, rt: af.Runtime) -> None:
        self.job: Any = object()
        self.messages: list[Any] = []
        self.run = SimpleNamespace(services=rt._services)
        self.actor_ref = SimpleNamespace(put=self.messages.append)

    def taken(self) -> list[Any]:
        """Return the jobs that were asked about, once."""
        jobs = [message.job for message in self.messages]
        self.messages.clear()
        return jobs
