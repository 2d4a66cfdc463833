"""What an execution is told by its parent, and by its children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actorflow.model import events as ev
from actorflow.model import rules
from actorflow.model.addresses import UNDO
from actorflow.model.events import Data
from actorflow.model.parts import Activation
from actorflow.model.rules import Fact
from actorflow.runtime.scope import ScopeActor


class Family(ScopeActor):
    """The commands that parents and children have for each other."""

    # -- from a child ------------------------------------------------------------------

    def do_child_ended(self, address: str | None, end: dict[str, Any]) -> None:
        """Take in how a child ended, unless that is known, or does not matter."""
        activation = self._waiting_for(address, end)
        if activation is None:
            return
        event: Any = self.run.services.codec.decode(end["tag"], end["text"])
        status = _STATUS[type(event)]
        if activation.kind == "undo_child" and status == "completed":
            return
        ended = ev.ChildEnded(
            end["execution"],
            end["seq"],
            status,
            output=getattr(event, "output", None),
            error=getattr(event, "error", None),
            reason=getattr(event, "reason", None),
            undoable=end["undoable"] and status == "completed",
        )
        self.run.record_one(activation.address, ended)
        self.run.settle(activation.address)

    def _waiting_for(
        self, address: str | None, end: dict[str, Any]
    ) -> Activation | None:
        state = self.run.state
        if state.outcome is not None:
            return None
        activation = state.children.get(address or "")
        if activation is not None and activation.in_flight:
            assert activation.link is not None
            same = activation.link.execution in (None, end["execution"])
            known = state.child_ends.get(end["execution"], 0)
            if same and end["seq"] > known:
                return activation
        undoing = (a for a in state.activations if a.startswith(UNDO))
        undo = state.activations.get(next(undoing, ""))
        if undo is None or undo.kind != "undo_child" or undo.phase != "running":
            return None
        return undo if undo.input["execution"] == end["execution"] else None

    # -- from its parent ---------------------------------------------------------------

    def do_parent_closed(self, reason: str | None, *, compensate: bool) -> None:
        """End with the parent, unless it was started to go on alone."""
        state = self.run.state
        link = state.origin or {}
        if state.outcome is not None or link.get("on_parent_close") == "abandon":
            return
        if state.compensating is not None:
            return
        reason = reason or f"its parent {link.get('execution')!r} does not need it"
        self.cancel(reason, compensate=compensate, by_parent=True)

    def do_parent_paused(self, *, paused: bool) -> None:
        """Pause, or go on, with the parent; a pause of one's own stays."""
        state = self.run.state
        pause = state.paused
        if state.outcome is not None:
            return
        if paused and pause is None:
            reason = f"its parent {(state.origin or {}).get('execution')!r} is paused"
            self.run.record_one("", ev.ExecutionPaused(None, reason, by_parent=True))
            self.run.settle_all()
        elif not paused and pause is not None and pause.by_parent:
            self.run.record_one("", ev.ExecutionResumed())
            self.run.answer(rules.answers(state))
            self.wake_branches()
            self.run.settle_all()
        else:
            return
        self.pause_children()

    def do_go_on(self, after: int, started: Sequence[Fact]) -> None:
        """Run again what failed or was cancelled; anew, if that was undone.

        The end that the parent has seen was event *after*: what came later, it has
        asked for before.
        """
        state = self.run.state
        if state.outcome is None or state.version > after:
            return
        begun: Any = started[0][1]
        if state.compensating is None and begun.inputs == state.inputs:
            self.run.record(("", ev.ExecutionRetried()))
            self.run.answer(rules.answers(state))
            self.wake_branches()
        else:
            self.do_restart(started)

    def do_compensate(self, parent: str, address: str) -> None:
        """Undo what has completed, as the parent undoes all it has done."""
        state = self.run.state
        if state.compensating is not None and state.outcome is None:
            return  # its end will tell
        ours = (state.origin or {}).get("execution") == parent
        if state.outcome == "completed" and state.compensations and ours:
            reason = f"its parent {parent!r} is undone"
            undone = ev.CompensationStarted(None, reason, by_parent=True)
            self.run.record_one("", undone)
            return
        # Nothing is left to be undone, or it is not this parent's to undo.
        end = {"execution": self.run.id, "seq": state.version, "undoable": False}
        tag, text = self.run.services.codec.encode(ev.ExecutionCancelled())
        told = {"address": address, "end": {**end, "tag": tag, "text": text}}
        self.run.post(parent, "child_ended", **told)

    # -- to children -------------------------------------------------------------------

    def pause_children(self) -> None:
        """Let children be paused as the branches are that wait for them."""
        state = self.run.state
        for address, activation in state.children.items():
            child = activation.link
            if child is None or not child.attached or activation.phase != "waiting":
                continue
            if child.execution is not None:
                paused = state.is_paused(address)
                self.run.post(child.execution, "parent_paused", paused=paused)

    # -- of an execution ---------------------------------------------------------------

    def cancel(
        self, reason: str | None, *, compensate: bool, by_parent: bool = False
    ) -> None:
        """End here and now, or undo what has completed and end then."""
        raise NotImplementedError

    def do_restart(self, started: Sequence[Fact]) -> None:
        """Begin anew under the same id."""
        raise NotImplementedError


_STATUS: dict[type, Data] = {
    ev.ExecutionCompleted: "completed",
    ev.ExecutionFailed: "failed",
    ev.ExecutionCancelled: "cancelled",
}
