"""What activities, dynamic nodes and children may be told, and what is nonsense."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import actorflow as af
from actorflow.model.activities import EXECUTORS, as_activity, node_name
from actorflow.model.children import as_child, child_id


def work(x: int = 1) -> int:
    """Do something."""
    return x


async def orchestrate(ctx: af.Context) -> None:
    """Do nothing."""


def problems(make: Any, /, **settings: Any) -> list[str]:
    """Return everything that is said against these settings."""
    with pytest.raises(af.DefinitionError) as caught:
        make(**settings)
    return list(caught.value.problems)


RATE = af.RateLimit(1.5)  # type: ignore[arg-type]
SLOTS = af.ConcurrencyLimit(True)
OF_CHILD = "as_output, branch, key, on_parent_close, retry, timeout"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"heartbeat_timeout": 0}, "heartbeat_timeout must be positive, not 0 s"),
        (
            {"heartbeat_timeout": 1, "executor": "process"},
            "heartbeat_timeout is not for executor 'process', which cannot tell",
        ),
        ({"rate_limit": 5}, "rate_limit must be a RateLimit, not 5"),
        (
            {"concurrency_limit": af.RateLimit(1)},
            f"concurrency_limit must be a ConcurrencyLimit, not {af.RateLimit(1)!r}",
        ),
        ({"rate_limit": RATE}, "rate_limit.count must be a whole number, not 1.5"),
        (
            {"concurrency_limit": SLOTS},
            "concurrency_limit.count must be a whole number, not True",
        ),
        (
            {"concurrency_limit": af.ConcurrencyLimit(0)},
            "concurrency_limit.count must be at least 1, not 0",
        ),
        (
            {"rate_limit": af.RateLimit(1, per=0)},
            "rate_limit.per must be positive, not 0 s",
        ),
        (
            {"retry": af.Retry(max_attempts="3")},  # type: ignore[arg-type]
            "retry[0].max_attempts must be a whole number, not '3'",
        ),
        (
            {"retry": af.Retry(factor=float("nan"))},
            "retry[0].factor must be a number, not nan",
        ),
        (
            {"retry": af.Retry(factor=float("inf"))},
            "retry[0]: factor must be finite, but is inf",
        ),
        (
            {"retry": af.Retry(initial=2, max_delay=1)},
            "retry[0]: initial (2 s) is more than max_delay (1 s)",
        ),
    ],
)
def test_setting_without_meaning(settings: dict[str, Any], problem: str) -> None:
    """One that cannot be kept is refused where it is written, and told what it is."""
    assert problems(af.activity(work).options, **settings) == [problem]


@pytest.mark.parametrize("classes", [5, None, {}])
def test_classes_of_a_retry_are_a_list(classes: Any) -> None:
    """What was given instead is told as it was given."""
    retry = af.Retry(on=classes)

    assert problems(af.activity(work).options, retry=retry) == [
        f"retry[0].on must be a list, not {classes!r}"
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"heartbeat_timeout": 0.5},
        {"heartbeat_timeout": 1, "executor": "inline"},
        {"executor": "process"},
        {"rate_limit": af.RateLimit(1, per=1)},
        {"rate_limit": af.RateLimit(1, per="500ms")},
        {"concurrency_limit": af.ConcurrencyLimit(1)},
        {"retry": af.Retry(max_attempts=1, initial=0, factor=0, max_delay=0)},
        {"retry": af.Retry(jitter=1, initial=60, max_delay=60)},
    ],
    ids=str,
)
def test_setting_at_its_limit(settings: dict[str, Any]) -> None:
    """The least and the most that have a meaning are allowed."""
    made = af.activity(work).options(**settings)

    assert (made.name, made(3)) == ("work", 3)


@pytest.mark.parametrize(
    ("settings", "limited"),
    [
        ({}, False),
        ({"rate_limit": af.RateLimit(1)}, True),
        ({"concurrency_limit": af.ConcurrencyLimit(1)}, True),
    ],
    ids=str,
)
def test_activity_knows_whether_it_waits_for_others(
    settings: dict[str, Any],
    limited: object,
) -> None:
    """Either limit is enough."""
    assert af.activity(work).options(**settings).is_limited == limited


@pytest.mark.parametrize(
    ("node", "settings", "problem"),
    [
        (af.Child("w"), {"timeout": 0}, "timeout must be positive, not 0 s"),
        (
            af.Child("w"),
            {"on_parent_close": "forget"},
            "on_parent_close must be cancel or abandon, not 'forget'",
        ),
        (
            af.Child("w"),
            {"retry": [af.Retry(), af.Retry(on=())]},
            "retry[1]: `on` is empty, so nothing would be retried",
        ),
        (
            af.Child("w"),
            {"workflow": "v"},
            f"no option 'workflow'; there are {OF_CHILD}",
        ),
        (af.dynamic(orchestrate), {"timeout": 0}, "timeout must be positive, not 0 s"),
        (
            af.dynamic(orchestrate),
            {"retry": af.Retry(on=())},
            "retry[0]: `on` is empty, so nothing would be retried",
        ),
        (
            af.dynamic(orchestrate),
            {"fn": work},
            "no option 'fn'; there are as_output, branch, key, name, retry, timeout",
        ),
    ],
)
def test_option_of_another_node(
    node: Any, settings: dict[str, Any], problem: str
) -> None:
    """Children and dynamic nodes are held to the rules of activities."""
    assert problems(node.options, **settings) == [problem]


@pytest.mark.parametrize(
    ("node", "name"),
    [(af.Child("w"), "w"), (af.dynamic(orchestrate), "orchestrate")],
    ids=["child", "dynamic"],
)
def test_options_of_another_node_give_a_copy(node: Any, name: str) -> None:
    """The copy has the other settings, and what it runs; the original is untouched."""
    copy = node.options(timeout="1s", retry=af.Retry(), key="k")

    assert (copy.name, copy.timeout, copy.key) == (name, 1.0, "k")
    assert copy.retry == (af.Retry(),)
    assert (node.timeout, node.retry, node.key) == (None, (), None)


@pytest.mark.parametrize(
    "node",
    [af.activity(work), af.dynamic(orchestrate), af.Child("w")],
    ids=["activity", "dynamic", "child"],
)
def test_policies_may_be_taken_away(node: Any) -> None:
    """None is no policy, and one is a list of one."""
    tried = node.options(retry=af.Retry(), timeout=5)
    given_up = tried.options(retry=None, timeout=None)

    assert (tried.retry, tried.timeout) == ((af.Retry(),), 5.0)
    assert (given_up.retry, given_up.timeout) == ((), None)


def test_dynamic_node_is_made_like_an_activity() -> None:
    """Bare, or with a policy and another name; it still looks like its function."""
    bare = af.dynamic(orchestrate)
    named = af.dynamic(name="other", timeout=60, retry=af.Retry())(orchestrate)

    assert (bare.name, bare.timeout) == ("orchestrate", None)
    assert bare.__doc__ == "Do nothing."
    assert (named.name, named.timeout, named.retry) == ("other", 60.0, (af.Retry(),))
    assert problems(af.dynamic(timeout=-1), fn=orchestrate) == [
        "timeout must be positive, not -1 s"
    ]


def test_dynamic_node_has_its_own_place_to_run() -> None:
    """It only waits, so it takes none of the threads that activities have."""
    assert af.dynamic(orchestrate).is_async
    assert not af.dynamic(work).is_async
    assert af.dynamic(work).runs_on not in {None, *EXECUTORS}


def test_dynamic_node_may_be_called() -> None:
    """Outside an execution it is the function, with nothing recorded."""
    assert af.dynamic(lambda ctx, x: (ctx, x))("here", x=2) == ("here", 2)


def test_function_without_a_name_is_called_by_its_class() -> None:
    """A partial function, or an object that can be called, is an activity as well."""
    made = af.activity(partial(work, x=4))

    assert (made.name, made()) == ("partial", 4)
    assert af.activity(name="work")(partial(work)).name == "work"


def test_what_cannot_be_called_is_no_activity() -> None:
    """The error shows what was given instead of a function."""
    assert problems(lambda: af.activity(5)) == ["fn must be a function, not 5"]  # type: ignore[call-overload]
    assert problems(lambda: as_activity(None)) == ["None is not callable"]


def test_node_of_a_graph_is_an_activity() -> None:
    """A function becomes one with default settings; an activity keeps its own."""
    made = af.activity(timeout=5)(work)

    assert as_activity(made) is made
    assert (as_activity(work).name, as_activity(work).timeout) == ("work", None)


def test_child_of_a_step_keeps_its_settings() -> None:
    """A definition is a child with default settings; a child stays what it is."""
    made = af.Child("w", on_parent_close="abandon")

    assert as_child(made) is made
    assert as_child("w") is not None
    assert as_child(None) is None


def test_name_of_any_node() -> None:
    """Text is a name; an object has one, or else that of its function or class."""
    assert node_name("fetch") == "fetch"
    assert node_name(af.activity(name="get")(work)) == "get"
    assert node_name(work) == "work"
    assert node_name(partial(work)) == "partial"


@pytest.mark.parametrize(
    ("starts", "visit", "expected"),
    [
        (0, 1, "p/main/c"),
        (1, 1, "p/main/c"),
        (2, 1, "p~2/main/c"),
        (1, 2, "p/main/c~2"),
        (3, 2, "p~3/main/c~2"),
    ],
)
def test_id_of_a_child_is_for_ever(starts: int, visit: int, expected: str) -> None:
    """It follows from where it is called: a parent that lost it finds it again."""
    assert child_id("p", starts, "main/c", visit) == expected
