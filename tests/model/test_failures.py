"""What is recorded of failures and outcomes, and how it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

import actorflow as af
from actorflow.model.events import Failure, Outcome, failure_data, outcome_data

ONE = Failure("timeout", "late", address="main/a[0]", node="a", traceback="File ...")
TWO = Failure("odd", "no", exceptions=("builtins:ValueError",), details={"n": [1]})
CODEC = af.Codec()
CODEC.register(Outcome, name="actorflow:Outcome")
CODEC.register(Failure, name="actorflow:Failure")
BOTH = Failure("activity_failed", "2 failed", causes=(ONE, TWO), execution="p/main/c")
ALL = Failure("activity_failed", "all failed", causes=(BOTH, ONE))


@pytest.mark.parametrize(
    ("failure", "single"),
    [(ONE, (ONE,)), (BOTH, (ONE, TWO)), (ALL, (ONE, TWO, ONE))],
)
def test_failures_in_a_failure(failure: Failure, single: tuple[Failure, ...]) -> None:
    """What is made of others is opened, however deep; a single one is itself."""
    assert failure.failures == single


@pytest.mark.parametrize(
    ("failure", "shown"),
    [(ONE, "timeout at main/a[0]: late"), (TWO, "odd: no")],
)
def test_failure_as_text(failure: Failure, shown: str) -> None:
    """Its class, its place if it has one, and what went wrong."""
    assert str(failure) == shown


def untraced(failure: Failure) -> Failure:
    """Return it without tracebacks, which are too long for every item of a map."""
    causes = tuple(untraced(cause) for cause in failure.causes)
    return evolve(failure, traceback=None, causes=causes)


@pytest.mark.parametrize("failure", [ONE, TWO, BOTH, ALL])
def test_failure_of_an_item_is_data(failure: Failure) -> None:
    """All of it but tracebacks is written so that the codec reads it."""
    assert CODEC.from_data(failure_data(failure)) == untraced(failure)


def test_data_of_a_failure_is_short() -> None:
    """A map may have many: what one does not have takes no room in the log."""
    assert not {"causes", "execution"} & failure_data(TWO)["v"].keys()
    assert outcome_data(1, None)["v"] == {"value": 1}


@pytest.mark.parametrize(
    ("value", "error"), [(None, None), ({"a": 1}, None), (None, TWO)]
)
def test_outcome_of_an_item_is_data(value: Any, error: Failure | None) -> None:
    """A map that goes on after failures has a value or a failure for every item."""
    back = CODEC.from_data(outcome_data(value, error))

    assert back == Outcome(value, error)
    assert back.ok == (error is None)
