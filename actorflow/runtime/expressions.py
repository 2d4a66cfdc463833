"""What expressions and ``${templates}`` of a definition mean on recorded data.

An expression reads ``inputs`` and ``state`` (in a map also ``item`` and ``index``) in a
subset of Python without statements, methods, imports or private names. Text from a
file can compute with data, and can do nothing else. A condition, a parameter or a list
of items may also be a Python callable, where the definition is written in Python; it
is given the state as a read-only mapping.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Protocol

from actorflow.model.events import Data
from actorflow.model.rules import View
from actorflow.model.steps import BY_NAME
from actorflow.runtime.interpreter import evaluate
from actorflow.runtime.templates import interpolate, variable_in


class Recalls(Protocol):
    """Brings values back."""

    def from_data(self, data: Data, hint: Any = ..., *, path: str = ...) -> Any:
        """Bring a value back."""
        ...


class Values(Recalls, Protocol):
    """What is needed of a codec here."""

    def to_data(self, value: Any, hint: Any = ..., *, path: str = ...) -> Data:
        """Write a value down."""
        ...

    def to_record(self, value: Any, hint: Any = ..., *, path: str = ...) -> Data:
        """Write a value down, or a reference to it if it is large."""
        ...

    def to_refer(self, data: Data) -> Data:
        """Return what is written down, or a reference to it if it is large."""
        ...


_SCALARS = frozenset({str, int, float, bool, type(None)})
MOST_ITEMS = 10_000_000
"""Of a map; more do not fit into one execution."""


def call_data(args: tuple[Data, ...], kwargs: Mapping[str, Data]) -> Data:
    """Return the input that records a call; keyword arguments alone are a mapping."""
    return {"*": {"args": list(args), "kwargs": dict(kwargs)}} if args else dict(kwargs)


class Variables(Mapping[str, Any]):
    """Variables as a read-only mapping; each is brought back when it is looked at.

    The last of several *layers* that has a name decides. They are not merged: that
    would cost every step as much as there are variables.
    """

    def __init__(self, values: Recalls, *layers: Mapping[str, Data]) -> None:
        self._values = values
        self._layers = layers

    def __getitem__(self, name: str) -> Any:
        for layer in reversed(self._layers):
            if name in layer:
                return self._values.from_data(layer[name], path=name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> dict[str, None]:
        return dict.fromkeys(chain.from_iterable(self._layers))

    def __repr__(self) -> str:
        return f"<variables {', '.join(self) or 'none'}>"


class Names(Variables):
    """What text can name: ``inputs``, ``state``, and bare what they have in them."""

    def __init__(self, values: Recalls, view: View) -> None:
        super().__init__(values, view.inputs, view.state, view.extra)

    def __getitem__(self, name: str) -> Any:
        if name == "inputs":
            return Variables(self._values, self._layers[0])
        if name == "state":
            return Variables(self._values, self._layers[1])
        return super().__getitem__(name)

    def _names(self) -> dict[str, None]:
        return {"inputs": None, "state": None} | super()._names()


class Expressions:
    """Judges the expressions of definitions on recorded data."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def condition(self, when: Any, view: View) -> bool:
        """Return whether *when* holds: as in Python, but the word false is no."""
        if callable(when):
            return _holds(when(self.variables(view)))
        return _holds(evaluate(when, Names(self._values, view)))

    def data(self, template: Any, view: View, path: str = "parameters") -> Data:
        """Return *template* with every expression replaced by its value, as data."""
        if callable(template):
            template = template(self.variables(view))
            return self._values.to_data(template, path="input")
        filled = _plain(self._fill(template, Names(self._values, view)))
        return self._values.to_data(filled, path=path)

    def value(self, source: Any, view: View) -> Data:
        """Return the value of an expression, or what a callable returns, as data."""
        return self._values.to_record(_plain(self._value(source, view)), path="value")

    def items(self, over: Any, view: View) -> list[Data] | None:
        """Return the items to run over; None if a callable gives an iterator of them.

        None is no items, a mapping gives its ``{"key", "value"}`` pairs sorted by key,
        any other iterable but text gives its elements, a scalar is one item.
        """
        value = self._value(over, view)
        if callable(over) and isinstance(value, Iterator):
            return None
        items: list[Data] = self._values.to_data(_as_items(value), path="items")
        return [self._values.to_refer(item) for item in items]

    def iterator(self, over: Any, view: View, skipped: int) -> Iterator[Data]:
        """Yield as data what the iterator that a callable gives does, but the first."""
        items = islice(self._value(over, view), skipped, None)
        for number, item in enumerate(items, skipped):
            yield self._values.to_record(item, path=f"items[{number}]")

    def arguments(self, parameters: Any, names: Sequence[str], view: View) -> Data:
        """Return what a node with parameters *names* is called with.

        A mapping gives keyword arguments, and so does a callable that returns one; any
        other value it returns is the one positional argument. `BY_NAME` takes the
        inputs and variables that have the parameters' names.
        """
        if parameters is BY_NAME:
            there: Mapping[str, Data] = ChainMap(view.state, view.inputs)  # type: ignore[arg-type]
            return {name: there[name] for name in names if name in there}
        if callable(parameters):
            value = parameters(self.variables(view))
            if not isinstance(value, Mapping):
                return call_data((self._values.to_record(value, path="input"),), {})
            return self._referred(self._values.to_data(_plain(value), path="input"))
        if type(parameters) is dict and "$" not in parameters:
            return {
                name: self._argument(template, view, name)
                for name, template in parameters.items()
            }
        return self._referred(self.data(parameters, view))

    def _argument(self, template: Any, view: View, name: str) -> Data:
        """Return what one parameter is; a variable goes on as it is recorded."""
        named = variable_in(template) if type(template) is str else None
        if named is not None:
            recorded = view.inputs if named[0] == "inputs" else view.state
            if named[1] in recorded:
                return recorded[named[1]]
        return self._values.to_refer(self.data(template, view, f"parameters.{name}"))

    def _referred(self, arguments: Data) -> Data:
        """Return arguments of which each may be a reference."""
        if not isinstance(arguments, dict) or "$" in arguments:
            return arguments
        refer = self._values.to_refer
        return {name: refer(data) for name, data in arguments.items()}

    def variables(self, view: View) -> Variables:
        """Return what a callable is given: inputs and variables as one mapping."""
        return Variables(self._values, view.inputs, view.state, view.extra)

    def _value(self, source: Any, view: View) -> Any:
        if callable(source):
            return source(self.variables(view))
        return (
            evaluate(source, Names(self._values, view))
            if isinstance(source, str)
            else source
        )

    def _fill(self, template: Any, names: Mapping[str, Any]) -> Any:
        if isinstance(template, str):
            return interpolate(template, names)
        if isinstance(template, Mapping):
            return {key: self._fill(value, names) for key, value in template.items()}
        if type(template) in (list, tuple):
            return type(template)(self._fill(value, names) for value in template)
        return template


def _plain(value: Any) -> Any:
    """Return *value* with views, which an expression may yield whole, as mappings."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(entry) for entry in value)
    return value


def _holds(value: Any) -> bool:
    # What came from a form or a signal may be the word.
    is_word = isinstance(value, str) and value.lower() == "false"
    return bool(value) and not is_word


def _as_items(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [{"key": key, "value": value[key]} for key in sorted(value)]
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return [value]
    items = list(islice(value, MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:  # a range of any length is written in a few characters
        raise ValueError(f"there are more than {MOST_ITEMS:,} items to run over")
    return items
