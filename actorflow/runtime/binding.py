"""How recorded input becomes a call, and what a call returns becomes a record."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

from attrs import define, frozen

from actorflow.errors import ActivityError
from actorflow.model.activities import Activity, Dynamic
from actorflow.model.events import Data
from actorflow.runtime.context import ActivityContext
from actorflow.runtime.expressions import Values
from actorflow.runtime.nodecontext import Context

_EMPTY = inspect.Parameter.empty


@frozen(eq=False)
class Signature:
    """What there is to know of an activity's parameters.

    Attributes:
        hints: annotations by parameter.
        returns: the annotation of the result, or Any.
        context: the parameter that takes the `ActivityContext`, if there is one.
        names: parameters a caller can name; the context is not among them.
        required: those without a default.
        open: whether any further keyword is taken.
        unnamed: those that can be given by position only.
    """

    hints: Mapping[str, Any]
    returns: Any
    context: str | None
    names: tuple[str, ...]
    required: frozenset[str]
    open: bool
    unnamed: tuple[str, ...] = ()

    def problems(self, given: set[str]) -> Iterator[str]:
        """Yield what is wrong with calling it with keywords *given*."""
        for name in sorted(given - set(self.names)):
            if not self.open:
                there = ", ".join(self.names) or "none"
                yield f"no parameter {name!r}; there are: {there}"
        for name in self.names:
            if name in self.required and name not in given:
                yield f"parameter {name!r} is not given"


def signature_of(activity: Activity[..., Any] | Dynamic[..., Any]) -> Signature:
    """Read an activity's signature; annotations that cannot be resolved are Any."""
    try:
        parameters = inspect.signature(activity.fn).parameters.values()
    except (ValueError, TypeError):
        return Signature({}, Any, None, (), frozenset(), open=True)
    hints = hints_of(activity.fn)
    context = next(
        (p.name for p in parameters if _is_context(hints.get(p.name), p)), None
    )
    if context is None and isinstance(activity, Dynamic):
        # A dynamic node's first parameter is its context, annotated or not.
        context = next((p.name for p in parameters), None)
    ordinary = [
        p
        for p in parameters
        if p.name != context and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return Signature(
        hints=hints,
        returns=hints.get("return", Any),
        context=context,
        names=tuple(p.name for p in ordinary),
        required=frozenset(p.name for p in ordinary if p.default is _EMPTY),
        open=any(p.kind == p.VAR_KEYWORD for p in parameters),
        unnamed=tuple(p.name for p in ordinary if p.kind == p.POSITIONAL_ONLY),
    )


def hints_of(fn: Any) -> dict[str, Any]:
    """Return the annotations of a function, as far as they can be resolved."""
    try:
        return typing.get_type_hints(fn)
    except Exception:  # noqa: BLE001 - annotations are anybody's code
        return dict(getattr(fn, "__annotations__", {}))


_CONTEXTS = (ActivityContext, Context)


def _is_context(hint: Any, parameter: inspect.Parameter) -> bool:
    if isinstance(hint, str):
        return hint.rpartition(".")[2] in [cls.__name__ for cls in _CONTEXTS]
    return hint in _CONTEXTS or parameter.annotation in _CONTEXTS


@define(eq=False)  # one for every item of a map: to freeze it would double its cost
class Call:
    """Recorded input of an activity: positional data, then keyword data."""

    args: tuple[Data, ...]
    kwargs: Mapping[str, Data]


NO_CALL = Call((), {})


def call_of(data: Data) -> Call:
    """Return the call that a recorded input stands for.

    A mapping is keyword arguments; ``{"args": [...], "kwargs": {...}}`` under the key
    ``"*"`` is both.
    """
    if isinstance(data, dict) and data.keys() == {"*"}:
        return Call(tuple(data["*"]["args"]), data["*"]["kwargs"])
    return Call((), data or {})


def parameters_of(fn: Any) -> Mapping[str, inspect.Parameter]:
    """Return a callable's parameters by name; none if it does not tell."""
    try:
        return inspect.signature(fn).parameters
    except (ValueError, TypeError):
        return {}


class BoundActivity:
    """An activity with its signature, ready to be called on recorded input."""

    def __init__(self, activity: Any, values: Values) -> None:
        self.activity = activity
        self.signature = signature_of(activity)
        self.is_async = activity.is_async
        self.runs_on = getattr(activity, "runs_on", "inline")
        self._values = values
        names, hints = self.signature.names, self.signature.hints
        self._positional = [(name, hints.get(name, Any)) for name in names]
        self._all_names = set(names)
        self._unnamed = self.signature.unnamed
        first = next(iter(parameters_of(activity.fn)), None)
        self._context_comes_first = first == self.signature.context

    def with_settings_of(self, activity: Any) -> BoundActivity:
        """Return the same for a copy of the activity that has other settings."""
        bound = copy(self)
        bound.activity, bound.runs_on = activity, getattr(activity, "runs_on", "inline")
        return bound

    def arguments(
        self, call: Call, context: ActivityContext | Context | None
    ) -> tuple[list[Any], dict[str, Any]]:
        """Bring back positional and keyword arguments.

        Raises:
            UnreadableError: an argument does not fit its annotation.
            ActivityError: the call does not fit the signature.
        """
        names, hints = self.signature.names, self.signature.hints
        bring = self._values.from_data
        args = [
            bring(data, hint, path=name)
            for data, (name, hint) in zip(call.args, self._positional, strict=False)
        ]
        for n, data in enumerate(call.args[len(names) :], len(names)):
            args.append(bring(data, Any, path=f"argument {n}"))
        kwargs = {
            name: bring(data, hints.get(name, Any), path=name)
            for name, data in call.kwargs.items()
        }
        if not call.args and kwargs.keys() != self._all_names:
            problems = list(self.signature.problems(set(kwargs)))
            if problems:
                raise ActivityError("; ".join(problems), type="invalid_input")
        if self._unnamed and not args:
            args = [kwargs.pop(name) for name in self._unnamed if name in kwargs]
        if self.signature.context is not None:
            if args and names and self._context_comes_first:
                args.insert(0, context)
            else:
                kwargs[self.signature.context] = context
        return args, kwargs

    def result(self, value: Any) -> Data:
        """Write a result down.

        Raises:
            UnrecordableError: naming the path inside the result.
        """
        return self._values.to_record(value, self.signature.returns, path="result")
