"""What was yielded upward, as a listener gets it: in order, or held back by a loop.

A loop may stream only its last iteration. Which one that was is known when it has
ended, so what its iterations yield is held back until then; it is in the log all along.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from actorflow.model import events as ev
from actorflow.model.events import Data, Recorded


@define
class _Held:
    """What the iteration at hand of a loop has yielded: (seq, value) each."""

    iteration: str = ""
    values: list[tuple[int, Data]] = field(factory=list)


class Yields:
    """Turns recorded events, from the first on, into the values to hand on.

    Args:
        after: values recorded until then are left out.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        self._loops: dict[str, _Held] = {}

    def __call__(self, recorded: Recorded) -> Iterator[Data]:
        """Yield what this event lets go."""
        event, address = recorded.event, recorded.address
        if isinstance(event, ev.ValueEmitted):
            yield from self._pass(address, recorded.seq, event.value)
        elif isinstance(event, ev.ActivationStarted):
            if event.kind == "loop" and event.input.get("stream") == "last":
                self._loops[address] = _Held()
        elif isinstance(event, ev.ActivationCompleted):
            held = self._loops.pop(address, None)
            for seq, value in held.values if held is not None else ():
                yield from self._pass(address, seq, value)
        elif isinstance(event, ev.ExecutionStarted):
            self._loops.clear()

    def _pass(self, address: str, seq: int, value: Data) -> Iterator[Data]:
        """Hand on a value from *address*, or let the loop that it lies in hold it."""
        within = self._innermost(address)
        if within is None:
            if seq > self._after:
                yield value
            return
        held, start = self._loops[within], len(within) + 1
        iteration = address[start:].partition("/")[0].partition("[")[0]
        if iteration != held.iteration:
            held.iteration, held.values = iteration, []
        held.values.append((seq, value))

    def _innermost(self, address: str) -> str | None:
        around = [loop for loop in self._loops if address.startswith(f"{loop}@")]
        return max(around, key=len, default=None)
