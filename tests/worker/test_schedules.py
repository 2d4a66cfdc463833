"""Schedules: executions by the clock, each tick once, whatever happens to processes."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

import actorflow as af
from actorflow.actors.clock import VirtualClock
from actorflow.log.memory import MemoryLog
from actorflow.model.schedules import ScheduleTicked
from actorflow.runtime.cron import Cron
from actorflow.runtime.schedulebook import SNAPSHOT_EVERY, ScheduleBook
from actorflow.testing import runtime
from actorflow.testing.faults import Crash, CrashingLog
from tests.worker.helpers import Site

HOUR, DAY = 3600.0, 86_400.0
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


@af.activity
def report(kind: str = "short") -> str:
    """Write a report."""
    return kind


reporting = (
    af.Flow("reporting", inputs=[af.Input("kind", default="short")])
    .then(report)
    .output("report")
    .build()
)
lasting = af.Flow("lasting").sleep(2.5 * HOUR).build()


@pytest.fixture(name="site")
def _site() -> Site:
    """Have a log, at noon of a day without surprises."""
    site = Site()
    site.clock = VirtualClock(NOON)
    return site


def worker(site: Site, *definitions: Any) -> Any:
    """Open a worker that has the definitions of these tests."""
    return site.open(*(definitions or (reporting, lasting)), worker=af.Worker())


def hours(rt: af.Runtime) -> list[str]:
    """Return when what was started was scheduled for, and how it is, oldest first."""
    rows = sorted(rt.list(), key=lambda row: row.id)
    return [f"{row.id[-9:-4]} {row.status}" for row in rows]


def hourly(**options: Any) -> af.Schedule:
    """Return a schedule for every full hour."""
    return af.Schedule(
        "hourly", options.pop("workflow", "reporting"), cron="0 * * * *", **options
    )


class TestTicks:
    """What a tick starts."""

    def test_every_tick_starts_one(self, site: Site) -> None:
        """A tick starts an execution that is named after it, and can be found by it."""
        with worker(site) as rt:
            rt.schedules.add(hourly(inputs={"kind": "long"}, attributes={"team": "a"}))
            rt.clock.advance(2 * HOUR)
            newest, _ = rt.list(where={"schedule": "hourly", "team": "a"})

            assert newest.id == "hourly@2026-03-01T14:00:00Z"
            assert newest.attributes["scheduled_at"] == "2026-03-01T14:00:00Z"
            assert rt.get(newest.id).result() == "long"

    def test_no_process_is_needed_to_add_one(self, site: Site) -> None:
        """A runtime that knows nothing adds a schedule; a worker keeps it."""
        with site.open() as rt:
            rt.schedules.add(hourly())
            rt.clock.advance(30 * 60)
        with worker(site) as rt:
            rt.clock.advance(30 * 60)

            assert hours(rt) == ["13:00 completed"]

    def test_only_workers_keep_schedules(self, site: Site) -> None:
        """A runtime that is no worker starts nothing by the clock."""
        with site.open(reporting) as rt:
            rt.schedules.add(hourly())
            rt.clock.advance(5 * HOUR)

            assert rt.list() == []

    def test_two_workers_start_it_once(self, site: Site) -> None:
        """However many workers come to a tick, it starts one execution."""
        with site.open() as rt:
            rt.schedules.add(hourly())
            rt.clock.advance(HOUR)
        logs = [MemoryLog(store=site.store, clock=site.clock.time) for _ in range(2)]
        fired = [ScheduleBook(log, site.clock.time).fire("hourly") for log in logs]

        assert [len(each.started) for each in fired] == [1, 0]

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("at", range(1, 9))
    def test_killed_at_every_write(self, site: Site, at: int, *, after: bool) -> None:
        """Wherever a worker dies, every tick has started one execution in the end."""
        with site.open() as rt:
            rt.schedules.add(hourly(catch_up="all"))
        crash(site, at=at, after=after)
        with worker(site) as rt:
            rt.clock.advance(NOON + 3.5 * HOUR - rt.clock.time())

            assert sorted(hours(rt)) == [
                "13:00 completed",
                "14:00 completed",
                "15:00 completed",
            ]

    def test_trigger(self, site: Site) -> None:
        """Somebody may start one between two ticks."""
        with worker(site) as rt:
            rt.schedules.add(hourly())
            rt.clock.advance(60)
            run = rt.get(rt.schedules.trigger("hourly"))

            assert run.id == "hourly@2026-03-01T12:01:00Z"
            assert run.result() == "short"

    def test_a_long_life_is_read_from_a_snapshot(self, site: Site) -> None:
        """The cost of a tick does not grow with the number of ticks before it."""
        ticks = 3 * SNAPSHOT_EVERY
        with worker(site) as rt:
            rt.schedules.add(hourly())
            rt.clock.advance(ticks * HOUR)
            row = rt.log.find("schedule", "hourly")
            assert row is not None
            snapshot = rt.log.snapshot(row.id)

            assert snapshot is not None
            assert row.head - snapshot.seq < SNAPSHOT_EVERY
            assert len(rt.list(limit=1000)) == ticks
            last = NOON + ticks * HOUR
            assert rt.schedules.get("hourly").last_at == last


def crash(site: Site, *, at: int, after: bool) -> None:
    """Let a worker die at one of its writes, some hours after noon."""
    log = CrashingLog(at=at, after=after, store=site.store, clock=site.clock.time)
    with (
        suppress(Crash),
        runtime(reporting, log=log, clock=site.clock, worker=af.Worker()) as rt,
    ):
        rt.clock.advance(3.5 * HOUR)
    log.abandon()


class TestOverlap:
    """What a tick does while what an earlier one started has not ended."""

    @pytest.mark.parametrize(
        ("overlap", "started"),
        [
            ("skip", ["13:00 completed", "16:00 suspended"]),
            ("buffer_one", ["13:00 completed", "14:00 suspended"]),
            ("buffer_all", ["13:00 completed", "14:00 suspended"]),
            (
                "cancel_other",
                [
                    "13:00 cancelled",
                    "14:00 cancelled",
                    "15:00 cancelled",
                    "16:00 cancelled",
                    "17:00 suspended",
                ],
            ),
            (
                "allow_all",
                [
                    "13:00 completed",
                    "14:00 completed",
                    "15:00 suspended",
                    "16:00 suspended",
                    "17:00 suspended",
                ],
            ),
        ],
    )
    def test_policies(self, site: Site, overlap: Any, started: list[str]) -> None:
        """Each takes two hours and a half, and five hours pass."""
        with worker(site) as rt:
            rt.schedules.add(hourly(workflow="lasting", overlap=overlap))
            rt.clock.advance(5 * HOUR)

            assert hours(rt) == started

    @pytest.mark.parametrize(
        ("overlap", "kept"), [("buffer_one", 1), ("buffer_all", 2)]
    )
    def test_what_is_buffered_starts_at_the_end(
        self, site: Site, overlap: Any, kept: int
    ) -> None:
        """What waits for an end starts with it, and not with the next tick."""
        with worker(site) as rt:
            rt.schedules.add(hourly(workflow="lasting", overlap=overlap))
            rt.clock.advance(3.2 * HOUR)
            assert rt.schedules.get("hourly").buffered == kept
            rt.clock.advance(0.5 * HOUR)
            info = rt.schedules.get("hourly")

            assert info.running == ("hourly@2026-03-01T14:00:00Z",)
            assert info.buffered == kept - 1

    def test_an_end_elsewhere_counts(self, site: Site) -> None:
        """What was buffered starts although another process saw the end."""
        with worker(site) as rt:
            rt.schedules.add(hourly(workflow="lasting", overlap="buffer_one"))
            rt.clock.advance(2.2 * HOUR)
        with site.open(lasting) as other:  # no worker
            other.cancel("hourly@2026-03-01T13:00:00Z")
        with worker(site) as rt:
            rt.clock.advance(1)

            assert hours(rt) == ["13:00 cancelled", "14:00 suspended"]


class TestCatchUp:
    """What becomes of ticks that nobody was there for."""

    @pytest.mark.parametrize(
        ("catch_up", "window", "made_up"),
        [
            ("none", DAY, []),
            ("one", DAY, ["17:00 completed"]),
            ("one", 600.0, []),
            (
                "all",
                DAY,
                [f"{hour}:00 completed" for hour in (13, 14, 15, 16, 17)],
            ),
            ("all", 2 * HOUR, ["16:00 completed", "17:00 completed"]),
        ],
    )
    def test_after_downtime(
        self, site: Site, catch_up: Any, window: float, made_up: list[str]
    ) -> None:
        """Nobody is there from noon until half past five."""
        with site.open() as rt:
            options = {"catch_up": catch_up, "catch_up_window": window}
            rt.schedules.add(hourly(overlap="allow_all", **options))
            rt.clock.advance(5.5 * HOUR)
        with worker(site) as rt:
            rt.clock.advance(1)
            assert hours(rt) == made_up
            rt.clock.advance(0.5 * HOUR)
            assert hours(rt) == [*made_up, "18:00 completed"]

    def test_a_little_late_is_not_missed(self, site: Site) -> None:
        """A tick that comes seconds late is started, whatever the policy."""
        with site.open() as rt:
            rt.schedules.add(hourly(catch_up="none"))
            rt.clock.advance(HOUR + 10)
        with worker(site) as rt:
            rt.clock.advance(1)
            assert hours(rt) == ["13:00 completed"]

    def test_thousands_of_missed_ticks(self, site: Site) -> None:
        """All are made up for, in order, some at a time."""
        with site.open() as rt:
            minutely = af.Schedule(
                "minutely",
                "reporting",
                cron="* * * * *",
                overlap="allow_all",
                catch_up="all",
            )
            rt.schedules.add(minutely)
            rt.clock.advance(5 * HOUR)
        with worker(site) as rt:
            rt.clock.advance(10)
            assert len(rt.list(status="completed", limit=1000)) == 300

    def test_added_again_is_no_change(self, site: Site) -> None:
        """A service that adds its schedules at every start loses no tick by it."""
        for _ in range(2):
            with site.open(reporting) as rt:
                rt.schedules.add(hourly())
                rt.clock.advance(0.75 * HOUR)
        with worker(site) as rt:
            rt.clock.advance(1)
            assert hours(rt) == ["13:00 completed"]

    def test_changed_counts_from_now(self, site: Site) -> None:
        """A changed line makes up for nothing that only it would have named."""
        with site.open() as rt:
            rt.schedules.add(hourly())
            rt.clock.advance(3.5 * HOUR)
            rt.schedules.add(af.Schedule("hourly", "reporting", cron="5 * * * *"))
        with worker(site) as rt:
            rt.clock.advance(1)
            assert hours(rt) == []
            assert rt.schedules.get("hourly").next_at == NOON + 4 * HOUR + 300


class TestSteering:
    """Pausing, resuming, deleting and listing."""

    def test_paused(self, site: Site) -> None:
        """While it is paused ticks pass, and they are not made up for."""
        with worker(site) as rt:
            rt.schedules.add(hourly(catch_up="all"))
            rt.schedules.pause("hourly", reason="holidays")
            rt.clock.advance(3.5 * HOUR)
            info = rt.schedules.get("hourly")
            assert (info.status, info.reason, info.next_at) == (
                "paused",
                "holidays",
                None,
            )
            rt.schedules.resume("hourly")
            rt.clock.advance(HOUR)

            assert hours(rt) == ["16:00 completed"]

    def test_deleted(self, site: Site) -> None:
        """A deleted schedule is gone; what it started goes on; it may be added anew."""
        with worker(site) as rt:
            rt.schedules.add(hourly(workflow="lasting"))
            rt.clock.advance(HOUR)
            rt.schedules.delete("hourly")
            rt.clock.advance(DAY)

            assert hours(rt) == ["13:00 completed"]
            assert rt.schedules.list() == []
            for ask in (rt.schedules.get, rt.schedules.delete, rt.schedules.trigger):
                with pytest.raises(af.ScheduleNotFoundError, match="hourly"):
                    ask("hourly")
            rt.schedules.add(hourly())
            rt.clock.advance(HOUR)
            assert len(rt.list()) == 2

    def test_list(self, site: Site) -> None:
        """Every schedule tells what it does, and when it will next."""
        with worker(site) as rt:
            rt.schedules.add(hourly())
            rt.schedules.add(
                af.Schedule("daily", "lasting", cron="0 3 * * *", timezone="Asia/Tokyo")
            )
            daily, every_hour = rt.schedules.list()

            assert (daily.name, daily.workflow, daily.timezone) == (
                "daily",
                "lasting",
                "Asia/Tokyo",
            )
            assert daily.next_at == datetime(2026, 3, 1, 18, tzinfo=UTC).timestamp()
            assert every_hour.next_at == NOON + HOUR
            assert (every_hour.last_at, every_hour.running) == (None, ())

    def test_what_it_skipped_is_in_its_history(self, site: Site) -> None:
        """Whoever wonders why nothing started finds it in the log."""
        with worker(site) as rt:
            rt.schedules.add(hourly(workflow="lasting"))
            rt.clock.advance(2 * HOUR)
            row = rt.log.find("schedule", "hourly")
            assert row is not None
            ticked = [
                each.event
                for each in rt.log.read(row.id)
                if isinstance(each.event, ScheduleTicked)
            ]

            assert [(t.started, t.skipped) for t in ticked] == [
                ([NOON + HOUR], []),
                ([], [NOON + 2 * HOUR]),
            ]


class TestDefinition:
    """A schedule that has no meaning is refused where it is written."""

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"cron": "61 * * * *"}, "cron line '61 \\* \\* \\* \\*': bad minute"),
            ({"cron": "every day"}, "cron line 'every day'"),
            ({"cron": "0 0 */20 * 1L"}, "there is no such time"),
            ({"timezone": "Europe/Atlantis"}, "time zone 'Europe/Atlantis'"),
            ({"timezone": "../etc"}, "time zone '../etc'"),
            ({"overlap": "both"}, "overlap 'both': it is one of skip"),
            ({"catch_up": "some"}, "catch_up 'some'"),
            ({"catch_up_window": -1}, "catch_up_window -1"),
            ({"priority": "high"}, "priority must be a whole number, not 'high'"),
            ({"tags": "gpu"}, "tags must be"),
        ],
    )
    def test_refused(self, options: dict[str, Any], problem: str) -> None:
        """Each mistake is named."""
        with pytest.raises(af.DefinitionError, match=problem):
            af.Schedule("s", "reporting", **{"cron": "* * * * *", **options})

    def test_all_problems_at_once(self) -> None:
        """Whoever makes several mistakes learns of all of them."""
        with pytest.raises(af.DefinitionError) as caught:
            af.Schedule("a@b", "reporting", cron="x", timezone="y", overlap="z")  # type: ignore[arg-type]

        assert len(caught.value.problems) == 4

    def test_inputs_that_do_not_fit(self, site: Site) -> None:
        """Where the workflow is known, its inputs are checked when it is added."""
        with site.open(reporting) as rt, pytest.raises(af.InputError, match="'size'"):
            rt.schedules.add(hourly(workflow=reporting, inputs={"size": 1}))


class TestClocks:
    """Days on which clocks are changed."""

    @staticmethod
    def local(cron: str, day: str) -> list[str]:
        """Return when a line in Berlin comes on a day, in universal time."""
        first = datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()
        times = Cron(cron, "Europe/Berlin").between(first - 1, first + DAY)
        return [f"{datetime.fromtimestamp(each, UTC):%H:%M}" for each in times]

    def test_put_forward(self) -> None:
        """A time that is left out comes when the clocks are put forward."""
        assert self.local("30 2 * * *", "2026-03-28") == ["01:30"]
        assert self.local("30 2 * * *", "2026-03-29") == ["01:00"]
        assert self.local("30 2 * * *", "2026-03-30") == ["00:30"]

    def test_put_back(self) -> None:
        """A time that comes twice counts once."""
        assert self.local("30 2 * * *", "2026-10-25") == ["00:30"]
        assert self.local("30 2 * * *", "2026-10-26") == ["01:30"]

    def test_every_half_hour(self) -> None:
        """What comes every so many minutes goes on doing so."""
        assert self.local("*/30 * * * *", "2026-10-25")[:6] == [
            "00:00",
            "00:30",
            "01:00",
            "01:30",
            "02:00",
            "02:30",
        ]

    def test_latest(self) -> None:
        """The last time up to a moment may be that moment."""
        cron = Cron("0 * * * *", "UTC")

        assert cron.latest(NOON) == NOON
        assert cron.latest(NOON - 0.001) == NOON - HOUR
        assert cron.latest(NOON + 0.5) == NOON
