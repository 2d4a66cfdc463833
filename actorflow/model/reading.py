"""Text into nodes: the only module that knows YAML's and JSON's syntax.

YAML is read by the rules of its version 1.2: ``on``, ``no`` and ``2024-02-29`` are
text, ``1e5`` is a number. A file is data, so a tag (``!!python/object`` and all others)
is refused; so are keys given twice, and merge keys, which other readers take for
ordinary ones.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from actorflow.model.nodes import (
    MAX_SIZE,
    UNREAD,
    Builder,
    Fault,
    Node,
    Place,
    Unreadable,
    number_of,
    short,
)

NULL = re.compile(r"~|null|Null|NULL|")
BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
)
AMBIGUOUS = re.compile(r"[-+]?0[0-9]+")
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\r\n]*")


def read(text: str, *, name: str = "") -> tuple[Node, list[Fault]]:
    """Return what *text* holds, with the faults that did not end the reading.

    Text that begins with a brace is JSON, if it is: YAML would take a tab, an escape or
    a number of JSON for something else. A *name* in ``.json`` is JSON and nothing else.

    Raises:
        Unreadable: it is neither, or too much.
    """
    if len(text) > MAX_SIZE:
        raise Unreadable(f"is larger than {MAX_SIZE:,} characters")
    text = text.removeprefix("\ufeff")
    if name.endswith(".json"):
        return _read_json(text)
    if text.lstrip().startswith("{"):
        try:
            return _read_json(text)
        except _NotJSON:
            pass
    return _read_yaml(text)


def place_at(text: str, position: int) -> Place:
    """Return the place of the character at *position*."""
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))


def _scalar(
    build: Builder, place: Place, value: Any, anchor: str | None = None
) -> None:
    """Hand a value over, unless it is text that no file and no log could hold."""
    if isinstance(value, str) and _SURROGATE.search(value):
        build.fault("holds half of a character (a lone surrogate)", place)
        value = UNREAD
    build.scalar(place, value, anchor)


# --- YAML ----------------------------------------------------------------------------


def _read_yaml(text: str) -> tuple[Node, list[Fault]]:
    import yaml

    build = Builder()
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                message = "holds more than one document; a file is one workflow"
                raise Unreadable(message, _place(event))
            _take(build, event)
    except yaml.reader.ReaderError as error:
        reason = f"character {error.character!r} is not allowed"
        raise Unreadable(reason, place_at(text, int(error.position))) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(filter(None, [error.context, error.problem]))
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        raise Unreadable(reason, place) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"is no YAML: {short(str(error))}") from None
    if build.root is None:
        raise Unreadable("is empty")
    return build.root, build.faults


def _take(build: Builder, event: Any) -> None:
    import yaml

    place = _place(event)
    if getattr(event, "tag", None) is not None:
        message = f"tag {short(event.tag)!r}: a workflow file is data, without tags"
        raise Unreadable(message, place)
    match event:
        case yaml.ScalarEvent() if build.wants_key:
            _key(build, place, event)
        case yaml.ScalarEvent():
            value = event.value
            if event.implicit[0]:  # written plainly, without quotes
                value = _resolved(build, place, value)
            _scalar(build, place, value, event.anchor)
        case yaml.AliasEvent():
            build.alias(place, event.anchor)
        case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            build.open(place, is_mapping=is_mapping, anchor=event.anchor)
        case yaml.CollectionEndEvent():
            build.close()


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _key(build: Builder, place: Place, event: Any) -> None:
    if event.anchor is not None:
        raise Unreadable("a key cannot have an anchor", place)
    if event.value == "<<" and event.implicit[0]:
        message = "merge keys (<<) are not read; write the keys out, or '<<' in quotes"
        raise Unreadable(message, place)
    if _SURROGATE.search(event.value):
        raise Unreadable("a key holds half of a character", place)
    build.key(place, event.value)


def _resolved(build: Builder, place: Place, text: str) -> Any:
    """Return what a scalar without quotes stands for."""
    if NULL.fullmatch(text):
        return None
    if BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if AMBIGUOUS.fullmatch(text):
        message = f"{short(text)} begins with 0: write the number without, or in quotes"
        build.fault(message, place)
        return UNREAD
    if INFINITE.fullmatch(text):
        build.fault(f"{text} is no number that can be recorded", place)
        return UNREAD
    if NUMBER.fullmatch(text):
        return _number(build, place, text)
    return text


def _number(build: Builder, place: Place, text: str) -> Any:
    try:
        return number_of(text)
    except ValueError as error:
        build.fault(str(error), place)
        return UNREAD


# --- JSON ----------------------------------------------------------------------------


class _NotJSON(Unreadable):
    """The text is not JSON, but may be YAML."""


def _read_json(text: str) -> tuple[Node, list[Fault]]:
    reader = _JSONReader(text)
    reader.value(0)
    if reader.build.root is None:
        raise _NotJSON("is empty")
    return reader.build.root, reader.build.faults


class _JSONReader:
    """JSON with places: the structure is read here, scalars by the library."""

    def __init__(self, text: str) -> None:
        self.build = Builder()
        self._text = text
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]
        self._decoder = JSONDecoder(
            parse_int=_Digits, parse_float=_Digits, parse_constant=_Digits
        )

    def value(self, at: int) -> None:
        """Read the one value of the text, which begins at or after *at*."""
        end = self._value(self._skip(at))
        if self._skip(end) < len(self._text):
            self._fail("nothing may follow the value", self._skip(end))

    def _value(self, at: int) -> int:
        opening = self._text[at : at + 1]
        if opening == "{":
            return self._collection(at, "}", self._entry)
        if opening == "[":
            return self._collection(at, "]", self._value)
        value, end = self._decoded(at)
        place = self._place(at)
        if isinstance(value, _Digits):
            if not NUMBER.fullmatch(value):  # NaN and Infinity
                self._fail(f"{value} is no number", at)
            value = _number(self.build, place, value)
        _scalar(self.build, place, value)
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
        if _SURROGATE.search(key):
            raise Unreadable("a key holds half of a character", self._place(at))
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
        return match.end() if match else at

    def _place(self, at: int) -> Place:
        line = bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1)

    def _fail(self, reason: str, at: int) -> NoReturn:
        raise _NotJSON(f"is no JSON: {reason}", self._place(at))


class _Digits(str):
    """A number of JSON as it is written."""

    __slots__ = ()
