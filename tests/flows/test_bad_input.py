"""What makes no sense is refused by name, where it stands, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import actorflow as af
from actorflow.testing import runtime
from tests.flows.helpers import echo, failure, problems

WHOLE = "must be a whole number, not"


def flow() -> Any:
    """Return an empty flow."""
    return af.Flow("f")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: flow().map("m", echo, over=[1], max_concurrency="3"), "max_conc"),
        (lambda: flow().map("m", echo, over=[1], max_concurrency=2.5), "max_conc"),
        (lambda: flow().map("m", echo, over=[1], max_concurrency=True), "max_conc"),
        (lambda: flow().parallel("p", echo, max_concurrency="3"), "max_concurrency"),
        (lambda: flow().map("m", echo, over=[1], batch="3"), "map.batch"),
        (lambda: flow().paginate("m", echo, max_pages="3"), "max_pages"),
        (lambda: flow().loop("l", echo, max_iterations="3"), "loop.max_iterations"),
    ],
    ids=["text", "fraction", "truth", "arms", "batch", "pages", "iterations"],
)
def test_a_number_that_is_none_is_refused(
    make: Callable[[], af.Flow], problem: str
) -> None:
    """Text, fractions and truth are no numbers of things."""
    (found,) = problems(make().build)

    assert problem in found
    assert WHOLE in found


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: flow().map("m", echo, over=[1], max_concurrency=n),
        lambda n: flow().parallel("p", echo, max_concurrency=n),
        lambda n: flow().map("m", echo, over=[1], batch=n),
        lambda n: flow().paginate("m", echo, max_pages=n),
        lambda n: flow().loop("l", echo, max_iterations=n),
    ],
    ids=["map", "parallel", "batch", "pages", "loop"],
)
def test_fewer_than_one_is_refused(make: Callable[[int], af.Flow], number: int) -> None:
    """A limit of nothing would never let anything through."""
    (found,) = problems(make(number).build)

    assert f"must be at least 1, not {number}" in found


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"rate_limit": 5}, "rate_limit must be a RateLimit, not 5"),
        ({"rate_limit": af.RateLimit("5")}, f"rate_limit.count {WHOLE} '5'"),  # type: ignore[arg-type]
        ({"concurrency_limit": 5}, "concurrency_limit must be a ConcurrencyLimit"),
        (
            {"concurrency_limit": af.ConcurrencyLimit(0.5)},  # type: ignore[arg-type]
            f"concurrency_limit.count {WHOLE} 0.5",
        ),
        (
            {"concurrency_limit": af.ConcurrencyLimit(-1)},
            "concurrency_limit.count must be at least 1",
        ),
    ],
    ids=["rate", "rate of text", "slots", "half a slot", "no slot"],
)
def test_a_limit_that_is_none_is_refused(
    settings: dict[str, Any], problem: str
) -> None:
    """With what it should be."""
    (found,) = problems(lambda: af.activity(**settings)(echo))

    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: flow().parallel("p"), "step 'p': parallel needs at least one arm"),
        (lambda: flow().route("1", {}), "step 'route': route needs at least one"),
        (lambda: flow().when("1").end(), "the `when` of 'when' is empty"),
        (lambda: flow().map("m", af.Flow("x"), over=[1]), "'x': the workflow needs"),
        (lambda: flow().map("m", None, over=[1]), "step 'm': None is neither"),
        (lambda: flow().map("m", echo, over=None), "step 'm': map.over is what"),
        (lambda: flow().parallel("p", echo, echo), "parallel 'p' has two arms named"),
    ],
    ids=["arms", "choices", "when", "flow", "node", "over", "double"],
)
def test_what_is_empty_or_there_twice_is_refused(
    make: Callable[[], af.Flow], problem: str
) -> None:
    """At build, by its name."""
    assert any(found.startswith(problem) for found in problems(make().build))


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda bad: flow().then(bad), "main/bad"),
        (lambda bad: flow().parallel("p", bad), "main/p[bad]"),
        (lambda bad: flow().map("m", bad, over=[1]), "main/m[0]"),
        (lambda bad: flow().loop("l", bad), "main/l@1"),
        (lambda bad: flow().route("'k'", {"k": bad}), "main/route/bad"),
        (lambda bad: flow().paginate("p", bad), "main/p/bad#1"),
    ],
    ids=["step", "arm", "item", "iteration", "choice", "page"],
)
def test_a_result_that_cannot_be_recorded_fails_its_place(
    make: Callable[[Any], af.Flow], place: str
) -> None:
    """It is not tried again in vain; the error says which part of it."""
    bad = af.activity(name="bad", retry=af.Retry())(lambda *_: {"lock": [object()]})
    error = failure(make(bad))

    assert error.address == place
    assert "result.lock[0] cannot be recorded" in error.message


@pytest.mark.parametrize(
    "settings",
    [{"blobs": 5}, {"claim_check_over": "many"}, {"claim_check_over": 10.5}],
    ids=["blobs", "text", "fraction"],
)
def test_a_setting_of_large_values_that_is_none_is_refused(
    settings: dict[str, Any],
) -> None:
    """By the runtime, with its name."""
    with pytest.raises(af.SettingError, match=next(iter(settings))):
        af.Runtime(":memory:", **settings)


SOON = "'soon' is not a duration"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: af.activity(timeout="soon")(print), SOON),
        (lambda: af.activity(echo).options(heartbeat_timeout="soon"), SOON),
        (lambda: af.dynamic(timeout="soon")(print), SOON),
        (lambda: af.activity(timeuot=1)(print), "no option 'timeuot'"),  # type: ignore[call-overload]
    ],
    ids=["activity", "options", "dynamic", "misspelled"],
)
def test_a_setting_of_a_node_is_refused_with_its_name(
    make: Callable[[], Any], problem: str
) -> None:
    """As all that is wrong with a definition is."""
    with pytest.raises(af.DefinitionError) as caught:
        make()

    assert problem in str(caught.value)
    assert str(caught.value).startswith(("'print' has", "'echo' has"))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"log": 5}, "log must be a path, or a log that is open, not 5"),
        ({"definitions": echo}, "definitions must be a list, not "),
        ({"definitions": "echo"}, "definitions must be a list, not 'echo'"),
        ({"activities": echo}, "activities must be a list, not "),
        ({"worker": True}, "worker must be an actorflow.Worker, not True"),
        ({"codec": 5}, "codec must be an actorflow.Codec, not 5"),
    ],
    ids=["log", "definition", "name", "activity", "worker", "codec"],
)
def test_a_setting_of_a_runtime_is_refused_by_name(
    settings: dict[str, Any], problem: str
) -> None:
    """Before anything is opened; one definition is not a list of them."""
    with pytest.raises(af.SettingError) as caught:
        af.Runtime(**{"log": ":memory:", **settings})

    assert problem in str(caught.value)


@pytest.mark.parametrize("timeout", ["soon", -1, float("nan")])
def test_a_time_limit_that_is_none_is_refused(timeout: Any) -> None:
    """Whatever is wrong with it, as a setting."""
    with runtime(echo) as rt:
        for begin in (rt.start, rt.submit):
            with pytest.raises(af.SettingError, match="timeout must be"):
                begin("echo", 1, timeout=timeout)


@pytest.mark.parametrize("status", ["done", ["failed", "done"]])
def test_a_status_that_there_is_none_of_is_refused(status: Any) -> None:
    """Nothing would be found, and nobody would know why."""
    with runtime() as rt:
        for look in (rt.list, rt.count):
            with pytest.raises(af.SettingError, match="status must be of queued"):
                look(status=status)
