"""How deep a value may be nested: deep, but never so deep that it cannot be stored."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorflow.errors import UnrecordableError
from actorflow.log.codec import Codec
from actorflow.log.encoders import MAX_DEPTH
from tests.log.strategies import Frozen, Point, Slotted

Wrap = Callable[[Any], Any]


class Taught:
    """A class that the codec has to be taught."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner


LAYERS: dict[str, tuple[Wrap, int]] = {
    "list": (lambda value: [value], 0),
    "tuple": (lambda value: (value,), 0),
    "deque": (lambda value: deque([value]), 0),
    "set": (lambda value: frozenset([value]), 0),
    "dict": (lambda value: {"a": value}, 0),
    "numbers as keys": (lambda value: {1: value}, 1),
    "ordered": (lambda value: OrderedDict(a=value), 1),
    "with defaults": (lambda value: defaultdict(None, a=value), 1),
    "attrs": (lambda value: Frozen(value=value), 1),
    "dataclass": (Slotted, 1),
    "named tuple": (Point, 1),
    "taught": (Taught, 0),
}
"""Ways to nest a value, and how many levels its content may go beyond the limit."""


@pytest.fixture(name="codec")
def _codec() -> Codec:
    codec = Codec()
    codec.register(Taught, encode=lambda value: value.inner)
    return codec


def nested(wrap: Wrap, layers: int, lists: int, value: Any = 1) -> Any:
    """Return a value in so many layers, and those in so many lists."""
    for _ in range(layers):
        value = wrap(value)
    for _ in range(lists):
        value = [value]
    return value


def levels(data: Any) -> int:
    """Return how deep a JSON tree is."""
    inner = data.values() if isinstance(data, dict) else data
    if not isinstance(inner, (list, type({}.values()))):
        return 0
    return 1 + max(map(levels, inner), default=0)


@pytest.mark.parametrize(("wrap", "beyond"), [*LAYERS.values()], ids=LAYERS)
def test_there_is_a_deepest(codec: Codec, wrap: Wrap, beyond: int) -> None:
    """Of each kind of value, as much is written as the limit allows."""
    deepest = 0
    for lists in range(4):
        for layers in range(1, MAX_DEPTH + 2):
            try:
                data = codec.to_data(nested(wrap, layers, lists))
            except UnrecordableError:
                break
            deepest = max(deepest, levels(data))

    assert deepest == MAX_DEPTH + beyond


@pytest.mark.parametrize(("wrap", "_"), [*LAYERS.values()], ids=LAYERS)
def test_far_too_deep(codec: Codec, wrap: Wrap, _: int) -> None:
    """Nor does a value that never ends take the process down."""
    with pytest.raises(UnrecordableError, match=f"deeper than {MAX_DEPTH} levels"):
        codec.to_data(nested(wrap, 2_000, 0))


def test_the_place_of_what_is_too_deep(codec: Codec) -> None:
    """Its first steps are told; those to any other trouble are told to the last."""
    with pytest.raises(UnrecordableError) as too_deep:
        codec.to_data({"a": nested(Taught, 0, 2_000)})
    with pytest.raises(UnrecordableError) as other:
        codec.to_data({"a": nested(lambda _: object(), 1, 20)})

    assert too_deep.value.path == "value.a" + "[0]" * 7
    assert other.value.path == "value.a" + "[0]" * 20


@pytest.mark.parametrize("lists", [0, 1])
def test_keys_may_be_as_deep_as_values(codec: Codec, lists: int) -> None:
    """A tuple in a tuple is a key too."""

    def deepest(mapping: Wrap) -> int:
        for layers in range(1, MAX_DEPTH):
            key = nested(lambda value: (value,), layers, 0)
            try:
                codec.to_data(nested(mapping, 1, lists, key))
            except UnrecordableError:
                return layers
        return MAX_DEPTH

    assert deepest(lambda key: {key: 1}) == deepest(lambda value: {1: value})


@given(
    st.lists(
        st.sampled_from([LAYERS[n][0] for n in LAYERS if n not in {"set", "taught"}]),
        min_size=40,
        max_size=210,
    )
)
def test_what_is_written_can_be_stored(layers: list[Wrap]) -> None:
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
