"""Stored checkpoints: a state as a JSON tree, and back.

They save time and are never the truth: a reader that does not know the format folds the
events instead. A state is a web of objects that point at each other, so each is written
once, in a table, and is its place there everywhere else. What is written of a field is
what its annotation says; values of users (`Data`) go through as they are.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs

from actorflow.model import parts
from actorflow.model.events import Data
from actorflow.model.state import ExecutionState

LEAST = 100
"""Events that a snapshot has to save reading, after much was forgotten at once."""
EVERY = 1_000
"""Events after which one is considered in any case."""
SHARE = 4
"""Events for each thing in it, of one that was only considered."""
BYTES = 64
"""What of it may come on each event that it saves reading: less than an event takes."""
REVISION = 1
"""To be raised when the same events lead to another state than before."""

_CLASSES: dict[str, type] = {
    ExecutionState.__name__: ExecutionState,
    **{
        name: cls
        for name, cls in vars(parts).items()
        if attrs.has(cls) and cls.__module__ == parts.__name__
    },
}
_FLEETING = ("calm", "orphans", "stored", "_deadlines", "_naps")
"""Fields that actors use up, or that follow from others."""
_SEQUENCES: tuple[Any, ...] = (list, set, frozenset, deque, tuple)

Convert = Callable[[Any, Any], Any]
"""Turns a value into what stands for it, or back; the table is the second argument."""


def dump(state: ExecutionState) -> Data:
    """Return *state* as a JSON tree."""
    table = _Writing()
    table.place(state)
    rows = []
    for one in table:
        converters = _fields(one.__class__)
        values = [write(getattr(one, name), table) for name, write, _ in converters]
        rows.append([type(one).__name__, *values])
    return rows


def restore(data: Data) -> ExecutionState:
    """Return the state that `dump` was given."""
    table: list[Any] = [object.__new__(_CLASSES[row[0]]) for row in data]
    for one, row in zip(table, data, strict=True):
        for (name, _, read), value in zip(_fields(one.__class__), row[1:], strict=True):
            setattr(one, name, read(value, table))
    state = table[0]
    assert isinstance(state, ExecutionState)
    fresh = ExecutionState()
    for name in _FLEETING:
        setattr(state, name, getattr(fresh, name))
    for activation in state.activations.values():
        if activation.frozen is None:
            state.set_clock(activation, activation.until, 0.0)
    return state


def is_worth_it(state: ExecutionState, *, shortened: bool) -> bool:
    """Return whether a snapshot saves reading more events than it has things itself.

    So all snapshots of an execution together cost less than its events did.

    Args:
        state: what it would be of.
        shortened: much of what the state was has just been forgotten.
    """
    least, share = (LEAST, 1) if shortened else (EVERY, SHARE)
    since = state.version - state.stored
    if since < least or since < share * len(state.activations):
        return False
    return since >= share * _weight(state)


def fits(data: Data, limit: int) -> bool:
    """Return whether *data* is written in about *limit* bytes; look no further.

    What has joined others has their variables in its own, and so on: such values share
    parts in memory, but in text each part is written wherever it is. A hundred joins in
    a row would be more than there are atoms.
    """
    left = [data]
    while left and limit > 0:
        each = left.pop()
        if isinstance(each, dict | list):
            limit -= len(each) * _PUNCTUATION
            left.extend(each)
            left.extend(each.values() if isinstance(each, dict) else ())
        else:
            limit -= len(each) if isinstance(each, str) else _NUMBER
    return limit > 0


_PUNCTUATION, _NUMBER = 3, 6


def _weight(state: ExecutionState) -> int:
    parts = sum(
        1
        + len(part.calls or ())
        + (part.past is not None)
        + (len(part.fan.items) if part.fan else 0)
        for part in state.activations.values()
    )
    kept = len(state.signal_keys or ()) + len(state.updates) + len(state.compensations)
    waiting = sum(len(queue) for queue in state.signals.values())
    return parts + len(state.branches) + kept + waiting


@cache
def known_format() -> str:
    """Return the name of the format: another one when the classes of a state change."""
    shape = [
        (name, [(a.name, str(a.type)) for a in attrs.fields(cls)])
        for name, cls in sorted(_CLASSES.items())
    ]
    digest = sha256(repr(shape).encode()).hexdigest()[:12]
    return f"execution/{REVISION}/{digest}"


class _Writing:
    """The objects found so far, in the order of their places."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._found: list[Any] = []

    def place(self, one: Any) -> int:
        """Return the place of an object; it gets the next, if it has none."""
        place = self._places.setdefault(id(one), len(self._found))
        if place == len(self._found):
            self._found.append(one)
        return place

    def __iter__(self) -> Iterator[Any]:
        # Grows while it is read: what is written finds others.
        index = 0
        while index < len(self._found):
            yield self._found[index]
            index += 1


@cache
def _fields(cls: Any) -> list[tuple[str, Convert, Convert]]:
    """Return the fields of a class, with what writes and what reads each."""
    hints = get_type_hints(cls)
    return [
        (a.name, *_converters(hints[a.name]))
        for a in attrs.fields(cls)
        if a.name not in _FLEETING
    ]


def _as_it_is(value: Any, _: Any) -> Any:
    return value


_AS_IT_IS: tuple[Convert, Convert] = (_as_it_is, _as_it_is)


@cache
def _converters(hint: Any) -> tuple[Convert, Convert]:
    """Return what writes, and what reads, values of that annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union([each for each in arguments if each is not type(None)])
    if origin is dict:
        return _mapping(*arguments)
    if origin in _SEQUENCES:
        return _sequence(origin, arguments)
    if attrs.has(hint):
        shared = hint.__name__ in _CLASSES
        return _REFERENCE if shared else _inline(hint)
    return _AS_IT_IS


def _alike(members: Iterable[Any]) -> tuple[Convert, Convert]:
    (converters, *others) = {_converters(member) for member in members}
    assert not others, "they would have to be told apart"
    return converters


def _union(members: list[Any]) -> tuple[Convert, Convert]:
    """None, or one thing; several only of what is written alike."""
    write, read = _alike(members)

    def write_some(value: Any, table: Any) -> Any:
        return None if value is None else write(value, table)

    def read_some(value: Any, table: Any) -> Any:
        return None if value is None else read(value, table)

    return (write, read) if write is _as_it_is else (write_some, read_some)


def _mapping(key: Any, value: Any) -> tuple[Convert, Convert]:
    write_key, read_key = _converters(key)
    write, read = _converters(value)
    if key is str and write is _as_it_is:
        return (lambda given, _: dict(given)), (lambda given, _: dict(given))

    def write_all(given: Any, table: Any) -> Any:
        return [[write_key(k, table), write(v, table)] for k, v in given.items()]

    def read_all(given: Any, table: Any) -> Any:
        return {read_key(k, table): read(v, table) for k, v in given}

    return write_all, read_all


def _sequence(cls: Any, members: tuple[Any, ...]) -> tuple[Convert, Convert]:
    write, read = _alike(member for member in members if member is not ...)

    def write_all(given: Any, table: Any) -> Any:
        # A set is in another order in every process.
        ordered = sorted(given) if cls is set else given
        return [write(each, table) for each in ordered]

    def read_all(given: Any, table: Any) -> Any:
        return cls(read(each, table) for each in given)

    return write_all, read_all


def _inline(cls: Any) -> tuple[Convert, Convert]:
    """A frozen fact, as events have them: written where it stands."""

    def write_it(given: Any, table: Any) -> Any:
        return [write(getattr(given, name), table) for name, write, _ in _fields(cls)]

    def read_it(given: Any, table: Any) -> Any:
        pairs = zip(_fields(cls), given, strict=True)
        return cls(**{name: read(each, table) for (name, _, read), each in pairs})

    return write_it, read_it


_REFERENCE: tuple[Convert, Convert] = (
    lambda one, table: table.place(one),
    lambda place, table: table[place],
)
