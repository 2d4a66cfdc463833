"""Arguments of what users call, held to their annotations before anything is done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, wraps
from inspect import Parameter
from typing import Any, NamedTuple, TypeVar, get_type_hints

from actorflow.errors import SettingError
from actorflow.model.misfits import Kind, kind_of
from actorflow.model.plain import plain

C = TypeVar("C", bound=type)
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def typed(*, but: Collection[str] = ()) -> Callable[[C], C]:
    """Let the public methods of a class refuse arguments of the wrong type.

    Numbers and texts by another name, such as NumPy's or members of enums, come to
    them as plain ones.

    Args:
        but: names of methods that only other parts of the runtime call, and often, or
            that take whatever comes.

    Raises:
        SettingError: by each of them, for the first that does not fit.
    """

    def wrap(cls: C) -> C:
        for name, method in list(vars(cls).items()):
            is_public = not name.startswith("_") and name not in but
            if inspect.isfunction(method) and is_public:
                setattr(cls, name, _typed(method))
        return cls

    return wrap


def _typed(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        kinds, by_place, by_name = _signature(method)
        if not kinds:
            return method(*args, **kwargs)
        if _are_exact(kinds, (*zip(by_place, args, strict=False), *kwargs.items())):
            return method(*args, **kwargs)
        given = [_fitted(kinds, *each) for each in zip(by_place, args, strict=False)]
        named = {
            name: _fitted(kinds, name, value) if name in by_name else value
            for name, value in kwargs.items()
        }
        return method(*given, *args[len(given) :], **named)

    return checked


def _are_exact(kinds: Mapping[str, Kind], given: Iterable[tuple[str, Any]]) -> bool:
    """Tell quickly what needs no second look, as most calls do not."""
    for name, value in given:
        kind = kinds.get(name)
        if kind is not None and type(value) not in kind.exact:
            return False
    return True


def _fitted(kinds: Mapping[str, Kind], name: str, value: Any) -> Any:
    kind = kinds.get(name)
    if kind is None:
        return value
    given = plain(value)
    if not kind.fits(given):
        raise SettingError(name, value, kind.noun)
    return given


class _Signature(NamedTuple):
    kinds: Mapping[str, Kind]
    by_place: Sequence[str]
    by_name: Collection[str]


@cache  # and made at the first call: an import has other things to do
def _signature(method: Callable[..., Any]) -> _Signature:
    """Return the kinds of a method's parameters, without those that may be anything."""
    hints = get_type_hints(method)
    parameters = inspect.signature(method).parameters.values()
    found = {
        p.name: kind_of(hints[p.name])
        for p in parameters
        if p.name in hints and p.kind in (*_BY_PLACE, *_BY_NAME)
    }
    return _Signature(
        {name: kind for name, kind in found.items() if kind is not None},
        [p.name for p in parameters if p.kind in _BY_PLACE],
        # A name that is given by place alone may be that of something else as well.
        {p.name for p in parameters if p.kind in _BY_NAME},
    )
