"""What goes into an execution comes out as the same, also from a file, also later."""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest

import actorflow as af
from tests.acceptance.helpers import WAIT, Calls, finish


class Colour(Enum):
    """A plain enum."""

    RED = "red"


class Level(IntEnum):
    """An enum of numbers."""

    HIGH = 3


class Region(StrEnum):
    """An enum of text."""

    EU = "eu"


@attrs.frozen
class Line:
    """A part of an order."""

    sku: str
    price: Decimal


@attrs.define
class Order:
    """A nested attrs class."""

    id: UUID
    lines: list[Line]
    placed: datetime
    colour: Colour = Colour.RED


@dataclasses.dataclass
class Parcel:
    """A nested dataclass."""

    order: Order
    size: tuple[int, int]


class Point(NamedTuple):
    """A named tuple."""

    x: int
    y: int


ORDER = Order(
    UUID("12345678123456781234567812345678"),
    [Line("x1", Decimal("9.90"))],
    datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
)

PLAIN: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "int": 42,
    "negative": -7,
    "2**53+1": 2**53 + 1,
    "2**63": 2**63,
    "2**200": 2**200,
    "float": 1.5,
    "whole float": 3.0,
    "negative zero": -0.0,
    "tiny": 5e-324,
    "infinity": math.inf,
    "text": "käse 🧀 \n \0 \x7f",
    "empty text": "",
    "dollar": "${state.x}",
    "tag-like": {"$": "tuple", "v": [1]},
    "list": [1, "a", None, [2]],
    "empty list": [],
    "mapping": {"a": {"b": [1]}},
    "empty mapping": {},
    "odd keys": {"": 1, "a.b": 2, "$": 3, "__class__": 4},
}
RICH: dict[str, Any] = {
    "aware datetime": datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC),
    "naive datetime": datetime(2024, 2, 29, 12, 30),  # noqa: DTZ001
    "offset datetime": datetime(
        2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))
    ),
    "date": date(2024, 2, 29),
    "time": time(12, 30, 15),
    "timedelta": timedelta(days=-1, microseconds=3),
    "decimal": Decimal("0.10"),
    "decimal nan": Decimal("1E+400"),
    "uuid": UUID("12345678123456781234567812345678"),
    "bytes": b"\x00\xff raw",
    "empty bytes": b"",
    "enum": Colour.RED,
    "int enum": Level.HIGH,
    "str enum": Region.EU,
    "path": Path("/tmp/x"),  # noqa: S108 - only a value
    "tuple": (1, (2, 3)),
    "empty tuple": (),
    "set": {1, 2},
    "frozenset": frozenset({"a"}),
    "attrs": ORDER,
    "dataclass": Parcel(ORDER, (2, 3)),
    "nested": {"orders": [ORDER], "when": (date(2024, 1, 1), Decimal(3))},
    "mapping with other keys": {1: "a", 2: "b"},
    "named tuple": Point(1, 2),
}
ALL = PLAIN | RICH


def same(got: Any, value: Any) -> bool:
    """Return whether both are equal and of one type, all the way down."""
    if type(got) is not type(value):
        return False
    if isinstance(value, Mapping):
        return got.keys() == value.keys() and all(same(got[k], value[k]) for k in value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return len(got) == len(value) and all(map(same, got, value))
    return bool(got == value) and repr(got) == repr(value)


def passing(value: Any, calls: Calls) -> af.Workflow:
    """Make a workflow that stores *value*, rests, and hands it to an activity."""
    return af.Workflow(
        name="w",
        steps=[
            af.Step(
                "make",
                activity=af.activity(name="make")(lambda: value),
                store="x",
                next=[af.Edge("rest")],
            ),
            af.Step(
                "rest", wait_signal=af.WaitSignal(topic="go"), next=[af.Edge("use")]
            ),
            af.Step("use", activity=calls.__call__, parameters={"value": "${state.x}"}),
        ],
        result="x",
    )


def over_a_restart(db: Path, value: Any, calls: Calls) -> Any:
    """Return the output of an execution that kept *value* over a restart."""
    wf = passing(value, calls)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.start(wf, execution_id="run").wait(timeout=WAIT)
    with af.Runtime(db, definitions=[wf]) as rt:
        rt.signal("run", "go")
        return rt.get("run").result(timeout=WAIT)


@pytest.mark.parametrize("name", ALL)
def test_a_value_reaches_a_later_step_as_it_was(
    db: Path, calls: Calls, name: str
) -> None:
    """What one step returned is what a step after a restart is given."""
    over_a_restart(db, ALL[name], calls)

    assert same(calls.seen[0], ALL[name]), calls.seen


@pytest.mark.parametrize("name", ALL)
def test_a_value_is_returned_as_it_was(db: Path, calls: Calls, name: str) -> None:
    """What was stored before a restart is what the execution returns after it."""
    output = over_a_restart(db, ALL[name], calls)

    assert same(output, ALL[name]), output


@pytest.mark.parametrize("name", ALL)
def test_an_input_arrives_as_it_was(name: str) -> None:
    """What `start` is given is what the activity gets."""
    with af.Runtime(":memory:") as rt:
        output = rt.start(keep, ALL[name]).result(timeout=WAIT)

    assert same(output, ALL[name]), output


def keep(value: Any) -> Any:
    """Return what was given."""
    return value


@pytest.mark.parametrize("name", ALL)
def test_a_payload_arrives_as_it_was(name: str) -> None:
    """What a signal carries is what the wait stores."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("s", wait_signal=af.WaitSignal(topic="go", store="x"))],
        result="x",
    )
    with af.Runtime(":memory:", definitions=[wf]) as rt:
        run = rt.start(wf)
        run.signal("go", ALL[name])
        output = run.result(timeout=WAIT)

    assert same(output, ALL[name]), output


@pytest.mark.parametrize("name", ALL)
def test_a_variable_of_the_definition_arrives_as_it_was(name: str) -> None:
    """What a definition's `state` holds is what the activity gets."""
    wf = af.Workflow(
        name="w",
        state={"x": ALL[name]},
        steps=[
            af.Step("a", activity=keep, parameters={"value": "${state.x}"}, store="y")
        ],
        result="y",
    )
    output = finish(wf).output

    assert same(output, ALL[name]), output


@pytest.mark.parametrize("name", ALL)
def test_a_default_arrives_as_it_was(name: str) -> None:
    """What an input has as its default is what the activity gets."""
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("x", default=ALL[name])],
        steps=[
            af.Step("a", activity=keep, parameters={"value": "${inputs.x}"}, store="y")
        ],
        result="y",
    )
    output = finish(wf).output

    assert same(output, ALL[name]), output


@pytest.mark.parametrize("name", [n for n in ALL if n != "dollar"])
def test_a_parameter_arrives_as_it_was(name: str) -> None:
    """What a definition's `parameters` hold is what the activity gets."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=keep, parameters={"value": ALL[name]}, store="y")],
        result="y",
    )
    output = finish(wf).output

    assert same(output, ALL[name]), output


@pytest.mark.parametrize("name", ALL)
def test_an_item_arrives_as_it_was(name: str) -> None:
    """What a map runs over is what its activity gets."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", map=af.Map(over=[ALL[name]], activity=keep), store="y")],
        result="y",
    )
    output = finish(wf).output

    assert same(output, [ALL[name]]), output


def test_not_a_number_comes_back() -> None:
    """NaN, which equals nothing, is NaN again."""
    with af.Runtime(":memory:") as rt:
        assert math.isnan(rt.start(keep, math.nan).result(timeout=WAIT))


def test_a_named_zone_comes_back_as_the_same_time(db: Path, calls: Calls) -> None:
    """A datetime of a zone by name is the same instant after a restart."""
    value = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    assert over_a_restart(db, value, calls) == value


def test_an_ordered_mapping_keeps_its_order(db: Path, calls: Calls) -> None:
    """The keys of a mapping come back in the order they went in."""
    value = OrderedDict.fromkeys("zyxabc", 1)

    assert [*over_a_restart(db, value, calls)] == [*"zyxabc"]


# --- annotations ---------------------------------------------------------------------


def test_an_annotation_decides_what_an_activity_gets() -> None:
    """A parameter annotated with a class is given an instance of it."""

    def total(order: Order) -> Decimal:
        return sum((line.price for line in order.lines), Decimal())

    with af.Runtime(":memory:") as rt:
        assert rt.start(total, ORDER).result(timeout=WAIT) == Decimal("9.90")


def test_plain_data_becomes_what_the_annotation_says() -> None:
    """Data as a file or a program would give it fits a typed parameter."""

    def first(order: Order) -> Line:
        return order.lines[0]

    data = {
        "id": "12345678-1234-5678-1234-567812345678",
        "lines": [{"sku": "x1", "price": "9.90"}],
        "placed": "2024-02-29T12:30:00+00:00",
    }
    wf = af.Workflow(
        name="w",
        inputs=[af.Input("order")],
        steps=[
            af.Step(
                "a",
                activity=first,
                parameters={"order": "${inputs.order}"},
                store="line",
            )
        ],
        result="line",
    )

    assert finish(wf, order=data).output == Line("x1", Decimal("9.90"))


def test_data_that_does_not_fit_fails_the_step_saying_where() -> None:
    """A parameter that cannot become what is annotated fails, naming the path."""

    def total(order: Order) -> int:
        return len(order.lines)

    wf = af.Workflow(
        name="w",
        inputs=[af.Input("order")],
        steps=[af.Step("a", activity=total, parameters={"order": "${inputs.order}"})],
    )
    error = finish(wf, order={"id": "no uuid", "lines": [], "placed": "now"}).error

    assert error is not None
    assert "order" in error.message


def test_an_expression_reaches_into_classes() -> None:
    """Templates read attributes of what an activity returned."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a",
                activity=af.activity(name="make")(lambda: ORDER),
                store="order",
                next=[af.Edge("b")],
            ),
            af.Step(
                "b",
                activity=keep,
                parameters={"value": "${state.order.lines[0].sku}"},
                store="sku",
            ),
        ],
        result="sku",
    )

    assert finish(wf).output == "x1"


def test_outputs_reach_into_classes() -> None:
    """An output path reads attributes of what an activity returned."""
    wf = af.Workflow(
        name="w",
        steps=[
            af.Step(
                "a", activity=af.activity(name="make")(lambda: ORDER), store="order"
            )
        ],
        outputs=[af.Output("id", variable="order.id")],
    )

    assert finish(wf).output == {"id": ORDER.id}


# --- what cannot be recorded ---------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), "result"),
        ({"a": [1, {"lock": object()}]}, "result.a[1].lock"),
        ([lambda: 1], "result[0]"),
        ((n for n in [1]), "result"),
    ],
    ids=["object", "deep", "function", "generator"],
)
def test_what_is_no_data_is_refused_naming_its_path(value: Any, path: str) -> None:
    """A result that cannot be recorded fails its step and says where the trouble is."""
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=af.activity(name="make")(lambda: value))],
    )
    error = finish(wf).error

    assert error is not None
    assert path in error.message


def test_a_variable_that_is_no_data_is_told_by_name() -> None:
    """A definition whose `state` cannot be recorded is refused, naming the variable."""
    with pytest.raises(af.ActorflowError, match="lock"):
        finish(
            af.Workflow(
                name="w",
                state={"lock": object()},
                steps=[af.Step("a", activity=keep, parameters={"value": 1})],
            )
        )


def test_a_result_that_contains_itself_is_refused() -> None:
    """A list that is its own item fails its step; nothing recurses for ever."""
    loop: list[Any] = []
    loop.append(loop)
    wf = af.Workflow(
        name="w", steps=[af.Step("a", activity=af.activity(name="x")(lambda: loop))]
    )

    assert finish(wf).status == "failed"


def test_text_that_no_file_can_hold_is_refused_or_kept() -> None:
    """Half a surrogate pair comes back or fails its step; the log stays whole."""
    half = "\ud800"
    wf = af.Workflow(
        name="w",
        steps=[af.Step("a", activity=af.activity(name="x")(lambda: half), store="x")],
        result="x",
    )
    result = finish(wf)

    assert result.status == "failed" or result.output == half


def test_a_message_that_no_file_can_hold_is_told_all_the_same() -> None:
    """An exception with broken text still fails its step, and not the runtime."""

    def failing() -> None:
        raise ValueError("broken \ud800 text")

    wf = af.Workflow(name="w", steps=[af.Step("a", activity=failing)])
    error = finish(wf).error

    assert error is not None
    assert "broken" in error.message


def test_an_exception_that_cannot_be_printed_still_fails_its_step() -> None:
    """A hostile `__str__` hides nothing and breaks nothing."""

    class HostileError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def failing() -> None:
        raise HostileError

    wf = af.Workflow(name="w", steps=[af.Step("a", activity=failing)])
    error = finish(wf).error

    assert error is not None
    assert "HostileError" in error.message


def test_a_large_result_comes_back(db: Path) -> None:
    """A result of some megabytes is recorded like any other."""
    text = "x" * 3_000_000
    with af.Runtime(db) as rt:
        assert rt.start(keep, text).result(timeout=WAIT) == text
