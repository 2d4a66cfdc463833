"""Values come back as what they were, or are refused with the place and the reason."""

from __future__ import annotations

import datetime as dt
import io
import json
import struct
import threading
import zoneinfo
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorflow.errors import UnrecordableError
from actorflow.log.codec import Codec
from tests.log import strategies as some
from tests.log.strategies import Colour, Frozen, Item, Point, Record


def through_text(codec: Codec, value: Any) -> Any:
    """Write *value* and read it, by way of the text that a log stores."""
    return codec.from_data(codec.loads(codec.dumps(codec.to_data(value))))


def nameless_zone() -> zoneinfo.ZoneInfo:
    """Return a time zone that was read from a file of one's own."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    rules = b"TZif" + bytes(16) + counts + bytes(6) + b"UTC\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(rules))


class TestRoundTrip:
    """What goes in comes out."""

    @given(some.values)
    def test_value_comes_back_as_itself(self, value: Any) -> None:
        """Equal, and of the same types, with no annotation to help."""
        assert some.same(through_text(Codec(), value), value)

    @given(some.json.filter(lambda value: '"$"' not in json.dumps(value)))
    def test_json_stands_for_itself(self, value: Any) -> None:
        """JSON types are written as they are."""
        assert some.same(json.loads(json.dumps(value)), Codec().to_data(value))

    @given(some.values)
    def test_data_is_json(self, value: Any) -> None:
        """Whatever it was, what is written is a JSON tree."""
        codec = Codec()
        data = codec.to_data(value)

        assert some.same(codec.loads(codec.dumps(data)), data)

    @given(some.values)
    def test_writing_what_was_read_writes_the_same(self, value: Any) -> None:
        """Text is stable, so inputs can be compared by it."""
        codec = Codec()
        text = codec.dumps(codec.to_data(value))

        assert codec.dumps(codec.to_data(through_text(codec, value))) == text

    @given(st.sets(some.hashables))
    def test_equal_sets_are_written_alike(self, value: set[Any]) -> None:
        """The order of a set in memory does not show."""
        codec = Codec()
        backwards = {*sorted(value, key=repr, reverse=True)}

        assert codec.to_data(value) == codec.to_data(backwards)

    @pytest.mark.parametrize(
        "value",
        [{"$": 1}, {"$": "date", "v": "2024-02-29"}, [{"a": {"$": {"$": None}}}]],
        ids=repr,
    )
    def test_mappings_that_look_like_tags(self, codec: Codec, value: Any) -> None:
        """A mapping of the user's is never taken for a tag."""
        assert through_text(codec, value) == value

    @pytest.mark.parametrize("number", [float("nan"), Decimal("NaN")])
    def test_not_a_number(self, codec: Codec, number: Any) -> None:
        """A NaN, which equals nothing, comes back too."""
        assert repr(through_text(codec, number)) == repr(number)

    def test_huge_number(self, codec: Codec) -> None:
        """Numbers longer than Python prints in decimal are no trouble."""
        assert through_text(codec, -(10**5000)) == -(10**5000)

    def test_nothing_is_shared(self, codec: Codec) -> None:
        """Changing what was written or read changes nothing else."""
        value = {"a": [1, {"b": 2}]}
        data = codec.to_data(value)
        read = codec.from_data(data)
        value["a"].append(3)
        read["a"].append(4)

        assert data == {"a": [1, {"b": 2}]}

    def test_plain_data_is_compact(self, codec: Codec) -> None:
        """Tags are short, and only where they have to be."""
        value = {"at": dt.date(2024, 2, 29), "n": 5, "of": Colour.RED}

        assert codec.dumps(codec.to_data(value)) == (
            '{"at":{"$":"date","v":"2024-02-29"},"n":5,'
            '"of":{"$":"enum","type":"tests.log.strategies:Colour","v":"RED"}}'
        )


class TestRefusals:
    """What cannot be recorded is refused, with its place and what to do."""

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            pytest.param(threading.Lock, "register the type", id="lock"),
            pytest.param(object, "register the type", id="object"),
            pytest.param(lambda: print, "register the type", id="builtin"),
            pytest.param(lambda: through_text, "it is code", id="function"),
            pytest.param(lambda: Item, "it is code", id="class"),
            pytest.param(lambda: json, "it is code", id="module"),
            pytest.param(lambda: (n for n in "ab"), "no value yet", id="generator"),
            pytest.param(lambda: Path("\udcff"), "not valid Unicode", id="path"),
            pytest.param(nameless_zone, "zone has no name", id="zone"),
            pytest.param(
                lambda: dt.time(12, tzinfo=nameless_zone()),
                "zone has no name",
                id="time in a zone",
            ),
            pytest.param(lambda: "\ud800", "surrogate", id="surrogate"),
            pytest.param(lambda: {"\ud800": 1}, "surrogate", id="surrogate key"),
            pytest.param(lambda: ValueError("x"), "register", id="exception"),
        ],
    )
    def test_refused(self, codec: Codec, make: Callable[[], Any], reason: str) -> None:
        """It is refused wherever it hides."""
        value = make()
        for hidden in (value, [value], (value,), {"k": value}, {1: value}):
            with pytest.raises(UnrecordableError, match=reason):
                codec.to_data(hidden)

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            (lambda x: {"items": [0, 1, 2, {"lock": x}]}, "result.items[3].lock"),
            (lambda x: Item("a", private=[x]), "result._private[0]"),
            (lambda x: Record(Frozen(value=x)), "result.value.value"),
            (lambda x: {"a key": {7: x}}, "result['a key'][7]"),
            (lambda x: Point(1, (x,)), "result.y[0]"),
        ],
        ids=["json", "attrs", "dataclass", "keys", "tuple"],
    )
    def test_path(self, codec: Codec, value: Callable[[Any], Any], path: str) -> None:
        """The error names the exact place."""
        with pytest.raises(UnrecordableError) as caught:
            codec.to_data(value(object()), path="result")

        assert caught.value.path == path

    def test_circle(self, codec: Codec) -> None:
        """A value that contains itself is told as that, where the circle closes."""
        value: dict[str, Any] = {"a": [Record(None)]}
        value["a"][0].value = {"back": value["a"]}

        with pytest.raises(UnrecordableError, match="contains itself") as caught:
            codec.to_data(value)

        assert caught.value.path == "value.a[0].value.back"

    def test_field_without_a_value(self, codec: Codec) -> None:
        """An object that was not finished is refused."""
        with pytest.raises(UnrecordableError, match="'value' has no value"):
            codec.to_data(Frozen.__new__(Frozen))

    def test_default_factory_that_is_code(self, codec: Codec) -> None:
        """A defaultdict comes back only if its defaults do."""
        with pytest.raises(UnrecordableError, match="default_factory"):
            codec.to_data(defaultdict(lambda: 5))
