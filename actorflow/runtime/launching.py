"""How executions are begun from outside: at once, or from the queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from actorflow.errors import DefinitionError, InputError, SettingError
from actorflow.model import events as ev
from actorflow.model.definition import Workflow
from actorflow.model.events import Data
from actorflow.model.followups import FollowUp, follow_up_problems, follow_ups
from actorflow.model.policy import optional_seconds
from actorflow.model.steps import BY_NAME
from actorflow.runtime import registry
from actorflow.runtime.definitions import Definitions
from actorflow.runtime.errands import Learn, Submit
from actorflow.runtime.handle import ExecutionHandle
from actorflow.runtime.settings import check_settings
from actorflow.runtime.starting import Start
from actorflow.runtime.steering import Steering
from actorflow.runtime.typed import typed
from actorflow.runtime.worker import tag_set

OnConflict = Literal["use_existing", "fail", "restart"]
_ON_CONFLICT = ("use_existing", "fail", "restart")
MAX_PRIORITY = 1_000_000


@typed()
class Launching(Steering):
    """Begins executions of what is defined; a `Runtime` does."""

    _definitions: Definitions

    def start(
        self,
        definition: Any,
        /,
        *args: Any,
        execution_id: str | None = None,
        on_conflict: OnConflict = "use_existing",
        attributes: Mapping[str, Any] | None = None,
        timeout: float | str | timedelta | None = None,
        on_complete: Any = (),
        **inputs: Any,
    ) -> ExecutionHandle:
        """Start an execution; return when it is durable.

        Idempotent: many callers, threads and processes that start the same id get the
        same execution.

        Args:
            definition: a workflow, a flow, an activity, or the name of one of the
                runtime's definitions.
            args: inputs by position.
            execution_id: who it is; made up if not given.
            on_conflict: if the id is taken: ``use_existing``, ``fail``, or ``restart``
                (what runs under the id is ended, and it begins anew).
            attributes: searched by `list`.
            timeout: until it has to have ended, pauses not counted; else it fails with
                a ``timeout``. By default the definition's. (An input of that name is
                given by position.)
            on_complete: what is started after its end, besides what its definition
                says: a `FollowUp`, a node, or several. Its parameters can be no
                callable, and whoever runs the end has to know it.
            inputs: inputs by name.

        Raises:
            InputError: the inputs do not fit.
            DefinitionMismatch: the id belongs to another definition.
            ExecutionExistsError: the id is taken, and *on_conflict* is ``fail``.
        """
        choice = (on_conflict, on_conflict in _ON_CONFLICT, " or ".join(_ON_CONFLICT))
        check_settings({"on_conflict": choice})
        within = _positive(timeout)
        workflow = self._workflow(definition)
        hooks = self._hooks(workflow.name, workflow.on_complete, on_complete)
        variables = self.codec.to_data(dict(workflow.state), path="state")
        data = registry.input_data(workflow, args, inputs, self.codec)
        wanted = self.codec.to_data(dict(attributes or {}), path="attributes")
        execution_id = self._id(execution_id, workflow.name)
        self._ask(
            lambda reply: Start(
                workflow,
                execution_id,
                data,
                variables,
                wanted,
                on_conflict,
                reply,
                timeout=within,
                on_complete=hooks,
            )
        )
        return ExecutionHandle(self, execution_id)

    def submit(
        self,
        definition: Any,
        /,
        *args: Any,
        execution_id: str | None = None,
        on_conflict: Literal["use_existing", "fail"] = "use_existing",
        attributes: Mapping[str, Any] | None = None,
        priority: int = 0,
        tags: Iterable[str] = (),
        timeout: float | str | timedelta | None = None,
        on_complete: Any = (),
        **inputs: Any,
    ) -> ExecutionHandle:
        """Put an execution into the queue of the log; return when it is durable.

        A worker that has the definition starts it: this runtime if it is one, or any
        other process that has the log open. Idempotent, as `start` is.

        Args:
            definition: as for `start`; or the name of one that this runtime does not
                have. Then the inputs are given by name, and the worker checks them.
            args: inputs by position.
            execution_id: who it is; made up if not given.
            on_conflict: if the id is taken: ``use_existing`` or ``fail``.
            attributes: searched by `list`.
            priority: the higher, the sooner. One level is worth five minutes of
                waiting, so nobody waits for ever.
            tags: it runs only in workers that have all of them.
            timeout: until it has to have ended, from when a worker starts it; as for
                `start`.
            on_complete: as for `start`.
            inputs: inputs by name.

        Raises:
            InputError: the inputs do not fit.
            DefinitionMismatch: the id belongs to another definition.
            ExecutionExistsError: the id is taken, and *on_conflict* is ``fail``.
        """
        name, given = self._queueable(definition, args, inputs)
        return self.enqueue(
            name,
            given,
            execution_id=execution_id,
            on_conflict=on_conflict,
            attributes=attributes,
            priority=priority,
            tags=tags,
            timeout=timeout,
            on_complete=on_complete,
        )

    def enqueue(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        execution_id: str | None = None,
        on_conflict: Literal["use_existing", "fail"] = "use_existing",
        attributes: Mapping[str, Any] | None = None,
        priority: int = 0,
        tags: Iterable[str] = (),
        timeout: float | str | timedelta | None = None,
        on_complete: Any = (),
    ) -> ExecutionHandle:
        """Do as `submit`, by the name of the definition, and check no inputs."""
        known = on_conflict in ("use_existing", "fail")
        fine = abs(priority) <= MAX_PRIORITY
        check_settings(
            {
                "on_conflict": (on_conflict, known, "use_existing or fail"),
                "priority": (priority, fine, f"a number up to {MAX_PRIORITY}"),
            }
        )
        name = str(self.codec.to_data(name, path="name"))
        defined = self.definitions.get(name)
        own = () if defined is None else defined.on_complete
        queued = ev.ExecutionQueued(
            name,
            {
                input_: self.codec.to_record(value, path=f"inputs.{input_}")
                for input_, value in inputs.items()
            },
            self.codec.to_data(dict(attributes or {}), path="attributes"),
            priority,
            sorted(tag_set(tags)),
            _positive(timeout),
            self._hooks(name, own, on_complete) or None,
        )
        execution_id = self._id(execution_id, name)
        self._ask(lambda reply: Submit(execution_id, queued, on_conflict, reply))
        return ExecutionHandle(self, execution_id)

    def signal_with_start(
        self,
        definition: Any,
        topic: str,
        payload: Any = None,
        /,
        *,
        execution_id: str,
        key: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        **inputs: Any,
    ) -> ExecutionHandle:
        """Send a signal to an execution, which is started if it is not there.

        Returns when neither can be lost any more. With a *key*, all of it may be done
        again: there is one execution, and the signal comes once.

        Raises:
            ExecutionEndedError: it was there, and has ended.
            InputError: the inputs do not fit.
            DefinitionMismatch: the id belongs to another definition.
        """
        run = self.start(
            definition, execution_id=execution_id, attributes=attributes, **inputs
        )
        self.signal(execution_id, topic, payload, key=key)
        return run

    def get(self, execution_id: str) -> ExecutionHandle:
        """Return the handle of an execution.

        Raises:
            ExecutionNotFoundError: there is none.
        """
        self.row(execution_id)
        return ExecutionHandle(self, execution_id)

    def _queueable(
        self, definition: Any, args: tuple[Any, ...], inputs: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Return the name of a definition, and inputs by name, checked if possible."""
        if isinstance(definition, str) and definition not in self.definitions:
            if args:
                problem = f"{definition!r} is not known here: give its inputs by name"
                raise InputError(definition, [problem])
            return definition, inputs
        workflow = self._workflow(definition)
        registry.input_data(workflow, args, inputs, self.codec)
        names = [item.name for item in workflow.inputs]
        return workflow.name, {**dict(zip(names, args, strict=False)), **inputs}

    def _workflow(self, definition: Any) -> Workflow:
        if isinstance(definition, str):
            return self._definitions.named(definition)
        return self._definitions.add(definition)

    def _hooks(self, name: str, own: Sequence[FollowUp], given: Any) -> list[Data]:
        """Return follow-ups as they are recorded, and make their definitions known.

        *own* are those that the definition of that name has already.
        """
        hooks = follow_ups(given)
        problems = list(follow_up_problems([*own, *hooks])) if hooks else []
        if problems:
            raise DefinitionError(name, problems)
        return [
            self.codec.to_data(
                {
                    "start": self._workflow(hook.start).name,
                    "on": list(hook.on),
                    "name": hook.label,
                    **_given_parameters(hook),
                },
                path="on_complete",
            )
            for hook in hooks
        ]

    def _learn(self, definition: Any) -> Workflow:
        """Return the graph of what a running node starts; it may be new here."""
        known = len(self.definitions)
        workflow = self._workflow(definition)
        if len(self.definitions) > known:
            self._directory.put(Learn())
        return workflow


def _positive(timeout: float | str | timedelta | None) -> float | None:
    try:
        within = optional_seconds(timeout)
    except (TypeError, ValueError):
        allowed = "seconds, or text as in '1h30m'"
        raise SettingError("timeout", timeout, allowed) from None
    check_settings({"timeout": (timeout, within is None or within > 0, "positive")})
    return within


def _given_parameters(hook: FollowUp) -> dict[str, Any]:
    return {} if hook.parameters is BY_NAME else {"parameters": hook.parameters}
