"""Callbacks around executions, branches and steps, as a subscriber of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import evolve

from actorflow.model.events import Recorded
from actorflow.model.journal import Happening, Journal, Occurrence
from actorflow.model.state import ENDED

History = Callable[..., Iterable[Recorded]]


class Lifecycle:
    """Subclass it, override what you want to know, and hand it to `Runtime.subscribe`.

    Every method is called once for its event, in the order of the log; not again when
    an execution is resumed, since nothing is recorded again then.
    """

    def __init__(self) -> None:
        self._journals: dict[str, Journal] = {}
        self._history: History | None = None
        self._values: Any = None

    # -- to be overridden --

    def execution_started(self, execution: Occurrence) -> None:
        """An execution has begun, with ``input``."""

    def execution_ended(self, execution: Occurrence) -> None:
        """It is completed with ``result``, failed with ``error``, or cancelled."""

    def branch_started(self, branch: Occurrence) -> None:
        """A branch has begun."""

    def branch_ended(self, branch: Occurrence) -> None:
        """A branch has ended or failed."""

    def step_started(self, step: Occurrence) -> None:
        """A step, an item or a call has begun, with ``input``."""

    def step_ended(self, step: Occurrence) -> None:
        """It has ended, with ``result`` or ``error``, or was cancelled."""

    def attempt_failed(self, step: Occurrence) -> None:
        """A try has failed with ``error``, and there will be another."""

    # -- being called --

    def attach(self, history: History, values: Any) -> None:
        """Learn where to read what came before the first event seen."""
        self._history, self._values = history, values

    def __call__(self, execution_id: str, recorded: Recorded) -> None:
        """Take one event, and call what it means."""
        journal = self._journal(execution_id, recorded.seq)
        for what, of in list(journal.take(recorded)):
            self._call(what, self._brought_back(of))
            if of.kind == "execution" and of.status in ENDED:
                del self._journals[execution_id]

    def _journal(self, execution_id: str, seq: int) -> Journal:
        journal = self._journals.get(execution_id)
        if journal is None or journal.version != seq - 1:
            journal = Journal(execution_id)
            if seq > 1 and self._history is not None:
                for earlier in self._history(execution_id, until=seq - 1):
                    _drain(journal.take(earlier))
            self._journals[execution_id] = journal
        return journal

    def _call(self, what: str, of: Occurrence) -> None:
        if what == "retries":
            self.attempt_failed(of)
            return
        kind = of.kind if of.kind in ("execution", "branch") else "step"
        getattr(self, f"{kind}_{what}")(of)

    def _brought_back(self, of: Occurrence) -> Occurrence:
        """Return it with values in the place of what was recorded of them."""
        if self._values is None:
            return of
        bring = self._values.from_data
        return evolve(of, input=bring(of.input), result=bring(of.result))


def _drain(happenings: Iterator[Happening]) -> None:
    for _ in happenings:
        pass
