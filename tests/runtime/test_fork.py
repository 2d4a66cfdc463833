"""A fork has another execution's past, and a future of its own."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.testing import runtime

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
