"""Durations, delays, and which failures are retried and caught."""

from __future__ import annotations

import asyncio
import contextlib
import math
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import actorflow as af
from actorflow.model.policy import (
    LONGEST,
    DescribedError,
    class_name,
    failure_data,
    failure_of,
    matches,
    next_try,
    optional_seconds,
    seconds,
)

# --- durations -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (90, 90.0),
        (0.25, 0.25),
        (-1, -1.0),  # for the checks of a definition to refuse, with its place
        (timedelta(minutes=1.5), 90.0),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        (" 1h  30m ", 5400.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        ("1w1d", 691_200.0),
        ("1m500ms", 60.5),
    ],
)
def test_duration_is_seconds(value: Any, expected: float) -> None:
    """Numbers, timedeltas and text say the same thing in three ways."""
    duration = seconds(value)

    assert (duration, type(duration)) == (expected, float)


@pytest.mark.parametrize(
    "text", ["", " ", "soon", "90", "1 fortnight", "h", "-1s", "1,5h", "1h30", "1e3s"]
)
def test_text_that_is_no_duration(text: str) -> None:
    """A bare number in quotes is refused as well: it has no unit."""
    with pytest.raises(ValueError, match="is not a duration; write seconds, or as in"):
        seconds(text)


@pytest.mark.parametrize("value", [None, (), [1], b"1s", True, math.nan, object()])
def test_what_is_no_duration(value: Any) -> None:
    """It is named, and so is what would be one."""
    with pytest.raises((TypeError, ValueError), match="is not a duration; write sec"):
        seconds(value)


@pytest.mark.parametrize(
    "value", [math.inf, 1e300, 10**400, f"{'9' * 400}s", "1000000w"]
)
def test_duration_that_nobody_waits(value: Any) -> None:
    """More than a thousand years breaks clocks and calendars, so it is refused."""
    with pytest.raises(ValueError, match="longer than a thousand years"):
        seconds(value)


@pytest.mark.parametrize(
    "value", [LONGEST, int(LONGEST), timedelta(days=365_000), "365000d"]
)
def test_a_thousand_years_are_not_longer_than_that(value: Any) -> None:
    """The longest duration is one, however it is written."""
    assert seconds(value) == LONGEST


def test_no_duration_is_none() -> None:
    """None is not nought: it is no limit at all."""
    assert optional_seconds(None) is None


@given(st.text(max_size=20))
def test_arbitrary_text_is_a_duration_or_a_value_error(text: str) -> None:
    """Nothing a file can say for a duration raises anything else."""
    with contextlib.suppress(ValueError):
        assert 0 <= seconds(text) <= LONGEST


# --- delays --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (af.Retry(), [1, 2, 4, 8, 16, 32, 60, 60]),
        (af.Retry(initial="500ms", factor=3, max_delay=None), [0.5, 1.5, 4.5, 13.5]),
        (af.Retry(factor=1), [1, 1, 1]),
        (af.Retry(factor=0), [1, 0, 0]),
        (af.Retry(initial=0), [0, 0, 0]),
        (af.Retry(initial=5, max_delay=2), [2, 2]),
    ],
)
def test_delays_grow_to_their_bound(policy: af.Retry, expected: list[float]) -> None:
    """Each wait is the last one times the factor, up to the longest."""
    tries = range(1, len(expected) + 1)

    assert [policy.delay(attempt, 0.5) for attempt in tries] == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(af.Retry(), 60), (af.Retry(max_delay=None), LONGEST), (af.Retry(initial=0), 0)],
)
def test_a_delay_that_outgrew_every_number_is_the_longest(
    policy: af.Retry, expected: float
) -> None:
    """After thousands of tries it waits as long as it may, not as short."""
    assert policy.delay(5000, 0.5) == expected


@given(
    st.builds(
        af.Retry,
        initial=st.floats(0, 1e6),
        factor=st.floats(0, 1e300) | st.integers(0, 10**30),
        max_delay=st.none() | st.floats(0, 1e6),
        jitter=st.floats(0, 1),
    ),
    st.integers(1, 10**9),
    st.floats(0, 1, exclude_max=True),
)
def test_delay_never_overflows(policy: af.Retry, attempt: int, chance: float) -> None:
    """However often it was tried: a number of seconds, between nought and the bound."""
    bound = LONGEST if policy.max_delay is None else policy.max_delay

    assert 0 <= policy.delay(attempt, chance) <= bound * (1 + policy.jitter)


@given(jitter=st.floats(0, 1), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_spreads_evenly(jitter: float, chance: float) -> None:
    """A jitter of a tenth is up to a tenth more or less."""
    delay = af.Retry(initial=10, jitter=jitter).delay(1, chance)

    assert 10 * (1 - jitter) <= delay <= 10 * (1 + jitter)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 9), (0.5, 10), (0.75, 10.5)])
def test_chance_lengthens_a_delay(chance: float, delay: float) -> None:
    """The least chance is the shortest wait."""
    assert af.Retry(initial=10, jitter=0.1).delay(1, chance) == pytest.approx(delay)


def test_delay_depends_on_nothing_but_its_arguments() -> None:
    """The model has no chance of its own, so a replayed delay is the same."""
    policy = af.Retry(jitter=0.5)

    assert policy.delay(3, 0.1) == policy.delay(3, 0.1) != policy.delay(3, 0.9)


# --- classes of failures -------------------------------------------------------------


class ShopError(Exception):
    """A user's own exception."""


class ShopClosedError(ShopError, ConnectionError):
    """One that is two things at once."""


def failure(error: BaseException) -> af.Failure:
    """Write *error* down."""
    return failure_of(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("x"), "activity_failed"),
        (ShopError(), "activity_failed"),
        (TimeoutError(), "timeout"),
        (asyncio.CancelledError(), "activity_failed"),
        (KeyboardInterrupt(), "activity_failed"),
        (af.ActivityError("x"), "activity_failed"),
        (af.ActivityError("x", type="declined"), "declined"),
        (af.ActivityError("x", type="timeout"), "timeout"),
        (af.ActivityError("x", type="fatal"), "fatal"),
        (ExceptionGroup("many", [TimeoutError()]), "activity_failed"),
    ],
    ids=repr,
)
def test_failure_has_a_class(error: BaseException, kind: str) -> None:
    """What an activity names, a timeout, or a failed activity; never by its message."""
    assert failure(error).type == kind


PATTERNS = {
    "all": "activity_failed timeout declined",
    "activity_failed": "activity_failed declined",
    "timeout": "timeout",
    "declined": "declined",
    "fatal": "fatal",
    "other": "",
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("kind", ["activity_failed", "timeout", "declined", "fatal"])
def test_classes_match_by_name(pattern: str, kind: str) -> None:
    """`all` is everything but fatal, `activity_failed` all but timeouts, too."""
    found = matches(failure(af.ActivityError("x", type=kind)), [pattern])

    assert found == (kind in PATTERNS[pattern].split())


@pytest.mark.parametrize(
    "pattern",
    [
        "ShopClosedError",
        "ShopError",
        "ConnectionError",
        "OSError",
        "Exception",
        "builtins:ConnectionError",
        f"{__name__}:ShopError",
    ],
)
def test_exceptions_match_by_any_of_their_classes(pattern: str) -> None:
    """An exception is named as `except` would name it, with its module or without."""
    assert matches(failure(ShopClosedError()), [pattern])


@pytest.mark.parametrize("pattern", ["ValueError", "Shop", "builtins:ShopError", ""])
def test_exceptions_do_not_match_what_they_are_not(pattern: str) -> None:
    """A part of a name, or a name from elsewhere, is another name."""
    assert not matches(failure(ShopClosedError()), [pattern])


def test_fatal_matches_no_exception_class() -> None:
    """What is fatal is matched by that name alone, whatever was raised."""
    fatal = failure(af.ActivityError("x", type="fatal"))

    assert not matches(fatal, ["all", "activity_failed", "ActivityError", "Exception"])


def test_policies_take_exception_classes() -> None:
    """In Python one writes the class; its name is what is recorded and compared."""
    policy = af.Retry(on=(ConnectionError, "timeout"), never=ShopError)

    assert policy.on == ("builtins:ConnectionError", "timeout")
    assert policy.never == (class_name(ShopError),)


@pytest.mark.parametrize(
    ("error", "covered"),
    [(ConnectionError(), True), (ShopClosedError(), False), (ValueError(), False)],
    ids=repr,
)
def test_never_wins_over_on(error: Exception, covered: bool) -> None:  # noqa: FBT001
    """A class that is not retried is not, whatever else it is."""
    policy = af.Retry(on=ConnectionError, never=ShopError)

    assert policy.covers(failure(error)) is covered


# --- the next try --------------------------------------------------------------------

POLICIES = (
    af.Retry(max_attempts=3, initial=1, on="timeout"),
    af.Retry(max_attempts=2, initial=7, on=ConnectionError),
)


@pytest.mark.parametrize(
    ("attempt", "error", "expected"),
    [
        (1, TimeoutError(), 1),
        (2, TimeoutError(), 2),
        (3, TimeoutError(), None),
        (1, ConnectionError(), 7),
        (2, ConnectionError(), None),
        (1, ValueError(), None),
    ],
    ids=repr,
)
def test_first_policy_that_covers_a_failure_decides(
    attempt: int, error: Exception, expected: float | None
) -> None:
    """Attempts are counted in all, and every failure is judged anew."""
    assert next_try(POLICIES, attempt, failure(error), 0.5) == expected


def test_no_policy_is_no_retry() -> None:
    """Nothing is retried unless somebody said so."""
    assert next_try((), 1, failure(TimeoutError()), 0.5) is None


# --- what is written down ------------------------------------------------------------


class HostileError(Exception):
    """An exception that does not want to be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("too small"), "too small"),
        (ValueError(), "ValueError"),
        (HostileError(), "HostileError"),
        (ValueError("half \ud800"), "half ?"),
    ],
    ids=["message", "none", "hostile", "surrogate"],
)
def test_every_failure_can_be_written_down(error: Exception, message: str) -> None:
    """A failure has a message that the log can hold, whatever the exception does."""
    assert failure(error).message == message


def test_failure_keeps_what_a_person_needs() -> None:
    """Class, message, traceback, place and details: enough to know what happened."""
    try:
        raise af.ActivityError("no money", type="declined", details={"code": 51})
    except af.ActivityError as error:
        written = failure_of(error, address="main/pay", node="pay")

    assert failure_data(written) == {
        "type": "declined",
        "message": "no money",
        "details": {"code": 51},
        "node": "pay",
        "address": "main/pay",
    }
    assert written.traceback is not None
    assert "raise af.ActivityError" in written.traceback


def test_what_was_never_raised_has_no_traceback() -> None:
    """A failure that somebody made, and did not raise, has only its message."""
    assert failure(ValueError("x")).traceback is None


def test_a_failure_that_was_described_is_taken_over() -> None:
    """What another process wrote down of an exception stays, but for its place."""
    told = evolve(failure(ShopError("shut")), address="elsewhere", node="other")

    assert failure_of(DescribedError(told), address="main/pay", node="pay") == evolve(
        told, address="main/pay", node="pay"
    )
