"""What fails is tried again as the policy says, and then caught, or told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import VirtualClock, runtime
from tests.acceptance.helpers import (
    WAIT,
    Calls,
    answering,
    boom,
    calling,
    events,
    finish,
)


class PermissionDeniedError(Exception):
    """Raised by activities under test."""


class Shop(Exception):  # noqa: N818 - a base class
    """A family of errors."""


class SoldOutError(Shop):
    """A special one of the family."""


def failing(
    calls: Calls, *errors: BaseException | None, name: str = "flaky"
) -> Callable[[], int]:
    """Make a function that raises *errors* in turn, then returns how often it ran."""

    def function() -> int:
        calls(name)
        error = errors[len(calls) - 1] if len(calls) <= len(errors) else None
        if error is not None:
            raise error
        return len(calls)

    function.__name__ = name
    return function


def trying(
    activity: Any, retry: af.Retry | Sequence[af.Retry] | None = None, **settings: Any
) -> af.Workflow:
    """Make a workflow of one step with that policy, and one to be caught in."""
    steps = [af.Step("a", activity=activity, retry=retry, store="n", **settings)]
    if "catch" in settings:
        steps.append(af.Step("saved", activity=answering("saved"), store="saved"))
    return af.Workflow(name="w", steps=steps, result="*")


def attempts(wf: af.Workflow) -> list[float]:
    """Return when each attempt but the first began, in seconds after the one before."""
    with runtime(wf) as rt:
        run = rt.start(wf)
        run.wait()
        while run.status == "suspended":
            rt.clock.advance(1_000)
        failed = events(rt, run.id, "AttemptFailed")
        return [round(r.event.retry_at - r.time, 6) for r in failed]


DOWN = ConnectionError("down")

# --- how often -----------------------------------------------------------------------


def test_without_a_policy_nothing_is_tried_again(calls: Calls) -> None:
    """An activity fails at its first exception unless it says otherwise."""
    finish(trying(failing(calls, DOWN)))

    assert len(calls) == 1


def test_a_retry_ends_with_the_first_success(calls: Calls) -> None:
    """An activity that fails twice is called three times and no more."""
    wf = trying(failing(calls, DOWN, DOWN), af.Retry(max_attempts=5, initial=0))

    assert (finish(wf).output, len(calls)) == ({"n": 3}, 3)


def test_max_attempts_counts_the_first(calls: Calls) -> None:
    """`max_attempts=3` is three calls in all."""
    finish(trying(failing(calls, *[DOWN] * 9), af.Retry(max_attempts=3, initial=0)))

    assert len(calls) == 3


def test_after_the_last_attempt_the_failure_is_told(calls: Calls) -> None:
    """The failure of the last attempt is the execution's."""
    wf = trying(
        failing(calls, ValueError("one"), ValueError("two")),
        af.Retry(max_attempts=2, initial=0),
    )
    error = finish(wf).error

    assert error is not None
    assert error.message == "two"


def test_one_attempt_is_no_retry(calls: Calls) -> None:
    """`max_attempts=1` is the same as no policy."""
    finish(trying(failing(calls, DOWN), af.Retry(max_attempts=1)))

    assert len(calls) == 1


def test_an_activity_brings_its_own_policy(calls: Calls) -> None:
    """The decorator's policy holds where the step has none."""
    activity = af.activity(retry=af.Retry(max_attempts=3, initial=0))(
        failing(calls, DOWN, DOWN)
    )

    assert finish(trying(activity)).status == "completed"


def test_a_steps_policy_replaces_the_activitys(calls: Calls) -> None:
    """`retry` of a step is used instead of that of the activity."""
    activity = af.activity(retry=af.Retry(max_attempts=3, initial=0))(
        failing(calls, DOWN, DOWN)
    )
    finish(trying(activity, af.Retry(max_attempts=2, initial=0)))

    assert len(calls) == 2


def test_an_attempt_knows_its_number() -> None:
    """`ctx.attempt` counts from one."""
    seen: list[int] = []

    def flaky(ctx: af.ActivityContext) -> None:
        seen.append(ctx.attempt)
        if ctx.attempt < 3:
            raise DOWN

    finish(trying(flaky, af.Retry(initial=0)))

    assert seen == [1, 2, 3]


def test_every_attempt_has_the_same_idempotency_key() -> None:
    """The outside can recognise a second try of the same thing."""
    seen: set[str] = set()

    def flaky(ctx: af.ActivityContext) -> None:
        seen.add(ctx.idempotency_key)
        raise DOWN

    finish(trying(flaky, af.Retry(initial=0)))

    assert len(seen) == 1


def test_every_failed_attempt_is_in_the_history(calls: Calls) -> None:
    """No failure is hidden because a later try went well."""
    wf = trying(
        failing(calls, ValueError("1st"), ValueError("2nd")), af.Retry(initial=0)
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.result(timeout=WAIT)
        told = [r.event.error.message for r in events(rt, run.id, "AttemptFailed")]

    assert told == ["1st", "2nd"]


# --- how long between ----------------------------------------------------------------


def test_the_delay_grows_by_its_factor(calls: Calls) -> None:
    """The delays are initial, initial x factor, initial x factor squared ..."""
    wf = trying(
        failing(calls, *[DOWN] * 4), af.Retry(max_attempts=5, initial=1.0, factor=3.0)
    )

    assert attempts(wf) == [1.0, 3.0, 9.0, 27.0]


def test_the_delay_has_a_bound(calls: Calls) -> None:
    """No delay is longer than `max_delay`."""
    wf = trying(
        failing(calls, *[DOWN] * 4),
        af.Retry(max_attempts=5, initial=1.0, factor=10.0, max_delay=50.0),
    )

    assert attempts(wf) == [1.0, 10.0, 50.0, 50.0]


def test_no_next_try_before_its_time(calls: Calls) -> None:
    """A step that waits for its second try has run once until the delay is over."""
    wf = trying(failing(calls, DOWN), af.Retry(initial=60.0))
    with runtime(wf) as rt:
        rt.start(wf)
        rt.clock.advance(59)
        before = len(calls)
        rt.clock.advance(2)

        assert (before, len(calls)) == (1, 2)


def test_the_delay_survives_a_restart(db: Path, calls: Calls) -> None:
    """A next try is due when it was due, whichever process makes it."""
    wf = trying(failing(calls, DOWN), af.Retry(initial=60.0))
    clock = VirtualClock()
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.start(wf, execution_id="run")
        rt.clock.advance(40)
    with runtime(wf, log=str(db), clock=clock) as rt:
        rt.clock.advance(15)
        before = len(calls)
        rt.clock.advance(10)
        rt.get("run").result()

    assert (before, len(calls)) == (1, 2)


def test_attempts_are_counted_over_a_restart(db: Path, calls: Calls) -> None:
    """A restart does not give an activity new attempts."""
    wf = trying(failing(calls, *[DOWN] * 9), af.Retry(max_attempts=3, initial=60.0))
    clock = VirtualClock()
    for _ in range(9):
        with runtime(wf, log=str(db), clock=clock) as rt:
            rt.start(wf, execution_id="run")
            rt.clock.advance(50)

    assert len(calls) == 3


def test_jitter_stays_in_its_part() -> None:
    """With `jitter=0.5` a delay of 10 s lies between 5 and 15 s."""
    delays = [
        af.Retry(initial=10.0, jitter=0.5).delay(1, chance)
        for chance in (0.0, 0.5, 0.999)
    ]

    assert all(5 <= delay <= 15 for delay in delays)
    assert delays[0] < delays[1] < delays[2]


def test_a_thousandth_delay_overflows_nothing() -> None:
    """A policy of very many attempts still gives a delay."""
    assert af.Retry(max_attempts=5_000, max_delay=60.0).delay(4_000, 0.5) == 60.0


# --- what ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (TimeoutError("late"), 3),
        (PermissionDeniedError("no"), 2),
        (ValueError("odd"), 4),
        (af.ActivityError("over", type="fatal"), 1),
    ],
    ids=["timeout", "class", "rest", "fatal"],
)
def test_the_first_policy_that_covers_a_failure_decides(
    calls: Calls, error: Exception, tries: int
) -> None:
    """Policies are looked at in order, and each has its own number of attempts."""
    policies = [
        af.Retry(on=["timeout"], max_attempts=3, initial=0),
        af.Retry(on=[PermissionDeniedError], max_attempts=2, initial=0),
        af.Retry(max_attempts=4, initial=0),
    ]
    finish(trying(failing(calls, *[error] * 9), policies))

    assert len(calls) == tries


def test_what_no_policy_covers_fails_at_once(calls: Calls) -> None:
    """A failure of another class is not tried again."""
    finish(trying(failing(calls, DOWN), af.Retry(on=["timeout"], initial=0)))

    assert len(calls) == 1


def test_each_failure_is_judged_anew(calls: Calls) -> None:
    """A policy for the first failure does not hold for a second of another class."""
    wf = trying(
        failing(calls, TimeoutError("late"), ValueError("odd")),
        af.Retry(on=["timeout"], max_attempts=9, initial=0),
    )
    error = finish(wf).error

    assert error is not None
    assert (error.message, len(calls)) == ("odd", 2)


def test_never_beats_on(calls: Calls) -> None:
    """A class in `never` is not retried, whatever `on` says."""
    finish(
        trying(
            failing(calls, ValueError("odd")),
            af.Retry(on=["all"], never=[ValueError], initial=0),
        )
    )

    assert len(calls) == 1


def test_a_class_covers_its_subclasses(calls: Calls) -> None:
    """`on=(Shop,)` retries what derives from it."""
    wf = trying(failing(calls, SoldOutError("gone")), af.Retry(on=(Shop,), initial=0))

    assert finish(wf).status == "completed"


@pytest.mark.parametrize("name", ["SoldOutError", "Shop", "ConnectionError"])
def test_a_class_can_be_named(calls: Calls, name: str) -> None:
    """An exception class may be given by its name, as a file must."""
    error = DOWN if name == "ConnectionError" else SoldOutError("gone")

    assert (
        finish(trying(failing(calls, error), af.Retry(on=[name], initial=0))).status
        == "completed"
    )


def test_an_activity_can_name_its_own_error_class(calls: Calls) -> None:
    """`ActivityError(type=...)` is matched by that type."""
    error = af.ActivityError("slow down", type="throttled")
    wf = trying(failing(calls, error), af.Retry(on=["throttled"], initial=0))

    assert finish(wf).status == "completed"


@pytest.mark.parametrize(
    ("pattern", "type", "covered"),
    [
        ("all", "activity_failed", True),
        ("all", "timeout", True),
        ("all", "custom", True),
        ("all", "fatal", False),
        ("activity_failed", "activity_failed", True),
        ("activity_failed", "custom", True),
        ("activity_failed", "timeout", False),
        ("activity_failed", "fatal", False),
        ("timeout", "timeout", True),
        ("timeout", "custom", False),
        ("custom", "custom", True),
        ("custom", "activity_failed", False),
        ("fatal", "fatal", True),
        ("fatal", "custom", False),
    ],
)
def test_what_a_pattern_covers(
    calls: Calls,
    pattern: str,
    type: str,
    covered: bool,  # noqa: FBT001
) -> None:
    """`all` is everything but fatal; `activity_failed` is also no timeout."""
    error = af.ActivityError("x", type=type)
    wf = trying(failing(calls, error), af.Retry(on=[pattern], initial=0))

    assert (finish(wf).status == "completed") is covered


def test_an_asyncio_cancellation_is_no_timeout(calls: Calls) -> None:
    """An activity that ends with `CancelledError` has failed, not timed out."""
    error = finish(trying(failing(calls, asyncio.CancelledError()))).error

    assert error is not None
    assert error.type == "activity_failed"


# --- catch ---------------------------------------------------------------------------


def test_a_caught_failure_goes_on_elsewhere() -> None:
    """`catch` leads to another step, and the execution completes."""
    wf = trying(boom, catch=[af.Catch(goto="saved")])

    assert finish(wf).output == {"saved": "saved"}


def test_catch_comes_after_the_retries(calls: Calls) -> None:
    """A failure is caught when no attempt is left."""
    wf = trying(
        failing(calls, *[DOWN] * 9),
        af.Retry(max_attempts=3, initial=0),
        catch=[af.Catch(goto="saved")],
    )
    finish(wf)

    assert len(calls) == 3


def test_a_catch_can_store_what_happened() -> None:
    """`store` takes type, message, node and address of the failure."""
    wf = trying(boom, catch=[af.Catch(goto="saved", store="error")])
    error = finish(wf).output["error"]

    assert {key: error[key] for key in ("type", "message", "node", "address")} == {
        "type": "activity_failed",
        "message": "something broke",
        "node": "boom",
        "address": "main/a",
    }


def test_the_details_of_a_failure_are_stored(calls: Calls) -> None:
    """What an activity attaches to its error comes to the catch as data."""
    error = af.ActivityError("no stock", type="stock", details={"left": [0, 1]})
    wf = trying(failing(calls, error), catch=[af.Catch(goto="saved", store="error")])

    assert finish(wf).output["error"]["details"] == {"left": [0, 1]}


def test_the_details_of_a_failure_reach_the_caller(calls: Calls) -> None:
    """An uncaught failure keeps its details."""
    error = af.ActivityError("no stock", type="stock", details={"left": 0})
    got = finish(trying(failing(calls, error))).error

    assert got is not None
    assert (got.type, got.details) == ("stock", {"left": 0})


def test_the_first_catch_that_matches_wins(calls: Calls) -> None:
    """Catches are looked at in order."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=failing(calls, TimeoutError("late")),
                catch=[
                    af.Catch(on=[ValueError], goto="odd"),
                    af.Catch(on=["timeout"], goto="late"),
                    af.Catch(goto="rest"),
                ],
            ),
            *(
                af.Step(name, activity=answering(name, name), store="how")
                for name in ("odd", "late", "rest")
            ),
        ],
        result="how",
    )

    assert finish(wf).output == "late"


def test_a_failure_that_no_catch_covers_fails_the_run(calls: Calls) -> None:
    """A catch for other classes does not help."""
    wf = trying(failing(calls, DOWN), catch=[af.Catch(on=["timeout"], goto="saved")])

    assert finish(wf).status == "failed"


def test_fatal_is_not_caught_by_all(calls: Calls) -> None:
    """A fatal failure is caught by its name only."""
    error = af.ActivityError("over", type="fatal")
    wf = trying(failing(calls, error), catch=[af.Catch(goto="saved")])

    assert finish(wf).status == "failed"


def test_fatal_is_caught_by_its_name(calls: Calls) -> None:
    """`on=["fatal"]` catches what nothing else does."""
    error = af.ActivityError("over", type="fatal")
    wf = trying(failing(calls, error), catch=[af.Catch(on=["fatal"], goto="saved")])

    assert finish(wf).status == "completed"


def test_a_caught_step_does_not_follow_its_own_edges(calls: Calls) -> None:
    """The edges of a failed step are not taken."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=boom,
                store="x",
                catch=[af.Catch(goto="saved")],
                next=[af.Edge("next")],
            ),
            af.Step("next", activity=calling(calls, "next")),
            af.Step("saved", activity=calling(calls, "saved")),
        ],
    )
    finish(wf)

    assert calls.seen == ["saved"]


def test_where_a_failure_was_caught_a_new_one_is_told() -> None:
    """The step a catch leads to may itself fail, and that is the failure."""

    def worse() -> None:
        raise RuntimeError("worse")

    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=boom, catch=[af.Catch(goto="b")]),
            af.Step("b", activity=worse),
        ],
    )
    error = finish(wf).error

    assert error is not None
    assert (error.message, error.address) == ("worse", "main/b")


def test_a_catch_can_lead_back_to_its_step(calls: Calls) -> None:
    """A step that repairs and goes back gives the failed one new attempts."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=failing(calls, DOWN, DOWN),
                retry=af.Retry(max_attempts=1),
                catch=[af.Catch(goto="repair")],
                store="n",
            ),
            af.Step("repair", activity=answering(1), next=[af.Edge("a")]),
        ],
        result="n",
    )

    assert finish(wf).output == 3


# --- asking for another go -----------------------------------------------------------


def test_retry_lets_a_failed_run_go_on(calls: Calls) -> None:
    """`retry` runs what had failed once more, and the execution completes."""
    wf = trying(failing(calls, DOWN))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.retry()

        assert run.result(timeout=WAIT) == {"n": 2}


def test_retry_repeats_nothing_that_was_done(calls: Calls) -> None:
    """Steps that had completed are not entered again, and their results are there."""
    other = Calls()
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "setup",
                activity=calling(other, "setup", "ready"),
                store="setup",
                next=[af.Edge("a")],
            ),
            af.Step("a", activity=failing(calls, DOWN), store="n"),
        ],
        result="*",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.retry()
        output = run.result(timeout=WAIT)

    assert (other.seen, output) == (["setup"], {"setup": "ready", "n": 2})


def test_retry_gives_new_attempts(calls: Calls) -> None:
    """With three attempts a run, five calls succeed in the second run."""
    wf = trying(failing(calls, *[DOWN] * 4), af.Retry(max_attempts=3, initial=0))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.retry()
        run.result(timeout=WAIT)

    assert len(calls) == 5


def test_retry_after_a_restart(db: Path, calls: Calls) -> None:
    """A failed execution can be retried by a later process."""
    wf = trying(failing(calls, DOWN))
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.retry("run")

        assert rt.get("run").result(timeout=WAIT) == {"n": 2}


def test_a_failed_run_stays_failed_until_asked(db: Path, calls: Calls) -> None:
    """Opening the log again does not retry by itself."""
    wf = trying(failing(calls, DOWN))
    for _ in range(2):
        with af.Runtime(db, definitions=[wf]) as rt:
            rt.start(wf, execution_id="run").wait(timeout=WAIT)

    assert len(calls) == 1


def test_a_completed_run_cannot_be_retried() -> None:
    """There is nothing to retry in an execution that went well."""
    wf = af.Workflow(name="w", steps=[af.Step("a", activity=answering(1))])
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.result(timeout=WAIT)

        with pytest.raises(af.ExecutionEndedError, match="completed"):
            run.retry()


@pytest.mark.parametrize("rests", [True, False])
def test_what_has_not_failed_cannot_be_retried(rests: bool) -> None:  # noqa: FBT001
    """`retry` of an execution that runs or rests says what it is."""
    gate = Event()
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("s", wait_signal=af.WaitSignal(topic="go"))
            if rests
            else af.Step("s", activity=gate.wait)
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        if rests:
            run.wait(timeout=WAIT)
        with pytest.raises(af.ActorflowError) as caught:
            run.retry()
        gate.set()

    assert "has ended" not in str(caught.value)


def test_a_second_failure_can_be_retried_too(calls: Calls) -> None:
    """Each retry is one more go, as often as somebody asks."""
    wf = trying(failing(calls, DOWN, DOWN))
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.retry()
        again = run.wait(timeout=WAIT).status
        run.retry()

        assert (again, run.result(timeout=WAIT)) == ("failed", {"n": 3})


def test_a_failed_condition_is_evaluated_again_by_retry(calls: Calls) -> None:
    """A run that failed in an edge's condition goes on from there, its step done."""
    ready: list[int] = []
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=calling(calls, "a"),
                next=[af.Edge("b", when=lambda state: 1 / len(ready))],
            ),
            af.Step("b", activity=calling(calls, "b")),
        ],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        ready.append(1)
        run.retry()
        run.result(timeout=WAIT)

    assert calls.seen == ["a", "b"]


def test_a_failed_output_is_taken_again_by_retry() -> None:
    """A run whose output was missing can be retried; it says the same, and ends."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=answering(1), store="known")],
        outputs=[af.Output("ghost", variable="known.ghost")],
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.wait(timeout=WAIT)
        run.retry()

        assert run.wait(timeout=WAIT).status == "failed"


# --- rate limits ---------------------------------------------------------------------


def test_a_rate_limit_spreads_attempts() -> None:
    """Of 6 items at 2 per 10 s the last begin after 20 s."""
    limited = af.activity(rate_limit=af.RateLimit(2, per=10.0))(lambda n: n)
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", map=af.Map(over=[*range(6)], activity=limited))],
    )
    with runtime(wf) as rt:
        begun = rt.clock.time()
        rt.start(wf).result()
        took = rt.clock.time() - begun

    assert 20 <= took < 30


def test_a_rate_limit_is_shared_by_its_name() -> None:
    """Two activities whose limits have one name share it."""
    both = [
        af.activity(name=name, rate_limit=af.RateLimit(1, per=10.0, name="api"))(
            lambda: 1
        )
        for name in ("a", "b")
    ]
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step("a", activity=both[0], next=[af.Edge("b")]),
            af.Step("b", activity=both[1]),
        ],
    )
    with runtime(wf) as rt:
        begun = rt.clock.time()
        rt.start(wf).result()
        took = rt.clock.time() - begun

    assert 10 <= took < 20


def test_a_rate_limit_is_charged_for_every_attempt(calls: Calls) -> None:
    """A retry waits for its turn like a first attempt."""
    limited = af.activity(
        rate_limit=af.RateLimit(1, per=10.0), retry=af.Retry(initial=0)
    )(failing(calls, DOWN, DOWN))
    wf = trying(limited)
    with runtime(wf) as rt:
        begun = rt.clock.time()
        rt.start(wf).result()
        took = rt.clock.time() - begun

    assert 20 <= took < 30
