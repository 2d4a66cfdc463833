"""How a caller gets the answer to an update: from here, or out of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actorflow.errors import ExecutionEndedError
from actorflow.model.events import Data
from actorflow.model.state import ENDED
from actorflow.runtime.messages import Command
from actorflow.runtime.replay import fold
from actorflow.runtime.serving import Answer, Posted, answers, kept_in

if TYPE_CHECKING:
    from actorflow.runtime.steering import Steering

PAGE = 500


def ask(  # noqa: PLR0917 - what `Runtime.ask` is given
    runtime: Steering,
    execution_id: str,
    name: str,
    value: Data,
    key: str | None,
    timeout: float | None,
) -> Any:
    """Send an update; return the answer.  See `Runtime.ask`."""
    clock = runtime.clock
    end = None if timeout is None else clock.monotonic() + timeout
    mine = key if key is not None else runtime.new_key()
    data = {"name": name, "value": value, "key": mine, "keyed": key is not None}
    try:
        answer = runtime.send(execution_id, Command("update", data), timeout)
        if isinstance(answer, Posted):
            answer = _from_log(runtime, execution_id, name, mine, answer.head, end)
    except ExecutionEndedError:
        state = fold(runtime.log, runtime.row(execution_id).id)
        answer = kept_in(state, execution_id, name, mine)
        if answer is None:
            raise
    except TimeoutError:
        message = (
            f"update {name!r} of execution {execution_id!r} has not been answered "
            f"within {timeout or 0:g} s; it may still be done"
        )
        raise TimeoutError(message) from None
    return runtime.codec.from_data(answer.data, path=name)


def _from_log(  # noqa: PLR0917 - all of them say what to look for
    runtime: Steering,
    execution_id: str,
    name: str,
    key: str,
    after: int,
    end: float | None,
) -> Answer:
    """Wait for an answer that another process records."""
    state = fold(runtime.log, runtime.row(execution_id).id)
    kept = kept_in(state, execution_id, name, key)
    if kept is not None:
        return kept
    with runtime.bells.events(execution_id) as bell:
        while True:
            rung = bell.arm()
            row = runtime.row(execution_id)
            page = runtime.events_page(row, after, PAGE)
            for answer in answers(iter(page), execution_id, name, key):
                return answer
            after += len(page)
            if len(page) == PAGE:
                continue
            if row.status in ENDED:
                raise ExecutionEndedError(execution_id, row.status)
            runtime.check()
            left = None if end is None else end - runtime.clock.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            runtime.wait(rung, left)
