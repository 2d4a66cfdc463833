"""JSON into nodes.

YAML is nearly JSON, but only nearly: a tab, an escaped pair of surrogates or ``1E5``
would be something else there. So what is JSON is read as JSON, with its places.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from actorflow.model.nodes import Builder, Fault, Node, Place, Unreadable

_SPACE = re.compile(r"[ \t\r\n]*")


class NotJSON(Unreadable):
    """The text is not JSON, but may be YAML."""


def read_json(text: str) -> tuple[Node, list[Fault]]:
    """Return what *text* holds, with the faults that did not end the reading.

    Raises:
        NotJSON: it is no JSON.
        Unreadable: it is too much.
    """
    reader = _JSONReader(text)
    return reader.root(), reader.build.faults


class _JSONReader:
    """JSON with places: the structure is read here, scalars by the library."""

    def __init__(self, text: str) -> None:
        self.build = Builder()
        self._text = text
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]
        self._decoder = JSONDecoder(
            parse_int=_Digits, parse_float=_Digits, parse_constant=_Digits
        )

    def root(self) -> Node:
        """Return the one value of the text."""
        end = self._skip(self._value(self._skip(0)))
        if end < len(self._text):
            self._fail("nothing may follow the value", end)
        assert self.build.root is not None
        return self.build.root

    def _value(self, at: int) -> int:
        opening = self._text[at : at + 1]
        if opening == "{":
            return self._collection(at, "}", self._entry)
        if opening == "[":
            return self._collection(at, "]", self._value)
        value, end = self._decoded(at)
        place = self._place(at)
        if isinstance(value, _Digits):
            if value[-1].isalpha():  # NaN and Infinity
                self._fail(f"{value} is no number", at)
            value = self.build.number(place, value)
        self.build.scalar(place, value)
        return end

    def _collection(self, at: int, closing: str, entry: Any) -> int:
        self.build.open(self._place(at), is_mapping=closing == "}")
        at = self._skip(at + 1)
        if self._text[at : at + 1] != closing:
            at = self._skip(entry(at))
            while self._text[at : at + 1] == ",":
                at = self._skip(entry(self._skip(at + 1)))
        if self._text[at : at + 1] != closing:
            self._fail(f"expected ',' or '{closing}'", at)
        self.build.close()
        return at + 1

    def _entry(self, at: int) -> int:
        if self._text[at : at + 1] != '"':
            self._fail("expected a key in double quotes", at)
        key, end = self._decoded(at)
        self.build.key(self._place(at), key)
        end = self._skip(end)
        if self._text[end : end + 1] != ":":
            self._fail("expected ':' after a key", end)
        return self._value(self._skip(end + 1))

    def _decoded(self, at: int) -> tuple[Any, int]:
        try:
            return self._decoder.raw_decode(self._text, at)
        except JSONDecodeError as error:
            self._fail(error.msg, error.pos)

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        assert match is not None  # no space is enough
        return match.end()

    def _place(self, at: int) -> Place:
        line = bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1)

    def _fail(self, reason: str, at: int) -> NoReturn:
        raise NotJSON(f"is no JSON: {reason}", self._place(at))


class _Digits(str):
    """A number of JSON as it is written."""

    __slots__ = ()
