"""Playing the outside for the executions in `definitions`."""

from __future__ import annotations

from typing import Any

from actorflow.runtime.handle import ExecutionResult
from tests.histories.definitions import Run


def finish(handle: Any, run: Run) -> ExecutionResult:
    """Give an execution what it waits for, until it has ended."""
    result: ExecutionResult = handle.wait()
    while result.suspension is not None:
        rest = result.suspension
        topic = next((t for t in rest.topics if t in run.signals), None)
        question = next((q for q in rest.questions if q in run.answers), None)
        if topic is not None:
            handle.signal(topic, run.signals[topic], key=topic)
        elif question is not None:
            handle.answer(question, run.answers[question])
        elif rest.reason == "paused":
            handle.resume()
        else:
            clock = handle._runtime.clock
            clock.advance(max(0.0, rest.wake_at - clock.time()))
        result = handle.wait()
    return result


def ending(result: ExecutionResult) -> list[Any]:
    """Return how it ended, as JSON has it."""
    reason = result.error.message if result.error else None
    return [result.status, result.output, reason]
