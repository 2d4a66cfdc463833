"""What happens to children when their parents fail, end, pause, or try again."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.testing import Simulation, runtime
from tests.children.helpers import Story, kinds, statuses


@pytest.fixture
def story() -> Story:
    """Definitions with a diary."""
    return Story()


class TestFailure:
    """A child fails."""

    def test_parent_sees_it(self, story: Story) -> None:
        """The failure names the child, and its cause."""
        flow = story.only(story.frail)

        with runtime(flow) as rt:
            error = rt.start(flow, item="cup", execution_id="p").wait().error

        assert error is not None
        assert error.execution == "p/main/inner"
        assert error.address == "main/inner"
        assert error.message == "child execution 'p/main/inner' failed: cup broke"
        assert error.causes[0].address == "main/fragile"
        assert "builtins:ValueError" in error.exceptions

    def test_of_a_grandchild(self, story: Story) -> None:
        """The first that failed is the one that is named."""
        middle = af.Flow("middle", inputs=["item"]).child(story.frail, name="low")
        flow = story.only(middle)

        with runtime(flow) as rt:
            error = rt.start(flow, item="cup", execution_id="p").wait().error

        assert error is not None
        assert error.execution == "p/main/inner"
        assert "'p/main/inner/main/low' failed: cup broke" in error.message

    def test_catch(self, story: Story) -> None:
        """It is caught by the class of what failed in the child."""
        graph = af.Workflow(
            name="g",
            steps=[
                af.Step(
                    "c",
                    child=story.frail,
                    parameters={"item": "cup"},
                    catch=[af.Catch(on=[ValueError], goto="after", store="error")],
                ),
                af.Step("after", activity=story.double, parameters={"n": 2}, store="x"),
            ],
            result="x",
        )

        with runtime(graph) as rt:
            assert rt.start(graph).result() == 4

    def test_retry_lets_the_child_go_on(self, story: Story) -> None:
        """A retried child repeats only what failed in it."""
        flow = story.only(
            af.Flow("steps", inputs=["item"])
            .then(story.double, input={"n": 1}, into="n")
            .then(story.fragile, into="end")
            .output("end"),
            retry=af.Retry(max_attempts=3, initial=10.0),
        )

        with runtime(flow) as rt:
            run = rt.start(flow, item="cup", execution_id="p")
            rt.clock.advance(15)
            story.broken = False
            rt.clock.advance(100)

            assert run.result() == "mended cup"
            assert story.did == [1, "fragile cup", "fragile cup", "fragile cup"]
            assert kinds(rt, "p/main/inner").count("ExecutionRetried") == 2
            assert kinds(rt, "p").count("ChildEnded") == 3

    def test_retry_of_what_was_undone(self, story: Story) -> None:
        """A child that has undone what it did begins anew."""
        flow = story.only(story.breaking, retry=af.Retry(max_attempts=2, initial=10.0))

        with runtime(flow) as rt:
            run = rt.start(flow, item="cup", execution_id="p")
            rt.clock.advance(5)
            assert story.undone == ["reserved cup"]
            story.broken = False

            assert run.result() == "mended cup"
            assert story.did == ["cup", "fragile cup", "cup", "fragile cup"]

    def test_retry_of_the_parent(self, story: Story) -> None:
        """A retry of the parent is one of the child that failed it."""
        flow = story.only(story.frail)

        with runtime(flow) as rt:
            run = rt.start(flow, item="cup", execution_id="p")
            run.wait()
            story.broken = False
            run.retry()

            assert run.result() == "mended cup"
            assert story.did == ["fragile cup", "fragile cup"]
            assert statuses(rt) == {"p": "completed", "p/main/inner": "completed"}

    def test_child_that_was_retried_by_itself(self, story: Story) -> None:
        """What a child has reached by itself is not done again for its parent."""
        flow = story.only(story.frail)

        with runtime(flow) as rt:
            run = rt.start(flow, item="cup", execution_id="p")
            run.wait()
            story.broken = False
            child = rt.get("p/main/inner")
            child.retry()
            child.result()
            run.retry()

            assert run.result() == "mended cup"
            assert story.did == ["fragile cup", "fragile cup"]

    def test_cancelled_child(self, story: Story) -> None:
        """A child that somebody cancels fails its step."""
        flow = story.only(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            rt.cancel("p/main/inner", reason="no hats")
            error = run.wait().error

        assert error is not None
        assert error.type == "cancelled"
        assert error.message == "child execution 'p/main/inner' was cancelled: no hats"


class TestParentEnds:
    """A parent ends before its child."""

    @pytest.mark.parametrize(
        ("policy", "status"), [("cancel", "cancelled"), ("abandon", "suspended")]
    )
    def test_cancelled(self, story: Story, policy: str, status: str) -> None:
        """The child is cancelled too, unless it was to be left alone."""
        flow = story.only(story.stock, on_parent_close=policy)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            run.cancel()

            assert statuses(rt) == {"p": "cancelled", "p/main/inner": status}
            assert story.undone == []

    def test_abandoned_child_ends_alone(self, story: Story) -> None:
        """An end that nobody waits for is nobody's trouble."""
        flow = story.only(story.stock, on_parent_close="abandon")

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            run.cancel()
            rt.signal("p/main/inner", "go")

            assert rt.get("p/main/inner").result() == "reserved hat"
            rt.clock.advance(1)
            assert rt.log.inbox() == []

    def test_sibling_fails_fast(self, story: Story) -> None:
        """A child that is left by a fan-out is cancelled, and undoes what it did."""
        slow = af.Flow("slow", inputs=["item"]).sleep(5).then(story.fragile).build()
        flow = af.Flow("both", inputs=["item"]).parallel(
            "arms", af.Child(story.stock), slow, on_error="fail_fast"
        )

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            rt.clock.advance(6)

            assert run.status == "failed"
            assert statuses(rt)["p/main/arms[stock]"] == "cancelled"
            assert story.undone == ["reserved hat"]

    def test_retry_of_a_parent_revives_its_children(self, story: Story) -> None:
        """A child that ended with its parent goes on where it was."""
        naps = af.Flow("naps").then(story.double, input={"n": 1}).sleep(50)
        naps = naps.then(story.double, input={"n": 2}, name="late", into="x").output(
            "x"
        )
        slow = af.Flow("slow", inputs=["item"]).sleep(5).then(story.fragile).build()
        flow = af.Flow("both", inputs=["item"]).parallel(
            "arms", af.Child(naps), slow, on_error="fail_fast"
        )

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            rt.clock.advance(6)
            assert statuses(rt)["p/main/arms[naps]"] == "cancelled"
            story.broken = False
            run.retry()

            assert run.result()["arms"]["naps"] == 4
            assert story.did == [1, "fragile hat", "fragile hat", 2]


class TestCompensation:
    """A parent undoes what it did, its children included."""

    def test_completed_child_is_undone(self, story: Story) -> None:
        """The child's own compensations run, in its own stream, before the end."""
        flow = story.parent_of(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            rt.signal("p/main/inner", "go")

            assert run.wait().status == "failed"
            assert story.undone == ["reserved hat"]
            assert statuses(rt) == {"p": "failed", "p/main/inner": "cancelled"}
            assert kinds(rt, "p/main/inner").count("CompensationStarted") == 1

    def test_with_nothing_to_undo(self, story: Story) -> None:
        """A parent whose child has nothing to undo can be tried again."""
        flow = story.parent_of(af.Flow("plain", inputs=["item"]).sleep(1))

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            rt.clock.advance(2)
            assert run.status == "failed"
            story.broken = False
            run.retry()
            assert run.result()["end"] == "mended hat"

    def test_cancelled_with_compensation(self, story: Story) -> None:
        """A child in flight undoes first what it has done; then the parent ends."""
        flow = story.only(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            run.cancel(compensate=True)

            assert run.wait().status == "cancelled"
            assert story.undone == ["reserved hat"]
            last = [r.time for r in rt.history("p")][-1]
            assert last >= [r.time for r in rt.history("p/main/inner")][-1]

    def test_fork_leaves_the_others_children(self, story: Story) -> None:
        """What a fork undoes is its own, not the child of the execution it forked."""
        flow = story.parent_of(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            rt.signal("p/main/inner", "go")
            story.broken = False
            run.result()
            ended = next(r.seq for r in rt.history("p") if r.address == "main/fragile")
            story.broken = True
            fork = rt.fork("p", at=ended - 1, execution_id="q")

            assert fork.wait().status == "failed"
            assert statuses(rt)["p/main/inner"] == "completed"
            assert story.undone == []

    def test_crash_everywhere(self, story: Story) -> None:
        """Each compensation of a child runs as often as without the crash."""
        quick = af.Flow("quick", inputs=["item"]).then(story.reserve, into="goods")
        flow = story.parent_of(quick.output("goods"))

        Simulation(flow, inputs={"item": "hat"}).crash_everywhere()


class TestRestart:
    """A parent is started anew under its id."""

    def test_children_of_its_own(self, story: Story) -> None:
        """It starts other children; what the first run's had reached does not count."""
        flow = af.Flow("p", inputs=["n"]).child(story.doubling, into="x").output("x")

        with runtime(flow) as rt:
            rt.start(flow, n=1, execution_id="p").result()
            run = rt.start(flow, n=2, execution_id="p", on_conflict="restart")

            assert run.result() == 4
            assert set(statuses(rt)) == {
                "p",
                "p/main/doubling",
                "p~2/main/doubling",
            }

    def test_child_at_work_is_left(self, story: Story) -> None:
        """What the first run had at work is cancelled with it."""
        flow = story.only(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            rt.start(flow, item="cap", execution_id="p", on_conflict="restart").wait()

            assert statuses(rt) == {
                "p": "suspended",
                "p/main/inner": "cancelled",
                "p~2/main/inner": "suspended",
            }


class TestFork:
    """A parent is forked while its child is at work."""

    def test_has_a_child_of_its_own(self, story: Story) -> None:
        """What was in flight runs again, for the fork."""
        flow = story.only(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            fork = rt.fork("p", at=rt.row("p").head, execution_id="q")
            fork.wait()
            rt.signal("q/main/inner", "go")

            assert fork.result() == "reserved hat"
            assert statuses(rt)["p/main/inner"] == "suspended"

    def test_of_a_child(self, story: Story) -> None:
        """The fork of a child is nobody's child."""
        flow = story.only(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            child = "p/main/inner"
            rt.fork(child, at=rt.row(child).head, execution_id="q").wait()
            run.cancel()

            assert statuses(rt)["q"] == "suspended"
            rt.signal("q", "go")
            assert rt.get("q").result() == "reserved hat"


class TestPause:
    """A parent is paused."""

    def test_children_pause_with_it(self, story: Story) -> None:
        """Their clocks stand still as well, and run again together."""
        flow = af.Flow("p").child(af.Flow("nap").sleep(100), name="nap").build()

        with runtime(flow) as rt:
            run = rt.start(flow, execution_id="p")
            rt.clock.advance(40)
            run.pause(reason="audit")
            assert statuses(rt) == {"p": "paused", "p/main/nap": "paused"}
            rt.clock.advance(1000)
            run.resume()
            rt.clock.advance(59)
            assert run.status == "suspended"
            rt.clock.advance(2)
            assert run.status == "completed"

    def test_pause_of_ones_own_stays(self, story: Story) -> None:
        """What somebody else has paused is not the parent's to unpause."""
        flow = story.only(story.stock)

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            rt.pause("p/main/inner")
            run.pause()
            run.resume()

            assert statuses(rt) == {"p": "suspended", "p/main/inner": "paused"}

    def test_end_while_paused(self, story: Story) -> None:
        """An end that comes during a pause is recorded, and used after it."""
        flow = story.parent_of(story.stock, on_parent_close="abandon")
        story.broken = False

        with runtime(flow) as rt:
            run = rt.start(flow, item="hat", execution_id="p")
            run.wait()
            run.pause()
            rt.signal("p/main/inner", "go")
            assert statuses(rt) == {"p": "paused", "p/main/inner": "completed"}
            assert story.did == ["hat"]
            run.resume()
            assert run.result()["end"] == "mended hat"


@pytest.mark.parametrize("on_error", ["wait", "fail_fast", "continue"])
def test_crash_everywhere_with_failing_children(story: Story, on_error: str) -> None:
    """Whatever fails beside a child, a crash does not change how both end."""
    flow = af.Flow("both", inputs=["item"]).parallel(
        "arms",
        af.Child(story.breaking, retry=af.Retry(max_attempts=2)),
        af.Child(story.stock),
        on_error=on_error,
    )
    Simulation(flow, inputs={"item": "cup"}, signals={"go": None}).crash_everywhere()


def test_survives(story: Story) -> None:
    """Nor does anything else that goes wrong: stolen leases, failing writes, jumps."""
    flow = af.Flow("both", inputs=["item"]).parallel(
        "arms",
        af.Child(story.breaking, retry=af.Retry(max_attempts=2)),
        af.Child(story.stock),
    )
    Simulation(flow, inputs={"item": "cup"}, signals={"go": None}, seed=50).survive(15)
