"""Arguments of what users call, held to their annotations before anything is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, TypeVar, get_type_hints

from actorflow.errors import SettingError
from actorflow.model.misfits import Kind, kind_of

C = TypeVar("C", bound=type)


def typed(cls: C) -> C:
    """Let the public methods of a class refuse arguments of the wrong type.

    Raises:
        SettingError: by each of them, for the first that does not fit.
    """
    for name, method in list(vars(cls).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(cls, name, _typed(method))
    return cls


def _typed(method: Callable[..., Any]) -> Callable[..., Any]:
    by_place = [
        each.name
        for each in inspect.signature(method).parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]

    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        kinds = _kinds(method)
        for name, value in (*zip(by_place, args, strict=False), *kwargs.items()):
            kind = kinds.get(name)
            if kind is not None and not kind.fits(value):
                raise SettingError(name, value, kind.noun)
        return method(*args, **kwargs)

    return checked


@cache
def _kinds(method: Callable[..., Any]) -> Mapping[str, Kind]:
    """Return the kinds of a method's parameters, without those that may be anything."""
    hints = get_type_hints(method)
    found = {
        each.name: kind_of(hints[each.name])
        for each in inspect.signature(method).parameters.values()
        if each.name in hints and each.kind is not each.VAR_KEYWORD
    }
    return {name: kind for name, kind in found.items() if kind is not None}
