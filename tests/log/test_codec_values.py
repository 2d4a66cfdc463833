"""Values come back as what they were, or are refused with the place and the reason."""

from __future__ import annotations

import datetime as dt
import enum
import json
import subprocess
import sys
import threading
import types
import uuid
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    Optional,
    SupportsInt,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorflow.errors import UnreadableError, UnrecordableError
from actorflow.log.classes import resolve_hints
from actorflow.log.codec import Codec
from actorflow.log.encoders import MAX_DEPTH
from tests.log import strategies as some
from tests.log.strategies import (
    Cents,
    Colour,
    Frozen,
    Item,
    Level,
    Point,
    Record,
    Region,
    Right,
    Slotted,
    UserId,
)

T = TypeVar("T")
Meters = NewType("Meters", float)


@attrs.define
class Order:
    """A class with fields that annotations decide about."""

    id: int
    items: list[Item] = attrs.field(factory=list)
    placed: dt.datetime | None = None
    region: Region = Region.EU


@attrs.define
class Box(Generic[T]):
    """A generic class."""

    content: T


class Options(TypedDict):
    """A mapping with known keys."""

    retries: int


LAYERS: list[Callable[[Any], Any]] = [
    lambda value: [value],
    lambda value: (value,),
    lambda value: {1: value},
    lambda value: {"a": value},
    lambda value: Frozen(value=value),
]
"""Ways to nest a value one deeper."""


class Holiday(dt.date, enum.Enum):
    """Members that are dates too."""

    LEAP = (2024, 2, 29)


@pytest.fixture
def codec() -> Codec:
    """A codec that knows nothing yet."""
    return Codec()


def through_text(codec: Codec, value: Any) -> Any:
    """Write *value* and read it, by way of the text that a log stores."""
    return codec.from_data(codec.loads(codec.dumps(codec.to_data(value))))


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
            pytest.param(lambda: (n for n in "ab"), "generator", id="generator"),
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

    def test_depth_to_the_last(self, codec: Codec) -> None:
        """There is one deepest value that is written."""

        def nested(depth: int) -> list[Any]:
            value: list[Any] = []
            for _ in range(depth - 1):
                value = [value]
            return value

        assert codec.to_data(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
        with pytest.raises(UnrecordableError, match=f"deeper than {MAX_DEPTH}"):
            codec.to_data(nested(MAX_DEPTH + 1))

    def test_depth(self, codec: Codec) -> None:
        """What is nested deeper than JSON can be read is refused when it is written."""
        value: list[Any] = []
        for _ in range(10_000):
            value = [value]

        with pytest.raises(UnrecordableError, match="nested deeper than"):
            codec.to_data(value)

    @given(st.lists(st.sampled_from(LAYERS), min_size=40, max_size=210))
    def test_what_is_written_can_be_stored(self, layers: list[Any]) -> None:
        """Whatever is not too deep for the codec is not too deep for the text."""
        value: Any = 1
        for wrap in layers:
            value = wrap(value)
        codec = Codec()
        try:
            data = codec.to_data(value)
        except UnrecordableError:
            return

        assert codec.from_data(codec.loads(codec.dumps([[[data]]]))) == [[[value]]]

    def test_field_without_a_value(self, codec: Codec) -> None:
        """An object that was not finished is refused."""
        with pytest.raises(UnrecordableError, match="'value' has no value"):
            codec.to_data(Frozen.__new__(Frozen))

    def test_default_factory_that_is_code(self, codec: Codec) -> None:
        """A defaultdict comes back only if its defaults do."""
        with pytest.raises(UnrecordableError, match="default_factory"):
            codec.to_data(defaultdict(lambda: 5))


class TestClasses:
    """A name in a log finds only classes that this process vouches for."""

    DATA = Codec().to_data(Item("a"))

    def test_a_hint_for_writing_is_enough_for_reading(self) -> None:
        """What is annotated where a value comes from can be read by this process."""
        written, codec = Codec().to_data(Frozen(value=1)), Codec()
        with pytest.raises(UnreadableError):
            codec.from_data(written)
        codec.to_data(None, Frozen | None)

        assert codec.from_data(written) == Frozen(value=1)

    def test_unknown_class(self, codec: Codec) -> None:
        """A class that nobody vouched for is not looked for."""
        with pytest.raises(UnreadableError, match=r"register") as caught:
            codec.from_data({"items": [self.DATA]}, path="result")

        assert caught.value.path == "result.items[0]"

    def test_registered(self, codec: Codec) -> None:
        """A registered class is read."""
        codec.register(Item)

        assert codec.from_data(self.DATA) == Item("a")

    def test_learnt_from_annotations(self, codec: Codec) -> None:
        """Classes mentioned anywhere in an annotation are read from then on."""
        codec.learn(dict[str, list[Order] | None])

        assert codec.from_data(self.DATA) == Item("a")

    def test_asked_for(self, codec: Codec) -> None:
        """The annotation that asks for a value is enough."""
        assert codec.from_data([self.DATA], list[Item]) == [Item("a")]

    def test_trusted_module(self, codec: Codec) -> None:
        """Classes that a trusted module defines are read."""
        codec.trust("tests.log.strategies")

        assert codec.from_data(self.DATA) == Item("a")

    @pytest.mark.parametrize(
        "name",
        [
            "tests.log.strategies:json",
            "tests.log.strategies:Any",
            "tests.log.strategies:attrs.Factory",
            "tests.log.strategies:Decimal",
            "tests.log.strategies:Item.__init__",
            "tests.log.strategies:Missing",
            "subprocess:Popen",
            "no.such.module:Item",
            "",
            ":",
        ],
    )
    def test_trust_goes_no_further(self, codec: Codec, name: str) -> None:
        """Trust covers data classes defined in the module: nothing it imports."""
        codec.trust("tests.log.strategies")

        with pytest.raises(UnreadableError):
            codec.from_data({"$": "object", "type": name, "v": {}})

    def test_reading_imports_nothing(self) -> None:
        """A name in a log never makes a module be imported."""
        script = (
            "import sys\n"
            "from actorflow.log.codec import Codec\n"
            "codec = Codec(); codec.trust('antigravity')\n"
            "try: codec.from_data({'$': 'object', 'type': 'antigravity:X', 'v': {}})\n"
            "except ValueError: print('antigravity' in sys.modules)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )

        assert ran.stdout.strip() == "False"

    def test_stable_name(self, codec: Codec) -> None:
        """A class may be written under a name of its own, and move."""
        codec.register(Item, name="item")
        data = codec.to_data(Item("a"))

        assert data["type"] == "item"
        assert codec.from_data(data) == Item("a")
        assert codec.from_data(self.DATA) == Item("a")

    def test_a_name_given_late(self, codec: Codec) -> None:
        """What is written from then on has it."""
        assert codec.to_data(Item("a"))["type"] != "item"
        codec.register(Item, name="item")

        assert codec.to_data(Item("a"))["type"] == "item"

    def test_old_name(self, codec: Codec) -> None:
        """What was written under an old name is read as the class it is now."""
        codec.register(Item, name="old.module:Thing")
        codec.register(Item, name="item")

        old = {**self.DATA, "type": "old.module:Thing"}
        assert codec.from_data(old) == Item("a")
        assert codec.to_data(Item("a"))["type"] == "item"

    def test_moved_enum_by_annotation(self, codec: Codec) -> None:
        """An annotation decides even about members of an enum that is gone."""
        for member in (Colour.RED, Right.READ | Right.WRITE):
            data = {**codec.to_data(member), "type": "gone:Enum"}

            assert Codec().from_data(data, type(member)) is member

    def test_moved_class_by_annotation(self, codec: Codec) -> None:
        """An annotation decides even about objects of a class that is gone."""
        order = codec.to_data(Order(1, [Item("a")]))
        text = codec.dumps(order).replace("test_codec_values:Order", "gone:Order")
        codec = Codec()

        assert codec.from_data(codec.loads(text), Order) == Order(1, [Item("a")])
        assert codec.from_data([codec.loads(text)], list[Order | None]) == [
            Order(1, [Item("a")])
        ]
        with pytest.raises(UnreadableError, match="gone:Order"):
            codec.from_data([codec.loads(text)], list)

    def test_fields_that_came_and_went(self, codec: Codec) -> None:
        """A class may gain fields with defaults, and lose fields."""
        codec.register(Item)
        fields = {"name": "a", "removed": 1}
        data = {"$": "object", "type": self.DATA["type"], "v": fields}

        assert codec.from_data(data) == Item("a")

    def test_missing_field(self, codec: Codec) -> None:
        """A field without a default has to be there."""
        codec.register(Item)

        with pytest.raises(UnreadableError, match="name"):
            codec.from_data({"$": "object", "type": self.DATA["type"], "v": {}})

    def test_custom_type(self, codec: Codec) -> None:
        """Any class can be taught."""
        codec.register(
            types.SimpleNamespace,
            encode=vars,
            decode=lambda v: types.SimpleNamespace(**v),
        )
        value = [types.SimpleNamespace(when=dt.date(2024, 1, 1), inner=Item("a"))]

        assert through_text(codec, value) == value

    def test_class_of_an_exception(self, codec: Codec) -> None:
        """A constructor that refuses is an unreadable value, at its place."""

        @attrs.define
        class Strict:
            n: int = attrs.field(validator=attrs.validators.gt(0))

        data = codec.to_data([Strict(1)])
        data[0]["v"]["n"] = -1

        with pytest.raises(UnreadableError, match="must be >") as caught:
            codec.from_data(data)

        assert caught.value.path == "value[0]"

    @pytest.mark.parametrize(
        "data",
        [
            {"$": "novel", "v": 1},
            {"$": None},
            {"$": ["x"]},
            {"$": "datetime"},
            {"$": "datetime", "v": "yesterday"},
            {"$": "tuple", "v": 5},
            {"$": "enum", "type": "x", "v": 1},
            {"$": "object"},
        ],
    )
    def test_broken_tags(self, codec: Codec, data: Any) -> None:
        """A tag that makes no sense is an error, not something else."""
        with pytest.raises(UnreadableError):
            codec.from_data([data])


class TestAnnotations:
    """What was typed by a person is read as the annotation says."""

    @pytest.mark.parametrize(
        ("data", "hint", "value"),
        [
            ({"id": 1}, Order, Order(1)),
            (
                {"id": 1, "items": [{"name": "a"}], "placed": "2024-02-29T12:00:00"},
                Order,
                Order(1, [Item("a")], dt.datetime(2024, 2, 29, 12)),  # noqa: DTZ001
            ),
            ({"id": 1, "region": "us"}, Order, Order(1, region=Region.US)),
            ({"id": 1, "region": "US"}, Order, Order(1, region=Region.US)),
            ([{"name": "a"}], list[Item], [Item("a")]),
            ({"x": {"name": "a"}}, dict[str, Item], {"x": Item("a")}),
            ({"name": "a"}, Item | None, Item("a")),
            (None, Optional[Item], None),  # noqa: UP045 - as people write it
            ({"value": 1}, Record, Record(1)),
            ({"value": 1}, Slotted, Slotted(1)),
            ({"content": {"name": "a"}}, Box[Item], Box(Item("a"))),
            ([1, 2], Point, Point(1, 2)),
            ({"x": 1}, Point, Point(1)),
            ({"retries": 3}, Options, {"retries": 3}),
            ([1, 2], tuple[int, ...], (1, 2)),
            ([1, "a"], tuple[int, str], (1, "a")),
            ([1, 1], set[int], {1}),
            ([1], frozenset[int], frozenset({1})),
            ((1,), list[int], [1]),
            ("a", Literal["a", "b"], "a"),
            (1, Meters, 1),
            (5, float, 5),
            (5, int | str, 5),
            ("5", Union[int, str], "5"),  # noqa: UP007 - as people write it
            ("2024-02-29", dt.date, dt.date(2024, 2, 29)),
            ("12:30", dt.time, dt.time(12, 30)),
            (90, dt.timedelta, dt.timedelta(seconds=90)),
            ("1.10", Decimal, Decimal("1.10")),
            (1.1, Decimal, Decimal("1.1")),
            ("a/b", Path, Path("a/b")),
            (
                "12345678123456781234567812345678",
                uuid.UUID,
                uuid.UUID(int=0x12345678123456781234567812345678),
            ),
            (1, Colour, Colour.RED),
            ("GREEN", Colour, Colour.GREEN),
            (2, Level, Level.HIGH),
            ([1, "a"], list, [1, "a"]),
            ({"a": 1}, dict, {"a": 1}),
            ({"a": 1}, object, {"a": 1}),
            (1, T, 1),
            (1, "NoSuchName", 1),
            ({"$": "deque", "max": 2, "v": [1]}, deque[int], deque([1], 2)),
            (OrderedDict(a=1), dict[str, float], OrderedDict(a=1)),
            (defaultdict(list, a=[1]), dict[str, list], defaultdict(list, a=[1])),
            ([1, "a"], Sequence[int | str], [1, "a"]),
            ((1, 2), Iterable[int], (1, 2)),
            ([1], list[T], [1]),  # type: ignore[valid-type]
            ([1], "list[T]", [1]),
            (1, Annotated[int, ["unhashable"]], 1),
            (1.5, Annotated[float, "a note"], 1.5),
            ("LEAP", Holiday, Holiday.LEAP),
            (1, SupportsInt, 1),
            ("u", UserId, UserId("u")),
            (5, Cents, Cents(5)),
            (None, None, None),
        ],
        ids=repr,
    )
    def test_fits(self, codec: Codec, data: Any, hint: Any, value: Any) -> None:
        """Plain data becomes what is asked for."""
        assert some.same(codec.from_data(data, hint), value)

    @pytest.mark.parametrize(
        ("data", "hint", "path", "reason"),
        [
            ("5", int, "", "expected int, got str '5'"),
            (5, str, "", "expected str, got int 5"),
            (True, int, "", "expected int, got bool True"),
            (1, bool, "", "expected bool, got int 1"),
            (5.5, int, "", "expected int, got float 5.5"),
            ("abc", list[str], "", "expected list[str], got str 'abc'"),
            ([1, "x"], list[int], "[1]", "expected int, got str 'x'"),
            ({"a": [1]}, dict[str, list[str]], ".a[0]", "expected str, got int 1"),
            ({"a b": None}, dict[str, int], "['a b']", "expected int"),
            ([1], tuple[int, str], "", "expected tuple[int, str]"),
            ({"id": "1"}, Order, ".id", "expected int, got str '1'"),
            ({}, Order, ".id", "'id' is missing"),
            ({"id": 1, "itmes": []}, Order, "", "Order has no field 'itmes'"),
            (
                {"id": 1, "items": [{"name": 5}]},
                Order,
                ".items[0].name",
                "expected str, got int 5",
            ),
            ({"name": 5}, Item | None, ".name", "expected str, got int 5"),
            ({"x": 1, "z": 2}, Point, "", "Point has no field 'z'"),
            ("x", int | None, "", "expected int | None, got str 'x'"),
            ("c", Literal["a", "b"], "", "expected one of 'a', 'b', got str 'c'"),
            (True, Literal[1], "", "expected one of 1"),
            ("BLUE", Colour, "", "expected one of 'RED', 'GREEN', 'ALIAS'"),
            ("yesterday", dt.datetime, "", "yesterday"),
            ("x" * 500, int, "", "xxx..."),
            ([1], dict, "", "expected dict, got list [1]"),
            ({}, tuple[int, ...], "", "expected tuple[int, ...]"),
            (5, Order, "", "expected Order, got int 5"),
            ([1, 2, 3], Point, "", "expected Point, got list [1, 2, 3]"),
            ([], dt.datetime, "", "expected datetime, got list []"),
            (5, Holiday, "", "expected one of 'LEAP', got int 5"),
            ({"$": "object", "type": "a:B", "v": {}}, int, "", "unknown class 'a:B'"),
            ("x", threading.Thread, "", "expected Thread, got str 'x'"),
        ],
        ids=repr,
    )
    def test_misfits(
        self, codec: Codec, data: Any, hint: Any, path: str, reason: str
    ) -> None:
        """What does not fit is told with its place, what was expected and what came."""
        with pytest.raises(UnreadableError) as caught:
            codec.from_data(data, hint)

        assert caught.value.path == f"value{path}"
        assert reason in caught.value.reason

    @given(some.values)
    def test_fitting_values_pass(self, value: Any) -> None:
        """A recorded value passes its own class as the annotation, unchanged."""
        codec = Codec()

        assert some.same(codec.from_data(codec.to_data(value), type(value)), value)

    def test_annotations_that_do_not_resolve(self) -> None:
        """One annotation that cannot be evaluated does not spoil the others."""

        def function(a: int, b: NoSuchName, c: list[Item]) -> Order: ...  # type: ignore[name-defined,empty-body] # noqa: F821

        assert resolve_hints(function) == {
            "a": int,
            "b": Any,
            "c": list[Item],
            "return": Order,
        }


class TestEnums:
    """Enums come back by name."""

    def test_class_may_change(self, codec: Codec) -> None:
        """A member is found by its name in whatever class now has the name."""
        data = codec.to_data(Level.LOW)
        codec.register(Colour, name=data["type"])

        assert codec.from_data({**data, "v": "GREEN"}) is Colour.GREEN
