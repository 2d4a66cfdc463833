"""Whatever is handed to a definition, it is taken, or refused with its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import pytest
from attrs import frozen

import actorflow as af
from actorflow.model.misfits import kind_of, misfits
from tests.nonsense import NONSENSE, calls, refuses_well

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


@af.activity
def double(x: int = 0) -> int:
    """Return twice the value."""
    return 2 * x


SENSE: dict[str, Any] = {
    **dict.fromkeys(("name", "topic", "goto", "step", "key"), "n"),
    **dict.fromkeys(("condition", "until", "when"), "true"),
    **dict.fromkeys(("duration", "count", "per"), 1),
    "arms": {"a": double},
    "choices": {"a": double},
    "over": [1],
    "cron": "0 0 * * *",
    "steps": [af.Step("s", activity=double)],
}
BUILT = [n for n in vars(af.Flow) if n[0] != "_" and callable(getattr(af.Flow, n))]
CLASSES = [
    *(af.Flow, af.Workflow, af.Step, af.Edge, af.Input, af.Output, af.Join),
    *(af.Map, af.Parallel, af.Loop, af.Route, af.WaitSignal, af.Pages, af.Ask),
    *(af.Retry, af.Catch, af.RateLimit, af.ConcurrencyLimit, af.FollowUp, af.Child),
    *(af.Schedule, af.Worker),
]


@pytest.mark.parametrize("method", BUILT)
def test_no_nonsense_in_a_flow(method: str) -> None:
    """The builder shows none of its insides, whatever it is given."""

    def build(*args: Any, **kwargs: Any) -> None:
        flow = af.Flow("f").then(double, name="first")
        getattr(flow, method)(*args, **kwargs)
        flow.build()

    flow = af.Flow("f")
    build.__signature__ = inspect.signature(getattr(flow, method))  # type: ignore[attr-defined]
    for call in calls(build, SENSE, double):
        refuses_well(call)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_nonsense_in_a_part(cls: Any) -> None:
    """So it is with parts that are made by themselves."""
    for call in calls(cls, SENSE, double):
        refuses_well(call)


@pytest.mark.parametrize("cls", [af.Activity, af.Dynamic, af.Child])
def test_no_nonsense_in_options(cls: Any) -> None:
    """So it is with settings of a node."""
    node = cls(workflow=double) if cls is af.Child else cls(double.fn, "n")
    for name, nonsense in product(inspect.signature(cls).parameters, NONSENSE):
        refuses_well(partial(node.options, **{name: nonsense}))


def _problems(**parts: Any) -> Sequence[str]:
    with pytest.raises(af.DefinitionError) as caught:
        af.Workflow("w", **{"steps": [af.Step("s", activity=double)], **parts})
    return list(caught.value.problems)


def test_each_has_its_place() -> None:
    """All are told at once: where, what should be there, and what is."""
    wrong: Any = {
        "store": 3,
        "retry": [af.Retry(max_attempts=1.5), "often"],  # type: ignore[arg-type]
        "next": [af.Edge(1, when=2)],  # type: ignore[arg-type]
        "catch": af.Catch(goto="there"),
    }
    join: Any = 1
    steps = [af.Step("s", activity=double, **wrong), af.Step("", join=join)]

    assert _problems(steps=steps, version=7, state="x=1", result=["a"]) == [
        "state must be a mapping, not 'x=1'",
        "version must be text, not 7",
        "result must be text, not ['a']",
        "step 's': store must be text, not 3",
        "step 's': retry[0].max_attempts must be a whole number, not 1.5",
        "step 's': retry[1] must be a Retry, not 'often'",
        f"step 's': catch must be a list, not {wrong['catch']}",
        "step 's': next[0].step must be text, not 1",
        "step 's': next[0].when must be text or a function, not 2",
        "step number 2: join must be a Join, not 1",
    ]


def test_steps_that_are_none() -> None:
    """What is in the list of steps and is none has its place in the list."""
    assert _problems(steps=[af.Step("s", activity=double), 3]) == [
        "steps[1] must be a Step, not 3"
    ]
    assert _problems(steps=3) == ["steps must be a list, not 3"]


def test_one_text_is_no_list() -> None:
    """A text where edges belong is not taken for a list of its letters."""
    text: Any = "abc"

    assert _problems(steps=[af.Step("s", activity=double, next=text)]) == [
        "step 's': next must be a list, not 'abc'"
    ]


def test_keys_and_values_of_mappings() -> None:
    """They have their places too."""
    join: Any = af.Join(mappings={1: "a", "b": 2})  # type: ignore[dict-item]

    assert misfits(join) == [
        "the key 1 of mappings must be text, not 1",
        "mappings['b'] must be text, not 2",
    ]


def test_what_is_given_may_change_afterwards() -> None:
    """A definition keeps copies of lists and mappings."""
    state, compatible = {"x": 1}, ["a"]
    flow = af.Flow("f", state=state, compatible_with=compatible).then(double)
    made = flow.build().workflow
    parts = af.Workflow("w", steps=made.steps, state=state, compatible_with=compatible)
    state["y"] = 2
    compatible.append("b")

    assert (made.state, parts.state) == ({"x": 1}, {"x": 1})
    assert made.compatible_with == parts.compatible_with == ("a",)


def test_true_is_no_number() -> None:
    """In Python it is one; in a definition nobody means that."""
    assert misfits(af.Retry(max_attempts=True)) == [
        "max_attempts must be a whole number, not True"
    ]


def test_what_cannot_be_shown() -> None:
    """A value whose text cannot be had is named by its type; a long one is cut."""

    class Sulky:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert misfits(af.Edge(Sulky())) == ["step must be text, not Sulky"]  # type: ignore[arg-type]
    (problem,) = misfits(af.Edge(["long"] * 100))  # type: ignore[arg-type]
    assert len(problem) < 100
    (whole,) = misfits(af.Edge(10**59))  # type: ignore[arg-type]
    assert whole == f"step must be text, not {10**59}"


def test_each_kind_of_annotation_allows_what_it_says() -> None:
    """A field of any kind is told with all that it may hold, and no more."""
    first = af.Edge("x")

    @frozen
    class Part:
        """A part of a definition."""

        text: str = ""
        number: float | None = None
        way: str | Callable[..., Any] = ""
        edge: af.Edge | None = None
        join: af.Join | None = None
        names: tuple[str, ...] = ()
        things: tuple[Any, ...] = ()
        part: af.Edge | af.Join = first
        several: Sequence[Any] = ()
        table: Mapping[str, int] = {}
        loose: Mapping[str, Any] | None = None
        word: Literal["a", "b"] = "a"
        anything: Any = None
        either: int | Any = None

    sense = Part(
        *("x", 1, len, af.Edge("x"), af.Join(), ("x",), (1,), af.Join()),
        *([1], {"x": 1}, {"x": "y"}),
    )
    edge: Any = af.Edge(1)  # type: ignore[arg-type]
    wrong: list[Any] = [*(1, "1", 1, 1, 1), (1,), (1,), edge, "1", {1: "1"}, {1: 1}]
    wrong += [1, 1, "x"]

    assert misfits(Part()) == misfits(sense) == []
    assert misfits(Part(*wrong)) == [
        "text must be text, not 1",
        "number must be a number, not '1'",
        "way must be text or a function, not 1",
        "edge must be an Edge, not 1",
        "join must be a Join, not 1",
        "names[0] must be text, not 1",
        "part.step must be text, not 1",
        "several must be a list, not '1'",
        "the key 1 of table must be text, not 1",
        "table[1] must be a whole number, not '1'",
        "the key 1 of loose must be text, not 1",
    ]


def test_what_may_be_one_of_several_fits_if_it_is_one() -> None:
    """Arguments are only asked whether they fit."""
    kind = kind_of(str | Callable[..., Any])

    assert kind is not None
    assert [kind.fits(value) for value in ("x", len, 1)] == [True, True, False]


def test_a_mapping_is_copied() -> None:
    """A definition stays what it was when the mapping it was made of changes."""
    state = {"x": 1}
    workflow = af.Workflow("w", steps=[af.Step("s", activity=double)], state=state)
    state["y"] = 2

    assert workflow.state == {"x": 1}


def test_no_mapping_is_an_empty_one() -> None:
    """Who has no variables may say so."""
    assert (
        af.Workflow("w", steps=[af.Step("s", activity=double)], state=None).state == {}
    )


def test_a_class_that_inherits_one_of_ours() -> None:
    """Fields and annotations of its own are its own business."""

    @frozen(kw_only=True)
    class Noted(af.Retry):
        note: int = "none"  # type: ignore[assignment]
        by: Unknown = None

    wrong: Any = 1.5

    assert misfits(Noted()) == []
    assert misfits(Noted(max_attempts=wrong)) == [
        "max_attempts must be a whole number, not 1.5"
    ]


def test_a_collection_is_no_mapping() -> None:
    """Any that holds several will do, but for one text, and names with values."""
    kind = kind_of(Collection[str])

    assert kind is not None
    assert all(map(kind.fits, [["x"], ("x",), {"x"}, {"x": 1}.keys()]))
    assert not any(map(kind.fits, ["x", b"x", {"x": 1}, iter(["x"]), 1]))
