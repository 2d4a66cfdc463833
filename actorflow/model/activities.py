"""Nodes that are functions: activities, which touch the world, and dynamic nodes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import WRAPPER_ASSIGNMENTS
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from attrs import evolve, field, fields, frozen

from actorflow.errors import DefinitionError
from actorflow.model.misfits import misfits, several
from actorflow.model.plain import plainly
from actorflow.model.policy import (
    ConcurrencyLimit,
    Duration,
    RateLimit,
    Retry,
    count_problems,
    optional_seconds,
)

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N")
ExecutorName = Literal["thread", "process", "async", "inline"]
EXECUTORS = ("thread", "process", "async", "inline")


def retries(value: Retry | Sequence[Retry] | None) -> tuple[Retry, ...]:
    """Return policies as a tuple, whether none, one or several are given."""
    if value is None:
        return ()
    return (value,) if isinstance(value, Retry) else several(value)


@frozen(eq=False, slots=False, field_transformer=plainly)
class Activity(Generic[P, R]):
    """A function that touches the world, with the policy under which it runs.

    Calling it calls the function, here and now, with nothing recorded.

    Attributes:
        fn: the function; sync or async.
        name: under which graphs and the log know it.
        retry: policies, tried in order; the first that covers a failure decides.
        timeout: seconds for one attempt, the first included.
        heartbeat_timeout: seconds after which an attempt that has told nothing (see
            `ActivityContext.heartbeat`) is given up.
        rate_limit: how often attempts may begin.
        concurrency_limit: how many attempts may run at the same time.
        executor: where it runs; an ``async def`` always runs on ``async``.
        compensate: the node that undoes it.
        key: a name for this call that stays the same when code moves.
        branch: of a call in a dynamic node: ``"sub"`` sets it apart under a name of its
            own, any other name puts it under that; see `ActivityContext.branch`.
        as_output: of a call in a dynamic node: its result is the node's.
    """

    fn: Callable[P, R]
    name: str
    retry: tuple[Retry, ...] = field(default=(), converter=retries)
    timeout: float | None = field(default=None, converter=optional_seconds)
    heartbeat_timeout: float | None = field(default=None, converter=optional_seconds)
    rate_limit: RateLimit | None = None
    concurrency_limit: ConcurrencyLimit | None = None
    executor: ExecutorName = "thread"
    compensate: Any = None
    key: str | None = None
    branch: str | None = None
    as_output: bool = False

    def __attrs_post_init__(self) -> None:
        _wrap(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly."""
        return self.fn(*args, **kwargs)

    def options(self, **changes: Any) -> Activity[P, R]:
        """Return a copy with other settings; the original is untouched.

        Raises:
            DefinitionError: a setting does not exist or has no meaning.
        """
        return with_options(self, changes, activity_problems)

    @property
    def is_limited(self) -> bool:
        """Whether an attempt may have to wait for others."""
        return self.rate_limit is not None or self.concurrency_limit is not None

    @property
    def is_async(self) -> bool:
        """Whether the function is an ``async def``."""
        return inspect.iscoroutinefunction(self.fn)

    @property
    def runs_on(self) -> ExecutorName:
        """The executor it runs on."""
        return "async" if self.is_async else self.executor


def _wrap(node: Any) -> None:
    # As functools.update_wrapper does, which cannot write to a frozen instance.
    for name in WRAPPER_ASSIGNMENTS:
        if hasattr(node.fn, name):
            node.__dict__[name] = getattr(node.fn, name)
    node.__dict__["__wrapped__"] = node.fn


def with_options(
    node: N, changes: Mapping[str, Any], problems_of: Callable[[N], Iterable[str]]
) -> N:
    """Return a copy of a node, an attrs object whose first field is what it runs.

    Raises:
        DefinitionError: with all problems: settings that do not exist, or else what
            *problems_of* says of the copy.
    """
    original = cast("Any", node)
    known = sorted(f.name for f in fields(type(original))[1:])
    unknown = sorted(set(changes) - set(known))
    if unknown:
        there = ", ".join(known)
        problems = [f"no option {name!r}; there are {there}" for name in unknown]
        raise DefinitionError(node_name(node), problems)
    try:
        copy: N = evolve(original, **changes)
    except (TypeError, ValueError) as error:  # of what makes values of what is given
        raise DefinitionError(node_name(node), [str(error)]) from None
    return checked(copy, problems_of)


def checked(node: N, problems_of: Callable[[N], Iterable[str]]) -> N:
    """Return *node*, or raise one `DefinitionError` with all its problems."""
    problems = misfits(node) or list(problems_of(node))
    if problems:
        raise DefinitionError(node_name(node), problems)
    return node


def activity_problems(activity: Activity[..., Any]) -> Iterable[str]:
    """Yield what is wrong with an activity's settings."""
    if not activity.name:
        yield "an activity needs a name"
    if activity.executor not in EXECUTORS:
        yield f"executor {activity.executor!r} is none of {', '.join(EXECUTORS)}"
    if activity.executor == "async" and not activity.is_async:
        yield "executor 'async' needs an `async def`"
    beat = activity.heartbeat_timeout
    if beat is not None and beat <= 0:
        yield f"heartbeat_timeout must be positive, not {beat:g} s"
    if beat is not None and activity.executor == "process":
        yield "heartbeat_timeout is not for executor 'process', which cannot tell"
    yield from attempt_problems(activity)
    yield from _limit_problems(activity.rate_limit, activity.concurrency_limit)


def attempt_problems(node: Any) -> Iterable[str]:
    """Yield what is wrong with the policy under which any node is tried."""
    if node.timeout is not None and node.timeout <= 0:
        yield f"timeout must be positive, not {node.timeout:g} s"
    for number, retry in enumerate(node.retry):
        yield from retry_problems(retry, f"retry[{number}]")


def _limit_problems(
    rate: RateLimit | None, slots: ConcurrencyLimit | None
) -> Iterable[str]:
    if rate is not None:
        yield from count_problems("rate_limit.count", rate.count)
    if slots is not None:
        yield from count_problems("concurrency_limit.count", slots.count)
    if rate is not None and rate.per <= 0:
        yield f"rate_limit.per must be positive, not {rate.per:g} s"


def retry_problems(retry: Retry, where: str) -> Iterable[str]:
    """Yield what is wrong with a retry policy."""
    yield from count_problems(f"{where}: max_attempts", retry.max_attempts)
    if retry.initial < 0:
        yield f"{where}: initial must not be negative, but is {retry.initial:g} s"
    if retry.factor < 0:
        yield f"{where}: factor must not be negative, but is {retry.factor:g}"
    elif not math.isfinite(retry.factor):
        yield f"{where}: factor must be finite, but is {retry.factor:g}"
    if not 0 <= retry.jitter <= 1:
        yield f"{where}: jitter must be between 0 and 1, not {retry.jitter:g}"
    if retry.max_delay is not None and retry.max_delay < 0:
        yield f"{where}: max_delay must not be negative, but is {retry.max_delay:g} s"
    if retry.max_delay is not None and retry.initial > retry.max_delay:
        yield (
            f"{where}: initial ({retry.initial:g} s) is more than max_delay "
            f"({retry.max_delay:g} s)"
        )
    if not retry.on:
        yield f"{where}: `on` is empty, so nothing would be retried"


@overload
def activity(fn: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    retry: Retry | Sequence[Retry] | None = None,
    timeout: Duration | None = None,
    heartbeat_timeout: Duration | None = None,
    rate_limit: RateLimit | None = None,
    concurrency_limit: ConcurrencyLimit | None = None,
    executor: ExecutorName = "thread",
    compensate: Any = None,
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(fn: Callable[P, R] | None = None, /, **settings: Any) -> Any:
    """Make a function an activity: bare, or with a policy.

    See `Activity` for the settings.

    Raises:
        DefinitionError: a setting has no meaning; all problems are listed.
    """

    def wrap(fn: Callable[P, R]) -> Activity[P, R]:
        given = {key: value for key, value in settings.items() if value is not None}
        return Activity(fn, given.pop("name", _name_of(fn))).options(**given)

    return wrap if fn is None else wrap(fn)


@frozen(eq=False, slots=False, field_transformer=plainly)
class Dynamic(Generic[P, R]):
    """A node that orchestrates others in ordinary Python.

    The coroutine runs without a thread, on a loop that makes what asyncio offers
    durable. After a restart it runs again from its top, and meets what was recorded.

    Attributes:
        fn: an ``async def``, or a ``def`` (which runs on a thread), whose first
            parameter is the `Context`.
        name: under which it is recorded.
        key: a name for this call that stays the same when code moves.
        retry: policies: when to run it again from its top, calling everything anew.
        timeout: seconds for one such attempt.
        branch: as of an activity; *as_output* likewise.
    """

    fn: Callable[P, R]
    name: str
    key: str | None = None
    retry: tuple[Retry, ...] = field(default=(), converter=retries)
    timeout: float | None = field(default=None, converter=optional_seconds)
    branch: str | None = None
    as_output: bool = False

    def __attrs_post_init__(self) -> None:
        _wrap(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly."""
        return self.fn(*args, **kwargs)

    def options(self, **changes: Any) -> Dynamic[P, R]:
        """Return a copy with other settings; the original is untouched.

        Raises:
            DefinitionError: a setting does not exist or has no meaning.
        """
        return with_options(self, changes, attempt_problems)

    @property
    def is_async(self) -> bool:
        """Whether it is an ``async def``."""
        return inspect.iscoroutinefunction(self.fn)

    @property
    def runs_on(self) -> str:
        """The executor of a ``def``: a thread for every node."""
        return "node"


@overload
def dynamic(fn: Callable[P, R], /) -> Dynamic[P, R]: ...
@overload
def dynamic(
    *,
    name: str | None = None,
    retry: Retry | Sequence[Retry] | None = None,
    timeout: Duration | None = None,
) -> Callable[[Callable[P, R]], Dynamic[P, R]]: ...
def dynamic(fn: Callable[P, R] | None = None, /, **settings: Any) -> Any:
    """Make a function a dynamic node: bare, or with a policy.

    See `Dynamic` for the settings.

    Raises:
        DefinitionError: a setting has no meaning; all problems are listed.
    """

    def wrap(fn: Callable[P, R]) -> Dynamic[P, R]:
        given = {key: value for key, value in settings.items() if value is not None}
        name = given.pop("name", None) or _name_of(fn)
        return Dynamic(fn, name).options(**given)

    return wrap if fn is None else wrap(fn)


def as_activity(node: Any) -> Activity[..., Any]:
    """Return the activity that *node* is, or that a plain function makes."""
    if isinstance(node, Activity):
        return node
    if not callable(node):
        raise DefinitionError(repr(node), [f"{node!r} is not callable"])
    return activity(node)


def node_name(node: Any) -> str:
    """Return the name under which a node is recorded."""
    if isinstance(node, str):
        return node
    return str(getattr(node, "name", None) or _name_of(node))


def _name_of(fn: Any) -> str:
    return str(getattr(fn, "__name__", None) or type(fn).__name__)
