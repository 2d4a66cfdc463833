"""A fork has another execution's past, and a future of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.model import events as ev
from actorflow.testing import runtime
from tests.flows.test_simulation import EXAMPLES

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _fresh_calls() -> None:
    CALLS.clear()


def first() -> int:
    """Count a call, and return one."""
    CALLS.append("first")
    return 1


def second(first: int) -> int:
    """Count a call, and return one more."""
    CALLS.append("second")
    return first + 1


FLOW = af.Flow("two").then(first).then(second).build()


def test_a_fork_repeats_only_what_its_past_does_not_have() -> None:
    """The first four events have the first step in them; only the second runs again."""
    with runtime(FLOW) as rt:
        rt.start(FLOW, execution_id="a").result()
        CALLS.clear()

        assert rt.fork("a", at=4, execution_id="b").result() == {
            "first": 1,
            "second": 2,
        }
        assert CALLS == ["second"]


def test_a_fork_keeps_the_past_to_the_letter() -> None:
    """The taken-over events are the same, times included."""
    with runtime(FLOW) as rt:
        source = rt.start(FLOW, execution_id="a")
        source.result()
        fork = rt.fork("a", at=3)
        fork.result()

        assert fork.history()[:3] == source.history()[:3]


def test_the_source_of_a_fork_is_untouched() -> None:
    """Nothing is written to the other execution."""
    with runtime(FLOW) as rt:
        source = rt.start(FLOW, execution_id="a")
        source.result()
        before = source.history()
        rt.fork("a", at=2).result()

        assert source.history() == before


def test_an_id_that_is_taken_is_refused() -> None:
    """A fork never replaces an execution."""
    with runtime(FLOW) as rt:
        rt.start(FLOW, execution_id="a").result()

        with pytest.raises(af.ExecutionExistsError, match="'a' exists"):
            rt.fork("a", at=2, execution_id="a")


@pytest.mark.parametrize("at", [0, -1, 99])
def test_an_event_that_is_not_there_is_refused(at: int) -> None:
    """The error says which events there are."""
    with runtime(FLOW) as rt:
        rt.start(FLOW, execution_id="a").result()

        with pytest.raises(af.EventNotFoundError, match="has the events 1 to"):
            rt.fork("a", at=at)


@pytest.mark.parametrize(
    "make", [make for make, _ in EXAMPLES.values()], ids=list(EXAMPLES)
)
def test_a_fork_at_any_event_ends_as_the_source_did(make: Any) -> None:
    """Also at one in the middle of a decision, which is then taken over whole."""
    example = make()
    with runtime(example.flow, seed=1) as rt:
        source = rt.start(example.flow, execution_id="source", **example.inputs)
        expected = finish(source, example.signals)
        for at in range(1, len(source.history())):
            fork = finish(rt.fork("source", at=at), example.signals)

            assert (fork.status, fork.output) == (expected.status, expected.output), at


def finish(run: Any, signals: dict[str, Any]) -> af.ExecutionResult:
    """Give *run* what it waits for, until it has ended."""
    kind = ev.SignalReceived
    had = Counter(e.event.topic for e in run.history() if isinstance(e.event, kind))
    waiting = {
        topic: [*(given if isinstance(given, list) else [given])][had[topic] :]
        for topic, given in signals.items()
    }
    result: af.ExecutionResult = run.wait()
    while result.suspension is not None:
        rest = result.suspension
        topic = next((t for t in rest.topics if waiting.get(t)), None)
        if topic is not None:
            run.signal(topic, waiting[topic].pop(0))
        elif rest.reason == "paused":
            run.resume()
        else:
            clock = run._runtime.clock
            clock.advance(max(0.0, rest.wake_at - clock.time()))
        result = run.wait()
    return result


def test_a_fork_of_what_is_not_known_here_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By name, to whoever asks; it is no defect, and nothing is logged."""
    log = str(tmp_path / "log.db")
    with runtime(FLOW, log=log) as rt:
        rt.start(FLOW, execution_id="a").result()

    with (
        runtime(log=log) as rt,
        pytest.raises(af.UnknownDefinitionError, match="runs 'two'"),
    ):
        rt.fork("a", at=4, execution_id="b")

    assert not caplog.records
