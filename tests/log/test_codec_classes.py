"""A name in a log finds only classes that this process vouches for."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NewType

import attrs
import pytest

from actorflow.errors import UnreadableError
from actorflow.log.codec import Codec
from tests.log import strategies as some
from tests.log.strategies import (
    Cents,
    Colour,
    Frozen,
    Item,
    Level,
    Order,
    Point,
    Record,
    Region,
    Right,
    Slotted,
    UserId,
)

MENTIONS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda cls: cls,
    "inside": lambda cls: dict[str, list[cls | None]],  # type: ignore[valid-type]
    "new": lambda cls: NewType("New", cls),
}
"""Annotations that mention a class."""


@attrs.define
class Tree:
    """A class that mentions itself."""

    left: Tree | None = None
    right: Tree | None = None
    item: Item | None = None


class Plain:
    """A class that is no data."""


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

    @pytest.mark.parametrize(
        "value",
        [
            Item("a", private=1, other=2),
            Frozen(value=1),
            Record(1),
            Slotted(1),
            Point(1, 2),
            Colour.RED,
            Level.HIGH,
            Region.EU,
            Right.READ | Right.WRITE,
            UserId("u"),
            Cents(5),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("mention", MENTIONS.values(), ids=MENTIONS)
    def test_whatever_has_fields_or_is_one_value(
        self, codec: Codec, value: Any, mention: Callable[[Any], Any]
    ) -> None:
        """Any class of data is known once an annotation has mentioned it."""
        data = Codec().to_data(value)
        with pytest.raises(UnreadableError, match="not known here"):
            codec.from_data(data)
        codec.learn(mention(type(value)))

        assert some.same(codec.from_data(data), value)

    def test_classes_that_mention_each_other(self, codec: Codec) -> None:
        """Learning them comes to an end."""
        codec.learn(Tree)
        value = Tree(Tree(item=Item("a")), Tree())

        assert codec.from_data(Codec().to_data(value)) == value

    @pytest.mark.parametrize("make", [attrs.define, attrs.frozen, dataclass])
    def test_fields_that_are_set_later(self, codec: Codec, make: Any) -> None:
        """What `__init__` does not take is recorded, and comes back."""
        later = attrs.field if make is not dataclass else field

        class Plain:
            value: Any
            late: Any = later(init=False, default=None)

        late: Any = make(Plain)
        one = late(1)
        object.__setattr__(one, "late", 9)
        codec.register(late)
        back = codec.from_data(codec.to_data(one))

        assert (type(back), back.value, back.late) == (late, 1, 9)

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
            "tests.log.strategies:Failure",
            "tests.log.strategies:Item.__init__",
            "tests.log.strategies:Item.__init__.__globals__",
            "tests.log.strategies:Missing",
            "tests.log.strategies:Missing.Item",
            f"{__name__}:Plain",
            "subprocess:Popen",
            "no.such.module:Item",
            "",
            ":",
        ],
    )
    def test_trust_goes_no_further(self, codec: Codec, name: str) -> None:
        """Trust covers data classes defined in the module: nothing it imports."""
        codec.trust("tests.log.strategies")
        codec.trust(__name__)

        with pytest.raises(UnreadableError, match="not known here"):
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
        text = codec.dumps(order).replace("strategies:Order", "gone:Order")
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

        assert codec.from_data(codec.loads(codec.dumps(codec.to_data(value)))) == value

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
        ("data", "reason"),
        [
            (
                {"$": "novel", "v": 1},
                "ValueError: unknown tag 'novel'; was it ",
            ),
            ({"$": None}, "ValueError: unknown tag None; "),
            ({"$": ["x"]}, "TypeError: "),
            ({"$": "datetime"}, "'v' is missing"),
            ({"$": "datetime", "v": "yesterday"}, "ValueError: Invalid isoformat "),
            ({"$": "fraction", "v": "1e5"}, "ValueError: '1e5' is no fraction"),
            ({"$": "tuple", "v": 5}, "TypeError: "),
            ({"$": "enum", "type": "x", "v": 1}, "the class 'x' is not known here; "),
            ({"$": "object"}, "'v' is missing"),
        ],
    )
    def test_broken_tags(self, codec: Codec, data: Any, reason: str) -> None:
        """A tag that makes no sense is an error, not something else."""
        with pytest.raises(UnreadableError) as caught:
            codec.from_data([data])

        assert caught.value.path == "value[0]"
        assert caught.value.reason.startswith(reason)


class TestEnums:
    """Enums come back by name."""

    def test_class_may_change(self, codec: Codec) -> None:
        """A member is found by its name in whatever class now has the name."""
        data = codec.to_data(Level.LOW)
        codec.register(Colour, name=data["type"])

        assert codec.from_data({**data, "v": "GREEN"}) is Colour.GREEN
