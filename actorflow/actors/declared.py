"""Events that users declare for their own actors, and who folds which of them."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Iterator
from functools import singledispatchmethod
from types import UnionType
from typing import Any, TypeVar, dataclass_transform, get_args, get_origin, overload

import attrs

C = TypeVar("C", bound=type[Any])

_TAG = "__actorflow_event__"
_declared: dict[str, dict[str, type[Any]]] = {}  # module -> name -> event class


@overload
def event(cls: C, /) -> C: ...


@overload
def event(*, name: str) -> Callable[[C], C]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def event(cls: Any = None, /, *, name: str | None = None) -> Any:
    """Declare an event: a frozen class of annotated fields, recorded under *name*.

    The name, by default the class's own, and the names of the fields are a file format:
    keep them, or give the class its old name with ``@event(name="...")`` after
    renaming it.
    """

    def declare(cls: type[Any]) -> type[Any]:
        made = attrs.frozen(cls)
        setattr(made, _TAG, name or made.__name__)
        _declared.setdefault(made.__module__, {})[made.__name__] = made
        return made

    return declare if cls is None else declare(cls)


def tag_of(cls: type[Any]) -> str | None:
    """Return the name under which *cls* is recorded, if it is an event."""
    tag: str | None = cls.__dict__.get(_TAG)
    return tag


def events_of(actor_class: type[Any]) -> tuple[type[Any], ...]:
    """Return the events that *actor_class* folds.

    These are the ones in its ``events``; else those that the annotation of ``apply``
    names (or its `singledispatchmethod` knows), with their subclasses; else all that
    its module declares.
    """
    if actor_class.events:
        return tuple(actor_class.events)
    found = tuple(dict.fromkeys(_from_apply(actor_class)))
    return found or tuple(_declared.get(actor_class.__module__, {}).values())


def _from_apply(actor_class: type[Any]) -> Iterator[type[Any]]:
    for owner in actor_class.__mro__:
        apply = owner.__dict__.get("apply")
        if apply is None:
            continue
        if isinstance(apply, singledispatchmethod):
            hints: list[Any] = list(apply.dispatcher.registry)
        else:
            hints = [_annotation(apply)]
        for hint in hints:
            yield from _events_in(hint)
        return


def _annotation(apply: Callable[..., Any]) -> Any:
    """Return the annotation of the first parameter of *apply* after self."""
    names = [name for name in apply.__annotations__ if name != "return"]
    if not names:
        return Any
    module = apply.__module__
    scope = {**vars(sys.modules[module]), **_declared.get(module, {})}
    return typing.get_type_hints(apply, scope)[names[0]]


def _events_in(hint: Any) -> Iterator[type[Any]]:
    if get_origin(hint) in (typing.Union, UnionType):
        for each in get_args(hint):
            yield from _events_in(each)
    elif isinstance(hint, type) and hint is not object:
        if tag_of(hint) is not None:
            yield hint
        for each in hint.__subclasses__():
            yield from _events_in(each)
