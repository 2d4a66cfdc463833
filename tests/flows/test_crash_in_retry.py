"""A crash in the middle of a retry: nothing that was done is done again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import actorflow as af
from actorflow.log.memory_store import MemoryStore
from actorflow.testing import Crash, CrashingLog, VirtualClock, runtime
from tests.flows.helpers import Ailing, echo


class Settling(Ailing):
    """Knows which values are settled for good, and notes calls with one of those."""

    def __init__(self, *bad: int) -> None:
        super().__init__(*bad)
        self.returned: set[int] = set()
        self.settled: set[int] = set()
        self.repeated: list[int] = []

    def __call__(self, value: int) -> int:
        """Return *value*, or fail because of it."""
        if value in self.settled:
            self.repeated.append(value)
        result: int = super().__call__(value)
        self.returned.add(result)
        return result

    def settle(self) -> None:
        """Take what has returned so far for recorded, and heal one value."""
        self.settled |= self.returned
        self.bad = self.bad[1:]


def map_of_activities(ailing: Settling) -> af.Flow:
    """Two of five items fail."""
    return af.Flow("f").map("r", ailing, over=range(5), max_concurrency=2)


def map_of_flows(ailing: Settling) -> af.Flow:
    """Items fail in their second step."""
    body = (
        af.Flow("body", inputs=["n"])
        .then(echo, input={"value": "${n}"}, into="value")
        .sleep(1)
        .then(ailing)
        .output("ailing")
    )
    return af.Flow("f").map("r", body, over=range(5))


def fail_fast(ailing: Settling) -> af.Flow:
    """What was cancelled and what never began is run by the retry."""
    return af.Flow("f").map(
        "r", ailing, over=range(5), max_concurrency=1, on_error="fail_fast"
    )


def parallel(ailing: Settling) -> af.Flow:
    """Two of five arms fail."""
    arms = [
        af.Flow(f"arm{n}", state={"value": n}).then(ailing).output("ailing")
        for n in range(5)
    ]
    flow = af.Flow("f").parallel("p", *arms)
    return flow.then(echo, input=lambda s: {"value": list(s["p"].values())}, into="r")


def loop(ailing: Settling) -> af.Flow:
    """The second and the fourth iteration fail; all results are kept."""

    def body(done: list[int] | None) -> list[int]:
        sofar = done or []
        return [*sofar, ailing(len(sofar))]

    return af.Flow("f").loop("r", af.activity(body), max_iterations=5)


def nested(ailing: Settling) -> af.Flow:
    """Steps of a flow in a flow in a flow."""
    flow = af.Flow("f0", state={"results": []})
    for n in range(5):
        flow.then(ailing, input={"value": n}, into=f"v{n}")
    flow.then(echo, input=lambda s: {"value": [s[f"v{n}"] for n in range(5)]}, into="r")
    middle = af.Flow("f1").then(flow.output("r"), into="r").output("r")
    return af.Flow("f").then(middle, into="r")


MAKERS = (map_of_activities, map_of_flows, fail_fast, parallel, loop, nested)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("make", MAKERS, ids=lambda m: m.__name__)
def test_a_retry_survives_the_death_of_the_process(
    make: Callable[[Settling], af.Flow],
    after: bool,  # noqa: FBT001
) -> None:
    """Die at every write: the end is the same, and what was settled is not repeated."""
    at, crashed = 0, True
    while crashed:
        at += 1
        ailing = Settling(1, 3)
        crashed = _run(make(ailing).output("r").build(), ailing, at, after=after)

        assert ailing.repeated == []
    assert at > 5


def _run(flow: af.Flow, ailing: Settling, at: int, *, after: bool) -> bool:
    """Run until it is done, with a crash at write *at*; return whether it came."""
    store, clock = MemoryStore(), VirtualClock()
    log = CrashingLog(at=at, after=after, store=store, clock=clock.time)
    try:
        assert _drive(flow, ailing, log, clock) == [0, 1, 2, 3, 4]
    except Crash:
        log.abandon()
        log = CrashingLog(store=store, clock=clock.time)
        assert _drive(flow, ailing, log, clock) == [0, 1, 2, 3, 4]
        return True
    return False


def _drive(
    flow: af.Flow, ailing: Settling, log: CrashingLog, clock: VirtualClock
) -> list[int]:
    """Start, heal and retry as often as it fails; return the result."""
    with runtime(flow, log=log, clock=clock) as rt:
        run = rt.start(flow, execution_id="x")
        for _ in range(5):
            try:
                result: list[int] = run.result()
            except af.ExecutionFailed:
                # Whoever is told of a failure is told of what is durable.
                ailing.settle()
                rt.retry("x")
            else:
                return result
    pytest.fail("it fails for ever")
