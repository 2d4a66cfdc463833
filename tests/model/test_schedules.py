"""What a schedule starts at a tick, keeps for later or lets pass, without a clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actorflow.model.schedules import (
    BUFFER,
    ScheduleDeleted,
    SchedulePaused,
    ScheduleResumed,
    ScheduleSet,
    ScheduleState,
    ScheduleTicked,
    execution_of,
    tick,
)


def folded(*events: object, plan: ScheduleSet | None = None) -> ScheduleState:
    """Return a schedule after *events*, each a hundred seconds after the last."""
    state = ScheduleState()
    state.apply(plan or ScheduleSet("w", "* * * * *"), 100.0)
    for number, event in enumerate(events, 2):
        state.apply(event, number * 100.0)  # type: ignore[arg-type]
    return state


def ticked(
    overlap: str,
    *,
    running: tuple[float, ...] = (),
    buffer: tuple[float, ...] = (),
    due: tuple[float, ...] = (),
    ended: tuple[float, ...] = (),
) -> tuple[list[float], list[float], list[float]]:
    """Return what is started, kept and let pass."""
    state = folded(plan=ScheduleSet("w", "* * * * *", overlap=overlap))
    state.running, state.buffer = list(running), list(buffer)
    event = tick(state, due, 9.0, ended)
    assert (event.until, event.ended) == (9.0, [*ended])
    assert (state.running, state.buffer) == ([*running], [*buffer])
    return event.started, event.buffered, event.skipped


class TestTick:
    """What happens when ticks are due, and executions have ended."""

    @pytest.mark.parametrize(
        ("overlap", "outcome"),
        [
            ("skip", ([1.0], [], [2.0, 3.0])),
            ("buffer_one", ([1.0], [2.0], [3.0])),
            ("buffer_all", ([1.0], [2.0, 3.0], [])),
            ("cancel_other", ([3.0], [], [1.0, 2.0])),
            ("allow_all", ([1.0, 2.0, 3.0], [], [])),
        ],
    )
    def test_several_at_once_while_nothing_runs(
        self, overlap: str, outcome: tuple[list[float], ...]
    ) -> None:
        """The first is started; what becomes of the others is the overlap's."""
        assert ticked(overlap, due=(1.0, 2.0, 3.0)) == outcome

    @pytest.mark.parametrize(
        ("overlap", "outcome"),
        [
            ("skip", ([], [], [2.0, 3.0])),
            ("buffer_one", ([], [2.0], [3.0])),
            ("buffer_all", ([], [2.0, 3.0], [])),
            ("cancel_other", ([], [3.0], [2.0])),
            ("allow_all", ([2.0, 3.0], [], [])),
        ],
    )
    def test_while_one_runs(
        self, overlap: str, outcome: tuple[list[float], ...]
    ) -> None:
        """Only where all are allowed is a second one started beside it."""
        assert ticked(overlap, running=(1.0,), due=(2.0, 3.0)) == outcome

    @pytest.mark.parametrize(
        ("overlap", "outcome"),
        [
            ("buffer_one", ([2.0], [4.0], [])),
            ("buffer_all", ([2.0], [3.0, 4.0], [])),
        ],
    )
    def test_what_was_kept_goes_first(
        self, overlap: str, outcome: tuple[list[float], ...]
    ) -> None:
        """When the one that ran has ended, one that waited starts, the oldest."""
        buffer = (2.0, 3.0) if overlap == "buffer_all" else (2.0,)

        told = ticked(overlap, running=(1.0,), buffer=buffer, due=(4.0,), ended=(1.0,))

        assert told == outcome

    def test_it_waits_for_all_that_run(self) -> None:
        """As long as one of several has not ended, nothing that was kept starts."""
        told = ticked("buffer_all", running=(1.0, 2.0), buffer=(3.0,), ended=(1.0,))

        assert told == ([], [3.0], [])

    def test_the_newest_replaces_what_was_kept(self) -> None:
        """With `cancel_other` one tick waits for the cancelled to end: the last."""
        running = (1.0,)
        told = ticked("cancel_other", running=running, buffer=(2.0,), due=(3.0, 4.0))

        assert told == ([], [4.0], [2.0, 3.0])
        assert ticked("cancel_other", running=running, buffer=(2.0,)) == ([], [2.0], [])

    def test_the_buffer_has_an_end(self) -> None:
        """`buffer_all` keeps a thousand ticks; later ones are let pass, and told."""
        due = tuple(float(each) for each in range(BUFFER + 2))
        _, buffer, skipped = ticked("buffer_all", running=(0.5,), due=due)

        assert (buffer, skipped) == ([*due[:BUFFER]], [*due[BUFFER:]])


class TestState:
    """A schedule is a fold over what has happened to it."""

    def test_it_runs_what_was_started_until_that_has_ended(self) -> None:
        """Executions are known to run from the tick that starts them."""
        state = folded(
            ScheduleTicked(150.0, started=[110.0, 120.0], buffered=[130.0]),
            ScheduleTicked(160.0, started=[130.0], ended=[120.0]),
        )

        assert (state.running, state.buffer) == ([110.0, 130.0], [])
        assert (state.since, state.last, state.version) == (160.0, 130.0, 3)

    def test_time_only_goes_on(self) -> None:
        """What was settled stays so, and the last start is the latest tick's."""
        state = folded(
            ScheduleTicked(150.0, started=[140.0]),
            ScheduleTicked(120.0, started=[110.0]),
            ScheduleTicked(130.0),
        )

        assert (state.since, state.last) == (150.0, 140.0)

    def test_nothing_has_been_started(self) -> None:
        """A schedule whose ticks passed without effect has no last start."""
        assert folded(ScheduleTicked(150.0, skipped=[140.0])).last is None

    def test_status(self) -> None:
        """A schedule is deleted, paused, waiting for an end or active."""
        waiting = ScheduleTicked(150.0, buffered=[140.0])

        assert folded().status == "active"
        assert folded(waiting).status == "buffering"
        assert folded(SchedulePaused()).status == "paused"
        assert folded(SchedulePaused(), ScheduleDeleted()).status == "deleted"

    def test_a_pause_forgets_what_waited(self) -> None:
        """What was kept before a pause is not started after it."""
        waiting = ScheduleTicked(150.0, buffered=[140.0])
        paused = folded(waiting, SchedulePaused("holidays"))
        resumed = folded(waiting, SchedulePaused("holidays"), ScheduleResumed())

        assert (paused.buffer, paused.reason, paused.since) == ([], "holidays", 150.0)
        assert (resumed.status, resumed.reason, resumed.since) == ("active", None, 400)

    def test_what_is_deleted_and_set_again_is_new(self) -> None:
        """It is not paused, keeps nothing, and counts from the moment it was set."""
        plan = ScheduleSet("v", "0 * * * *")
        waiting = ScheduleTicked(250.0, buffered=[240.0])
        state = folded(SchedulePaused(), waiting, ScheduleDeleted(), plan)

        assert (state.status, state.plan, state.since) == ("active", plan, 500.0)


@pytest.mark.parametrize(
    ("microseconds", "name"),
    [(0, "s@2026-03-01T12:00:00Z"), (250_000, "s@2026-03-01T12:00:00.250000Z")],
)
def test_an_execution_is_named_after_its_tick(microseconds: int, name: str) -> None:
    """Every tick has an id of its own, in universal time; one by hand may be odd."""
    moment = datetime(2026, 3, 1, 12, 0, 0, microseconds, tzinfo=UTC)

    assert execution_of("s", moment.timestamp()) == name
