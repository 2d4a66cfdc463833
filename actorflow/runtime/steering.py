"""By what executions are moved from outside: signals, pauses, retries, ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from actorflow.actors.future import PooledFuture
from actorflow.actors.ref import PooledRef
from actorflow.actors.system import ActorSystem
from actorflow.errors import ExecutionNotEndedError
from actorflow.log.port import EXECUTION, Filters
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.sweeping import live_keys
from actorflow.model.state import ENDED
from actorflow.runtime import asked
from actorflow.runtime.bells import Bells
from actorflow.runtime.errands import Delete, Fork, Route
from actorflow.runtime.handle import PATIENCE, ExecutionHandle
from actorflow.runtime.messages import Command
from actorflow.runtime.reader import Reader, check_event
from actorflow.runtime.services import Services
from actorflow.runtime.settings import check_settings
from actorflow.runtime.typed import typed

PRUNED = 100
"""Executions that are deleted in one transaction."""


@typed(but=("new_key", "send", "wait"))
class Steering(Reader):
    """Sends commands to executions; a `Runtime` does."""

    _directory: PooledRef[Any]
    _system: ActorSystem
    _services: Services
    bells: Bells

    def signal(
        self,
        execution_id: str,
        topic: str,
        payload: Any = None,
        *,
        key: str | None = None,
    ) -> None:
        """Send a message to an execution; return when it cannot be lost any more.

        It is kept until a wait on *topic* consumes it, once, first come first served.
        A second signal with the same *key* is ignored.
        """
        data = self.codec.to_record(payload, path="payload")
        self._command(execution_id, "signal", topic=topic, payload=data, key=key)

    def ask(
        self,
        execution_id: str,
        name: str,
        value: Any = None,
        *,
        key: str | None = None,
        timeout: float | None = PATIENCE,
    ) -> Any:
        """Have a dynamic node do an update; return what its handler returned.

        The execution is woken if it rests, and the answer is durable when this returns.
        An execution that is paused takes no updates; this waits.

        Args:
            execution_id: whose node it is.
            name: of the update, as given to `Context.on_update`.
            value: what the handler is given.
            key: makes it safe to ask again: for the life of the execution, an update
                with the same name and key is done once, and has one answer.
            timeout: seconds to wait; None waits as long as it takes.

        Raises:
            UpdateRejected: the node refused it; nothing has changed.
            UpdateFailed: its handler failed; `.cause` says why.
            HandlerNotFoundError: no node takes such updates now.
            ExecutionEndedError: the execution has ended.
            TimeoutError: no answer within *timeout* seconds. The update may still be
                done; ask again with the same key.
        """
        data = self.codec.to_record(value, path="value")
        return asked.ask(self, execution_id, name, data, key, timeout)

    def query(
        self, execution_id: str, name: str, *args: Any, address: str | None = None
    ) -> Any:
        """Return what a dynamic node says of itself; nothing is recorded or changed.

        The execution is woken if it rests. `state` tells of any execution what its log
        says, wherever it runs.

        Args:
            execution_id: whose node it is.
            name: of the query, as given to `Context.on_query`.
            args: what its function is given.
            address: of the node, where several answer that query.

        Raises:
            QueryFailed: the function raised, or several nodes answer.
            HandlerNotFoundError: no node answers such queries now.
            ReadOnlyError: the function tried to change something.
            ExecutionEndedError: the execution has ended.
            OwnedError: another process runs the execution; ask there.
        """
        given = [
            self.codec.to_data(a, path=f"argument {n}") for n, a in enumerate(args)
        ]
        data = {"name": name, "args": given, "address": address}
        answer = self.send(execution_id, Command("query", data), None)
        return self.codec.from_data(answer.data, path=name)

    def send(self, execution_id: str, command: Command, timeout: float | None) -> Any:
        """Bring a command to its execution; return its reply.

        Raises:
            TimeoutError: there was none within *timeout* seconds.
        """
        self.check()
        reply: PooledFuture[Any] = PooledFuture()
        command.reply = reply
        self._directory.tell(Route(execution_id, command))
        try:
            return self._system.wait(reply, timeout)
        except TimeoutError:
            command.withdrawn = True
            raise

    def new_key(self) -> str:
        """Return a key that nobody else has."""
        return f"{self._services.random.getrandbits(80):020x}"

    def answer(
        self, execution_id: str, question: str, value: Any, *, by: str | None = None
    ) -> None:
        """Answer an open question; return when the answer is durable.

        Raises:
            AnswerError: there is no such question, it is answered already, or the value
                is not of the type asked for (then it stays open).
        """
        data = self.codec.to_data(value, path="answer")
        given = {"question": question, "value": data, "by": by}
        self._ask(
            lambda reply: Route(execution_id, Command("answer", given, None, reply))
        )

    def pause(
        self, execution_id: str, *, branch: str | None = None, reason: str | None = None
    ) -> None:
        """Stop an execution, or a branch, at its next boundary; its clocks stand still.

        What is running finishes and is recorded.
        """
        self._command(execution_id, "pause", branch=branch, reason=reason)

    def resume(self, execution_id: str, *, branch: str | None = None) -> None:
        """Unpause: what was paused by `pause`, and steps that pause by themselves."""
        self._command(execution_id, "resume", branch=branch)

    def cancel(
        self, execution_id: str, *, reason: str | None = None, compensate: bool = False
    ) -> None:
        """End an execution now; results of what still runs are discarded.

        With *compensate*, what runs is finished, and everything completed that names a
        compensation is undone, the last first, before it ends.
        """
        undo = compensate or None
        self._command(execution_id, "cancel", reason=reason, compensate=undo)

    def retry(self, execution_id: str) -> None:
        """Let a failed execution go on: only what failed runs again."""
        self._command(execution_id, "retry")

    def fork(
        self, source: str, /, *, at: int, execution_id: str | None = None
    ) -> ExecutionHandle:
        """Start a new execution with the first *at* events of another as its past.

        What was in flight then runs again in the new one; the other is untouched. What
        was decided together with the last event (a flow begins with its first branch)
        is taken over with it.

        Args:
            source: the id of the other execution.
            at: seq of the last event that is taken over.
            execution_id: of the new execution; made up if not given.

        Raises:
            ExecutionExistsError: the new id is taken.
            EventNotFoundError: the other has no event *at*.
        """
        row = self.row(source)
        check_event(row, at)
        new_id = self._id(execution_id, row.type)
        self._ask(lambda reply: Fork(source, at, new_id, reply))
        return ExecutionHandle(self, new_id)

    def delete(self, execution_id: str, *, reason: str = "deleted") -> None:
        """Delete an execution that has ended, with everything of its own.

        Its events, snapshots, search attributes and what is left for it in the inbox
        are gone for good, and its id is free. Its children are executions of their own.

        Raises:
            ExecutionNotFoundError: there is none.
            ExecutionNotEndedError: it has not ended, or what it owes others (say, to
                start what follows it) is not done yet.
        """
        row = self.row(execution_id)
        if row.status not in ENDED:
            raise ExecutionNotEndedError(execution_id, row.status)
        if not self._ask(lambda reply: Delete([execution_id], reason, reply)):
            hint = "what follows it is not started yet, or a process still has it"
            raise ExecutionNotEndedError(execution_id, row.status, hint)

    def prune(
        self,
        *,
        older_than: float,
        status: str | Collection[str] = ENDED,
        workflow: str | None = None,
        where: Mapping[str, Any] | None = None,
        reason: str | None = None,
        archive: str | Path | None = None,
    ) -> int:
        """Delete executions that ended long ago, as `delete` does; return how many.

        A portion at a time, so that others can go on writing; then large values that
        no execution refers to any more. A child stays while its parent may still ask
        for it.

        Args:
            older_than: seconds since anything has happened to them.
            status: only those that ended so.
            workflow: only those of that definition.
            where: only those with these search attributes.
            reason: why; by default their age.
            archive: the path of another log, which gets them first.

        Raises:
            LogUnavailableError: the archive is this log, or cannot be written.
        """
        wanted = [status] if isinstance(status, str) else list(status)
        good = all(each in ENDED for each in wanted), f"of {', '.join(ENDED)}"
        age = (older_than, older_than >= 0, "0 seconds or more")
        check_settings({"status": (status, *good), "older_than": age})
        until = self.clock.time() - older_than
        filters: Filters = {
            "status": wanted,
            "where": where,
            "until": until,
            "quiet_since": until,
        }
        why = reason or f"older than {older_than:g} s"
        pruned, last = 0, None
        with self._archiving(archive) as keep:
            while page := self.list(
                workflow=workflow, before=last, limit=PRUNED, **filters
            ):
                names, last = [each.id for each in page], page[-1]
                keep([each.stream for each in page])
                # What goes on meanwhile is not old any more, and may not be archived.
                old = partial(Delete, names, why, spare=True, quiet_since=until)
                pruned += len(self._ask(old))
        if pruned:
            self.sweep_blobs()
        return pruned

    @contextmanager
    def _archiving(
        self, path: str | Path | None
    ) -> Iterator[Callable[[Sequence[int]], None]]:
        """Give what keeps streams in the log at *path*, if there is to be one."""
        if path is None:
            yield lambda _: None
            return
        from actorflow.log.archiving import archive

        log = self.log
        in_file = isinstance(log, SQLiteLog)
        check_settings({"archive": (path, in_file, "left out: this log is no file")})
        assert isinstance(log, SQLiteLog)
        with SQLiteLog(path, owner_label="archive") as target:
            yield lambda streams: archive(log, streams, target)

    def sweep_blobs(self, *, older_than: float = 3600.0) -> int:
        """Delete large values that no execution in the log refers to; say how many.

        Reads the whole log, if there are any at all; `prune` does so at its end.

        Args:
            older_than: seconds; what was put later is kept, as the event that refers to
                it may still be on its way.
        """
        self.check()
        if self.codec.blobs is None or self.codec.blobs.is_empty():
            return 0
        before = self.clock.time() - older_than
        return self.codec.blobs.sweep(live_keys(self.log, [EXECUTION]), before=before)

    def _id(self, given: str | None, name: str) -> str:
        """Return the id that somebody chose, or a new one."""
        if given is None:
            return f"{name}-{self.new_key()}"
        check_settings({"execution_id": (given, bool(given), "text of some length")})
        return str(self.codec.to_data(given, path="execution_id"))

    def _command(self, execution_id: str, name: str, **data: Any) -> None:
        given = {
            key: self.codec.to_data(value, path=key) if key != "payload" else value
            for key, value in data.items()
            if value is not None
        }
        self._ask(lambda reply: Route(execution_id, Command(name, given, None, reply)))

    def wait(self, future: PooledFuture[None], timeout: float | None) -> None:
        """Wait until *future* is done; in virtual time, make it pass."""
        self._system.wait(future, timeout)

    def _ask(self, message: Callable[[PooledFuture[Any]], Any]) -> Any:
        """Send to the directory; wait for the reply, which comes when it is durable."""
        self.check()
        reply: PooledFuture[Any] = PooledFuture()
        self._directory.tell(message(reply))
        return self._system.wait(reply)
