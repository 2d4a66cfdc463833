"""How failures are classified, retried and caught, and how durations are written."""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, cast

from attrs import Factory, evolve, field, frozen

from actorflow.errors import ActivityError
from actorflow.model.events import Failure
from actorflow.model.misfits import several
from actorflow.model.plain import plain, plainly

ErrorClass = str | type[BaseException]
"""What `on=` and `never=` take: an exception class, or an error class by name."""

Duration = float | str | timedelta
"""Seconds, or text such as ``"1h30m"``, or a timedelta."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DURATION = r"[0-9]+(?:\.[0-9]+)?(?:ms|[smhdw])"
"""One number with its unit, of which a duration has one or more."""

_NO_DURATION = "{!r} is not a duration; write seconds, or as in '1h30m'"
_PART = re.compile(DURATION)
LONGEST = 1000 * 365 * 86_400.0
"""Seconds: what is longer is a mistake, and more than clocks and calendars hold."""


def seconds(value: float | str | timedelta) -> float:
    """Return a duration in seconds: from seconds, a timedelta, or ``"1h30m"``.

    Raises:
        TypeError: it is none of these.
        ValueError: the text is no duration, or it is longer than a thousand years.
    """
    value = plain(value)
    if isinstance(value, timedelta):
        duration = value.total_seconds()
    elif isinstance(value, str):
        duration = _spelled_seconds(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(_NO_DURATION.format(value))
    else:
        # An int may be larger than any float.
        duration = math.inf if abs(value) > LONGEST else float(value)
    if math.isnan(duration):
        raise ValueError(_NO_DURATION.format(value))
    if duration > LONGEST:
        raise ValueError(f"a duration of {value!r:.40} is longer than a thousand years")
    return duration


def _spelled_seconds(value: str) -> float:
    text = value.replace(" ", "")
    if not text or _PART.sub("", text):
        raise ValueError(_NO_DURATION.format(value))
    parts = _PART.findall(text)
    units = [part.lstrip("0123456789.") for part in parts]
    return sum(
        float(part.removesuffix(unit)) * _UNITS[unit]
        for part, unit in zip(parts, units, strict=True)
    )


def count_problems(name: str, count: object) -> Iterator[str]:
    """Yield what is wrong with a number of things, of which at least one is needed."""
    if isinstance(count, bool) or not isinstance(count, int):
        yield f"{name} must be a whole number, not {count!r}"
    elif count < 1:
        yield f"{name} must be at least 1, not {count}"


def optional_seconds(value: float | str | timedelta | None) -> float | None:
    """Return `seconds(value)`, or None for None."""
    return None if value is None else seconds(value)


def _classes(value: ErrorClass | Sequence[ErrorClass]) -> tuple[str, ...]:
    entries: Any = several([value] if isinstance(value, str | type) else value)
    if isinstance(entries, tuple):
        return tuple(class_name(e) if isinstance(e, type) else e for e in entries)
    return cast("tuple[str, ...]", entries)


def class_name(cls: type[BaseException]) -> str:
    """Return the name under which an exception class is recorded and matched."""
    return f"{cls.__module__}:{cls.__qualname__}"


@frozen(kw_only=True, field_transformer=plainly)
class Retry:
    """When to try again, and how long to wait before.

    The delay before try *n* + 1 is ``initial * factor ** (n - 1)``, at most
    *max_delay*, spread by *jitter*: 0.1 means up to a tenth more or less.

    Attributes:
        max_attempts: tries in all, the first included.
        initial: seconds before the second try.
        factor: growth of the delay from try to try.
        max_delay: seconds at most, None for no bound; a minute, or *initial* if longer.
        jitter: part of the delay that is random, 0 to 1.
        on: error classes to retry: exception classes, or names such as ``"timeout"``;
            ``"all"`` is everything but ``fatal``.
        never: error classes that are not retried, whatever *on* says.
    """

    max_attempts: int = 3
    initial: float = field(default=1.0, converter=seconds)
    factor: float = 2.0
    max_delay: float | None = field(
        default=Factory(lambda retry: max(60.0, retry.initial), takes_self=True),
        converter=optional_seconds,
    )
    jitter: float = 0.0
    on: tuple[str, ...] = field(default=("all",), converter=_classes)
    never: tuple[str, ...] = field(default=(), converter=_classes)

    def delay(self, attempt: int, chance: float) -> float:
        """Return the seconds to wait after *attempt* failed; *chance* is in [0, 1)."""
        longest = LONGEST if self.max_delay is None else self.max_delay
        try:
            growth = float(self.factor) ** (attempt - 1)
        except OverflowError:  # as 2.0 ** 1024 does
            growth = LONGEST / self.initial if self.initial else 0.0
        delay = min(self.initial * growth, longest)
        return delay * (1 + self.jitter * (2 * chance - 1))

    def covers(self, failure: Failure) -> bool:
        """Return whether this policy is about *failure*."""
        return matches(failure, self.on) and not matches(failure, self.never)


@frozen(kw_only=True, field_transformer=plainly)
class Catch:
    """Where a branch goes on when a step has failed for good.

    Attributes:
        on: error classes, as in `Retry`.
        goto: the step to go on at.
        store: the variable that takes the failure, as a mapping with ``type``,
            ``message``, ``details``, ``node`` and ``address``; that of a map or a
            parallel has a list of all that failed there as ``causes``.
    """

    goto: str
    on: tuple[str, ...] = field(default=("all",), converter=_classes)
    store: str | None = None


@frozen(field_transformer=plainly)
class RateLimit:
    """*count* attempts in *per* seconds, for all who share *name*.

    A bucket of *count* tokens, full at first, that fills evenly: so many may begin at
    once, then one more every ``per / count`` seconds. Every attempt takes one.

    Attributes:
        name: shared by all limits of that name; without one, it is the activity's own.
    """

    count: int
    per: float = field(default=1.0, converter=seconds, kw_only=True)
    name: str | None = field(default=None, kw_only=True)


@frozen(field_transformer=plainly)
class ConcurrencyLimit:
    """At most *count* attempts at the same time, for all who share *name*.

    Attributes:
        name: shared by all limits of that name; without one, it is the activity's own.
    """

    count: int
    name: str | None = field(default=None, kw_only=True)


def matches(failure: Failure, patterns: Sequence[str]) -> bool:
    """Return whether one of *patterns* is a class of *failure*.

    ``all`` is everything but ``fatal``; ``activity_failed`` is everything but
    ``timeout`` and ``fatal``; any other name is an error type, or the name of one of
    the exception's classes, qualified or not.
    """
    return any(_matches(failure, pattern) for pattern in patterns)


def _matches(failure: Failure, pattern: str) -> bool:
    if failure.type == "fatal":
        return pattern == "fatal"
    if pattern == "all":
        return True
    if pattern == "activity_failed":
        return failure.type != "timeout"
    return pattern == failure.type or any(
        pattern in (name, name.rpartition(":")[2]) for name in failure.exceptions
    )


def next_try(
    policies: Sequence[Retry], attempt: int, failure: Failure, chance: float
) -> float | None:
    """Return the seconds until the next try, or None if there is none.

    Every failure is classified anew: the first policy that covers it decides.
    """
    for policy in policies:
        if policy.covers(failure):
            if attempt >= policy.max_attempts:
                return None
            return policy.delay(attempt, chance)
    return None


class DescribedError(Exception):
    """Stands for an exception that another process could only describe."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def failure_of(
    error: BaseException, *, address: str | None = None, node: str | None = None
) -> Failure:
    """Write down an exception.

    An `ActivityError` names its own class; a `TimeoutError` is a ``timeout``; all else
    is ``activity_failed``. A cancellation is not a timeout.
    """
    if isinstance(error, DescribedError):
        return evolve(error.failure, address=address, node=node)
    kind, details = "activity_failed", None
    if isinstance(error, ActivityError):
        kind, details = error.type, error.details
    elif isinstance(error, TimeoutError):
        kind = "timeout"
    return Failure(
        type=kind,
        message=_message(error),
        exceptions=tuple(
            class_name(cls)
            for cls in type(error).__mro__
            if issubclass(cls, BaseException)
        ),
        traceback=_traceback(error),
        details=details,
        address=address,
        node=node,
    )


def _message(error: BaseException) -> str:
    # str() of a hostile exception may itself raise; a failure must still be recorded.
    try:
        return _clean(str(error)) or type(error).__name__
    except Exception:  # noqa: BLE001
        return type(error).__name__


def _traceback(error: BaseException) -> str | None:
    if error.__traceback__ is None:
        return None
    try:
        return _clean("".join(traceback.format_exception(error)))
    except Exception:  # noqa: BLE001
        return None


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def failure_data(failure: Failure) -> dict[str, Any]:
    """Return what a `Catch` stores of a failure."""
    data = {
        "type": failure.type,
        "message": failure.message,
        "details": failure.details,
        "node": failure.node,
        "address": failure.address,
    }
    if failure.causes:
        data["causes"] = [failure_data(cause) for cause in failure.causes]
    return data
