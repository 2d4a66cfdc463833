"""What a caller holds of an execution: `ExecutionHandle`, and what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from actorflow.errors import ExecutionCancelled, ExecutionFailed
from actorflow.log.port import StreamRow
from actorflow.model.events import Failure, Recorded
from actorflow.model.journal import Occurrence
from actorflow.model.state import ENDED
from actorflow.model.timeline import Timeline
from actorflow.runtime.typed import typed
from actorflow.runtime.yielding import Yields

if TYPE_CHECKING:
    from actorflow.actors.future import PooledFuture

PAGE = 500
PATIENCE = 60.0
"""Seconds to wait for the answer to an update, unless the caller says otherwise."""
RESTING = ("suspended", "paused")


@frozen
class Suspension:
    """Why an execution rests, and what would move it.

    Attributes:
        reason: ``paused``, ``sleeping`` or ``waiting``: the first that applies.
        wake_at: when its earliest clock rings, seconds since the epoch.
        topics: of the signals it waits for.
        updates: names of the updates it takes.
        questions: ids of the questions it waits for.
        branches: what each resting branch waits for, by address.
        children: why the children rest that it waits for, by id; their `wake_at` counts
            as its own.
    """

    reason: str
    wake_at: float | None = None
    topics: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    branches: Mapping[str, str] = field(factory=dict)
    updates: tuple[str, ...] = ()
    children: Mapping[str, Suspension] = field(factory=dict)


@frozen
class OpenQuestion:
    """A question that somebody has to answer."""

    execution_id: str
    id: str
    prompt: str
    schema: Any
    address: str


@frozen
class ExecutionResult:
    """How far an execution has come, when `wait` returned.

    Attributes:
        status: running, suspended, paused, completed, failed or cancelled.
        output: of a completed execution.
        error: of a failed one.
        suspension: of a suspended or paused one.
        started_at: seconds since the epoch; *finished_at* likewise.
    """

    id: str
    status: str
    output: Any = None
    error: Failure | None = None
    suspension: Suspension | None = None
    started_at: float = 0.0
    finished_at: float | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, None before the end."""
        if self.finished_at is None:
            return None
        return self.finished_at - self.started_at


@typed()
class ExecutionHandle:
    """One execution, wherever it runs.  Cheap; holds nothing but the id."""

    def __init__(self, runtime: Any, execution_id: str) -> None:
        self._runtime = runtime
        self.id = execution_id

    def __repr__(self) -> str:
        return f"<ExecutionHandle {self.id!r}>"

    @property
    def status(self) -> str:
        """Its status, as durably recorded."""
        return str(self._runtime.row(self.id).status)

    # -- waiting -----------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end; return the output.

        Raises:
            ExecutionFailed: it failed.
            ExecutionCancelled: it was cancelled.
            TimeoutError: it has not ended within *timeout* seconds; it goes on.
        """
        return _output(self._wait_for(ENDED, timeout))

    def wait(self, timeout: float | None = None) -> ExecutionResult:
        """Wait for the end, or until only the outside (a signal, a time) can move it.

        Raises:
            TimeoutError: neither came within *timeout* seconds.
        """
        return self._wait_for((*ENDED, *RESTING), timeout)

    def _wait_for(
        self, statuses: Sequence[str], timeout: float | None
    ) -> ExecutionResult:
        runtime = self._runtime
        clock = runtime.clock
        end = None if timeout is None else clock.monotonic() + timeout
        with runtime.bells.status(self.id) as bell:
            while True:
                rung = bell.arm()
                row = runtime.row(self.id)
                if row.status in statuses and not runtime.is_moving(row):
                    return runtime.result_of(row)  # type: ignore[no-any-return]
                runtime.check()
                left = None if end is None else end - clock.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(_still(row, timeout))
                try:
                    runtime.wait(rung, left)
                except TimeoutError:
                    row = runtime.row(self.id)
                    if row.status not in statuses:
                        raise TimeoutError(_still(row, timeout)) from None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result_async().__await__()

    async def _result_async(self) -> Any:
        runtime = self._runtime
        with runtime.bells.status(self.id) as bell:
            while True:
                rung = bell.arm()
                row = await asyncio.to_thread(runtime.row, self.id)
                if row.status in ENDED:
                    return _output(await asyncio.to_thread(runtime.result_of, row))
                runtime.check()
                await _rung(runtime, rung)

    # -- reading -----------------------------------------------------------------------

    def stream(self, after: int = 0) -> EventStream:
        """Give every event after *after*, live, until the execution has ended.

        For both ``for`` and ``async for``. Events come from the log, in its order,
        only when durable; a slow reader costs nothing.
        """
        return EventStream(self._runtime, self.id, after, lambda recorded: (recorded,))

    def emitted(self, after: int = 0) -> EventStream:
        """Give what was yielded upward, in the one order, until the end.

        Args:
            after: leave out what was recorded until event *after*.
        """
        values, yields = self._runtime.codec, Yields(after)

        def values_of(recorded: Recorded) -> Iterator[Any]:
            for value in yields(recorded):
                yield values.from_data(value, path="emitted")

        # From the first event on: a loop that is under way may hold values back.
        return EventStream(self._runtime, self.id, 0, values_of)

    def history(self) -> list[Recorded]:
        """Return every durable event so far."""
        return list(self._runtime.history(self.id))

    def timeline(self) -> Timeline:
        """See `Runtime.timeline`."""
        timeline: Timeline = self._runtime.timeline(self.id)
        return timeline

    def activity_log(self) -> Iterator[Occurrence]:
        """See `Runtime.activity_log`."""
        return iter(self._runtime.activity_log(self.id))

    def state(self, at: int | None = None) -> Any:
        """Return the checkpoint after event *at*, by default after the last."""
        return self._runtime.state(self.id, at=at)

    # -- steering ----------------------------------------------------------------------

    def signal(
        self, topic: str, payload: Any = None, *, key: str | None = None
    ) -> None:
        """See `Runtime.signal`."""
        self._runtime.signal(self.id, topic, payload, key=key)

    def ask(
        self,
        name: str,
        value: Any = None,
        *,
        key: str | None = None,
        timeout: float | None = PATIENCE,
    ) -> Any:
        """See `Runtime.ask`."""
        return self._runtime.ask(self.id, name, value, key=key, timeout=timeout)

    def query(self, name: str, *args: Any, address: str | None = None) -> Any:
        """See `Runtime.query`."""
        return self._runtime.query(self.id, name, *args, address=address)

    def answer(self, question: str, value: Any, *, by: str | None = None) -> None:
        """See `Runtime.answer`."""
        self._runtime.answer(self.id, question, value, by=by)

    def pause(self, *, branch: str | None = None, reason: str | None = None) -> None:
        """See `Runtime.pause`."""
        self._runtime.pause(self.id, branch=branch, reason=reason)

    def resume(self, *, branch: str | None = None) -> None:
        """See `Runtime.resume`."""
        self._runtime.resume(self.id, branch=branch)

    def cancel(self, *, reason: str | None = None, compensate: bool = False) -> None:
        """See `Runtime.cancel`."""
        self._runtime.cancel(self.id, reason=reason, compensate=compensate)

    def retry(self) -> None:
        """See `Runtime.retry`."""
        self._runtime.retry(self.id)


class EventStream:
    """Events of one execution as they become durable; ends when it does."""

    def __init__(
        self,
        runtime: Any,
        execution_id: str,
        after: int,
        view: Callable[[Recorded], Iterable[Any]],
    ) -> None:
        self._runtime = runtime
        self._id = execution_id
        self._after = after
        self._view = view

    def __iter__(self) -> Iterator[Any]:
        runtime = self._runtime
        with runtime.bells.events(self._id) as bell:
            while True:
                rung = bell.arm()
                row, page = self._page()
                yield from self._views(page)
                if len(page) == PAGE:
                    continue
                if row.status in ENDED:
                    return
                runtime.check()
                runtime.ring_when_durable(bell)
                runtime.wait(rung, None)

    async def __aiter__(self) -> AsyncIterator[Any]:
        runtime = self._runtime
        with runtime.bells.events(self._id) as bell:
            while True:
                rung = bell.arm()
                row, page = await asyncio.to_thread(self._page)
                for value in self._views(page):
                    yield value
                if len(page) == PAGE:
                    continue
                if row.status in ENDED:
                    return
                runtime.check()
                runtime.ring_when_durable(bell)
                await _rung(runtime, rung)

    def _page(self) -> tuple[StreamRow, list[Recorded]]:
        # The row first: if it says "ended", the page that follows has all there is.
        row = self._runtime.row(self._id)
        page = self._runtime.events_page(row, self._after, PAGE)
        if page:
            self._after = page[-1].seq
        return row, page

    def _views(self, page: list[Recorded]) -> Iterator[Any]:
        for recorded in page:
            yield from self._view(recorded)


async def _rung(runtime: Any, rung: PooledFuture[None]) -> None:
    """Wait for a bell from asyncio."""
    if runtime.is_virtual:
        runtime.wait(rung, None)
        return
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake(_: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(woken.set)

    rung.when_done(wake)
    await woken.wait()


def _output(result: ExecutionResult) -> Any:
    if result.status == "completed":
        return result.output
    if result.status == "cancelled":
        reason = result.error.message if result.error else None
        raise ExecutionCancelled(result.id, reason)
    raise ExecutionFailed(result.id, result.error)


def _still(row: StreamRow, timeout: float | None) -> str:
    within = "" if timeout is None else f" within {timeout:g} s"
    waits = ", ".join(
        str(wait.get("topic") or wait.get("reason") or wait["kind"])
        for wait in row.waits
    )
    waiting = f"; it waits for {waits}" if waits else ""
    return f"execution {row.name!r} has not ended{within}: it is {row.status}{waiting}"
