"""A definition that cannot work is refused before it runs, with all its problems."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.model.steps import BY_NAME
from tests.acceptance.helpers import boom, echo, finish, problems

A = af.Step("a", activity=echo, parameters={"value": 1})
SLEEP = {"sleep": 1.0}
PANIC: Any = "panic"
GO = af.WaitSignal(topic="go", timeout=1.0)


def flow(*steps: af.Step, **settings: Any) -> Callable[[], af.Workflow]:
    """Return how to make a workflow of *steps*."""
    return lambda: af.Workflow(**{"name": "w", "steps": steps, **settings})


def act(**settings: Any) -> Callable[[], af.Workflow]:
    """Return how to make a workflow of one activity step with *settings*."""
    return flow(af.Step("a", activity=boom, **settings))


def one(**settings: Any) -> Callable[[], af.Workflow]:
    """Return how to make a workflow of one step with *settings*, and a next one."""
    return flow(af.Step("a", **settings, next=[af.Edge("b")]), af.Step("b", sleep=1.0))


def joining(*edges: af.Edge, **join: Any) -> Callable[[], af.Workflow]:
    """Return how to make a workflow that forks by *edges* and joins."""
    return flow(
        af.Step("a", activity=boom, next=[*edges, af.Edge("j", branch="final")]),
        af.Step("b", sleep=1.0),
        af.Step("j", join=af.Join(**join)),
    )


TO_B = af.Edge("b", branch="side")


def retrying(**policy: Any) -> Callable[[], af.Workflow]:
    """Return how to make a workflow with that retry policy."""
    return act(retry=af.Retry(**policy))


STRUCTURE: dict[str, tuple[Callable[[], af.Workflow], str]] = {
    # The numbers are those of the reference's list of rules.
    "A1 no name": (flow(A, name=""), "name"),
    "A2 no steps": (flow(), "step"),
    "A3 step without a name": (flow(af.Step("", activity=boom)), "name"),
    "A4 two steps of one name": (
        flow(
            af.Step("a", activity=boom, next=[af.Edge("b")]),
            af.Step("b", activity=echo),
            af.Step("b", sleep=1.0),
        ),
        "'b'",
    ),
    "A5 unknown start": (flow(A, start_at="ghost"), "ghost"),
    "A6 unknown edge target": (act(next=[af.Edge("ghost")]), "ghost"),
    "A7 branch main": (
        flow(af.Step("a", activity=boom, next=[af.Edge("b", branch="main")]), A),
        "'main'",
    ),
    "A8 branch named twice": (
        flow(
            af.Step(
                "a",
                activity=boom,
                next=[af.Edge("b", branch="x"), af.Edge("c", branch="x")],
            ),
            af.Step("b", sleep=1.0),
            af.Step("c", sleep=1.0),
        ),
        "'x'",
    ),
    "A9 two kinds": (one(activity=echo, sleep=1.0), "sleep"),
    "A10 retry on sleep": (one(**SLEEP, retry=af.Retry()), "retry"),
    "A10 retry on pause": (one(pause="check", retry=af.Retry()), "retry"),
    "A10 retry on join": (
        flow(
            af.Step("a", activity=boom, next=[TO_B, af.Edge("j", branch="final")]),
            af.Step("b", sleep=1.0),
            af.Step("j", join=af.Join(branches=["side"]), retry=af.Retry()),
        ),
        "retry",
    ),
    "A11 catch on sleep": (one(**SLEEP, catch=[af.Catch(goto="b")]), "catch"),
    "A11 catch on pause": (one(pause="check", catch=[af.Catch(goto="b")]), "catch"),
    "A12 join of an unknown branch": (joining(TO_B, branches=["ghost"]), "ghost"),
    "A13 unknown catch target": (act(catch=[af.Catch(goto="ghost")]), "ghost"),
    "A14 pause without an edge": (flow(af.Step("a", pause="check")), "pause"),
    "A15 sleep of nothing": (one(sleep=0), "sleep"),
    "A15 negative sleep": (one(sleep=-1.0), "sleep"),
    "A16 empty topic": (one(wait_signal=af.WaitSignal(topic="")), "topic"),
    "A17 timeout of nothing": (
        one(wait_signal=af.WaitSignal(topic="go", timeout=0)),
        "timeout",
    ),
    "A17 negative timeout": (
        one(wait_signal=af.WaitSignal(topic="go", timeout=-1)),
        "timeout",
    ),
    "A18 unknown on_timeout": (
        one(wait_signal=af.WaitSignal(topic="go", timeout=1, on_timeout="ghost")),
        "ghost",
    ),
    "A19 no attempts": (retrying(max_attempts=0), "max_attempts"),
    "A20 negative delay": (retrying(initial=-1.0), "initial"),
    "A20 negative bound": (retrying(max_delay=-1.0), "max_delay"),
    "A21 delay above its bound": (retrying(initial=5.0, max_delay=1.0), "max_delay"),
    "A22 negative factor": (retrying(factor=-1.0), "factor"),
    # What the reference finds at run time only (C), or not at all (D).
    "C no kind": (one(), "kind"),
    "C output that nothing writes": (
        flow(A, outputs=[af.Output("x", variable="ghost.y")]),
        "output 'x': nothing writes the variable 'ghost'",
    ),
    "C result that nothing writes": (
        flow(A, result="ghost"),
        "output 'ghost': nothing writes the variable 'ghost'",
    ),
    "C output of an unknown branch": (
        flow(A, outputs=[af.Output("x", branch="ghost")]),
        "ghost",
    ),
    "D unreachable step": (flow(A, af.Step("island", sleep=1.0)), "island"),
    "D unknown edge strategy": (act(edges="some"), "some"),
    "D jitter out of range": (retrying(jitter=1.5), "jitter"),
    "D negative attempt timeout": (act(timeout=-1.0), "timeout"),
    "D attempt timeout of nothing": (act(timeout=0), "timeout"),
    "D retry of nothing": (retrying(on=()), "`on`"),
    "D catch of nothing": (
        flow(
            af.Step("a", activity=boom, catch=[af.Catch(goto="b", on=())]),
            af.Step("b", sleep=1.0),
        ),
        "catch",
    ),
    "D store on sleep": (one(**SLEEP, store="x"), "store"),
    "D parameters on sleep": (one(**SLEEP, parameters={"x": 1}), "parameters"),
    "D store on pause": (one(pause="check", store="x"), "store"),
    "D parameters on a wait": (one(wait_signal=GO, parameters={"x": 1}), "parameters"),
    "D timeout on sleep": (one(**SLEEP, timeout=1.0), "timeout"),
    "D negative join count": (joining(TO_B, count=-1), "count"),
    "D join count of nothing": (joining(TO_B, count=0), "count"),
    "D join count above its branches": (
        joining(TO_B, branches=["side"], count=2),
        "count",
    ),
    "D mapping of an unknown branch": (
        joining(TO_B, branches=["side"], mappings={"ghost.x": "x"}),
        "ghost",
    ),
    "D mapping of a branch not joined": (
        flow(
            af.Step(
                "a",
                activity=boom,
                next=[
                    TO_B,
                    af.Edge("c", branch="other"),
                    af.Edge("j", branch="final"),
                ],
            ),
            af.Step("b", sleep=1.0),
            af.Step("c", sleep=1.0),
            af.Step(
                "j",
                join=af.Join(branches=["side"], mappings={"other.x": "x"}),
            ),
        ),
        "other",
    ),
    "D two mappings to one place": (
        joining(TO_B, branches=["side"], mappings={"side.a": "x", "side.b": "x"}),
        "'x'",
    ),
    "D join that waits for itself": (
        flow(
            af.Step("a", activity=boom, next=[af.Edge("j", branch="final")]),
            af.Step("j", join=af.Join(branches=["final"])),
        ),
        "'j'",
    ),
    "D two inputs of one name": (
        flow(A, inputs=[af.Input("x"), af.Input("x")]),
        "'x'",
    ),
    "D two outputs of one name": (
        flow(A, outputs=[af.Output("x"), af.Output("x", variable="y")]),
        "'x'",
    ),
    "D unknown input type": (flow(A, inputs=[af.Input("x", type="text")]), "text"),
    "D default of another type": (
        flow(A, inputs=[af.Input("x", type="integer", default="a")]),
        "'x'",
    ),
    "B6 store in state.": (act(store="state.x"), "state.x"),
    "B6 wait store in state.": (
        one(wait_signal=af.WaitSignal(topic="go", store="state.x")),
        "state.x",
    ),
    "B6 catch store in state.": (
        flow(
            af.Step("a", activity=boom, catch=[af.Catch(goto="b", store="state.x")]),
            af.Step("b", sleep=1.0),
        ),
        "state.x",
    ),
    "B6 output variable in state.": (
        flow(A, outputs=[af.Output("x", variable="state.x")]),
        "'state.'",
    ),
    "dotted store": (act(store="a.b"), "a.b"),
    "step name that breaks addresses": (flow(af.Step("a/b", sleep=1.0)), "a/b"),
    "branch name that breaks addresses": (
        flow(
            af.Step("a", activity=boom, next=[af.Edge("b", branch="x/y")]),
            af.Step("b", sleep=1.0),
        ),
        "x/y",
    ),
    "branch name the runtime would make itself": (
        flow(
            af.Step(
                "a",
                activity=boom,
                next=[af.Edge("b", branch="main-2"), af.Edge("c"), af.Edge("d")],
            ),
            af.Step("b", sleep=1.0),
            af.Step("c", sleep=1.0),
            af.Step("d", sleep=1.0),
        ),
        "main-2",
    ),
    "map with no room": (
        flow(af.Step("a", map=af.Map(over=[1], activity=echo, max_concurrency=0))),
        "max_concurrency",
    ),
    "map with an unknown policy": (
        flow(af.Step("a", map=af.Map(over=[1], activity=echo, on_error=PANIC))),
        "panic",
    ),
}


@pytest.mark.parametrize("rule", STRUCTURE)
def test_a_workflow_that_cannot_work_is_refused(rule: str) -> None:
    """Making the workflow raises, and the problem names what is wrong."""
    make, phrase = STRUCTURE[rule]

    assert phrase in problems(make)


def test_all_problems_come_at_once() -> None:
    """One error lists every problem of a definition."""
    make = flow(
        af.Step(
            "a",
            activity=boom,
            retry=af.Retry(max_attempts=-1),
            catch=[af.Catch(goto="nonexistent")],
            next=[af.Edge("ghost")],
        ),
        name="",
        start_at="nowhere",
    )
    with pytest.raises(af.DefinitionError) as caught:
        make()

    assert len(caught.value.problems) >= 5


def test_every_problem_names_its_step() -> None:
    """A problem of a step says which step it is."""
    make = flow(
        af.Step("first", activity=boom, next=[af.Edge("ghost"), af.Edge("second")]),
        af.Step("second", sleep=-1.0),
    )
    with pytest.raises(af.DefinitionError) as caught:
        make()
    found = sorted(caught.value.problems)

    assert [name in text for name, text in zip(["first", "second"], found, strict=True)]


def test_a_definition_error_is_an_error_of_actorflow() -> None:
    """Everything raised on purpose derives from one class."""
    with pytest.raises(af.ActorflowError):
        flow()()


# --- binding: found when a runtime is given the definition ----------------------------


def given(wf: af.Workflow, *activities: Any) -> str:
    """Return what a runtime says of *wf*."""
    return problems(
        lambda: af.Runtime(":memory:", definitions=[wf], activities=activities)
    )


def test_B2_an_unknown_activity_is_named() -> None:
    """A step that names an activity nobody gave is refused by the runtime."""
    assert "fetch_odrer" in given(flow(af.Step("a", activity="fetch_odrer"))())


def test_B2_an_unknown_activity_is_told_what_was_meant() -> None:
    """A misspelled name is told with the one that is there."""
    wf = flow(af.Step("a", activity="ehco"))()

    assert "activity 'ehco' is not known; " in given(wf, echo)
    assert "did you mean 'echo'?" in given(wf, echo)


def test_B2_an_unknown_activity_of_a_map_is_named() -> None:
    """The activity of a map is looked for too."""
    wf = flow(af.Step("a", map=af.Map(over=[1], activity="ghost")))()

    assert "ghost" in given(wf)


@pytest.mark.parametrize(
    "parameters",
    [
        {"value": "${!!bogus!!}"},
        {"value": {"deep": ["${!!bogus!!}"]}},
        {"value": [["${!!bogus!!}"]]},
    ],
)
def test_B3_a_template_is_compiled_wherever_it_is(parameters: dict) -> None:
    """A bad template in parameters is found in mappings and in lists."""
    wf = flow(af.Step("a", activity=echo, parameters=parameters))()

    assert "bogus" in given(wf)


@pytest.mark.parametrize("when", ["state.x >", "1 +", "${state.x}", "import os", ""])
def test_B4_a_bad_condition_is_found(when: str) -> None:
    """A condition that does not compile is refused, and its step named."""
    wf = flow(af.Step("first", activity=boom, next=[af.Edge("a", when=when)]), A)

    assert "first" in problems(lambda: af.Runtime(":memory:", definitions=[wf()]))


@pytest.mark.parametrize("when", ["true", "false", " True ", "FALSE"])
def test_B4_true_and_false_are_conditions(when: str) -> None:
    """The words true and false, in any case, are conditions."""
    wf = flow(
        af.Step(
            "first",
            activity=echo,
            parameters={"value": 1},
            next=[af.Edge("a", when=when)],
        ),
        A,
    )

    assert finish(wf()).status == "completed"


def test_B5_a_bad_topic_is_found() -> None:
    """A topic is a template and compiled like one."""
    wf = one(wait_signal=af.WaitSignal(topic="order-${!!bogus!!}"))()

    assert "bogus" in given(wf)


@pytest.mark.parametrize("over", ["state.xs[", "", "${state.xs"])
def test_a_bad_over_is_found(over: str) -> None:
    """The expression a map runs over is compiled too."""
    wf = flow(af.Step("a", map=af.Map(over=over, activity=echo)))

    assert "over" in problems(lambda: af.Runtime(":memory:", definitions=[wf()]))


def test_a_bad_parameter_of_a_map_is_found() -> None:
    """The templates of a map's items are compiled too."""
    wf = flow(
        af.Step(
            "a",
            map=af.Map(over=[1], activity=echo, parameters={"value": "${!!bogus!!}"}),
        )
    )()

    assert "bogus" in given(wf)


def test_binding_problems_come_at_once() -> None:
    """Unknown activity, bad template and bad condition are one error."""
    wf = flow(
        af.Step(
            "a",
            activity="ghost",
            parameters={"value": "${!!bogus!!}"},
            next=[af.Edge("b", when="1 +")],
        ),
        af.Step("b", sleep=1.0),
    )()
    said = given(wf)

    assert all(part in said for part in ("ghost", "bogus", "1 +"))


def test_binding_problems_of_all_definitions_come_at_once() -> None:
    """A runtime that is given two broken definitions tells of both."""
    first = flow(af.Step("a", activity="ghost"), name="first")()
    second = flow(af.Step("a", activity="spectre"), name="second")()
    said = problems(lambda: af.Runtime(":memory:", definitions=[first, second]))

    assert all(part in said for part in ("first", "ghost", "second", "spectre"))


def test_an_unbound_definition_is_refused_by_start_too() -> None:
    """A definition handed to `start` for the first time is checked all the same."""
    wf = flow(af.Step("a", activity="ghost"))()
    with (
        af.Runtime(":memory:") as rt,
        pytest.raises(af.DefinitionError, match="ghost"),
    ):
        rt.start(wf)


STORES = af.Step("a", activity=boom, store="total", next=[af.Edge("b")])
GIVEN = {"inputs": [af.Input("order_id")], "state": {"tries": 0}}
UNKNOWN: dict[str, tuple[af.Step, str]] = {
    "variable in a template": (
        af.Step("b", activity=echo, parameters={"value": ["${state.totl}"]}),
        "'state.totl' is a variable that nothing writes; did you mean 'total'?",
    ),
    "input in a template": (
        af.Step("b", activity=echo, parameters={"value": "${inputs.order}"}),
        "parameters.value: 'inputs.order' is no input; did you mean 'order_id'?",
    ),
    "bare name": (
        af.Step("b", activity=echo, parameters={"value": "x ${zzz} y"}),
        "that something writes; there are: order_id, total, tries",
    ),
    "misspelled root": (
        af.Step("b", activity=echo, parameters={"value": "${stat.total}"}),
        "that something writes; did you mean 'state'?",
    ),
    "item by key": (
        af.Step("b", activity=echo, parameters={"value": "${state['ghost']}"}),
        "'state.ghost'",
    ),
    "condition": (
        af.Step("b", sleep=1, next=[af.Edge("a", when="state.ghost > 1")]),
        "next[0].when: 'state.ghost'",
    ),
    "items of a map": (
        af.Step("b", map=af.Map(over="state.ghost", activity=echo)),
        "map.over: 'state.ghost'",
    ),
    "parameters of a map": (
        af.Step(
            "b", map=af.Map(over=[1], activity=echo, parameters={"value": "${itm}"})
        ),
        "map.parameters.value: 'itm' is neither",
    ),
    "end of a loop": (
        af.Step("b", loop=af.Loop(body=echo, until="reslt.done")),
        "loop.until: 'reslt' is neither an input nor a variable that something writes",
    ),
    "beginning of a loop": (
        af.Step("b", loop=af.Loop(body=echo, initial="ghost")),
        "loop.initial: 'ghost'",
    ),
    "key of a route": (
        af.Step("b", route=af.Route(key="ghost", choices={"x": boom})),
        "route.key: 'ghost'",
    ),
    "parameters of a route": (
        af.Step(
            "b",
            route=af.Route(
                key="tries", choices={"x": echo}, parameters={"value": "${ghost}"}
            ),
        ),
        "route.parameters.value: 'ghost'",
    ),
    "parameters of a parallel": (
        af.Step(
            "b",
            parallel=af.Parallel(arms={"x": echo}, parameters={"value": "${ghost}"}),
        ),
        "parallel.parameters.value: 'ghost'",
    ),
    "topic": (
        af.Step("b", wait_signal=af.WaitSignal(topic="go-${ghost}", timeout=1)),
        "wait_signal.topic: 'ghost'",
    ),
    "question": (af.Step("b", ask=af.Ask(prompt="${ghost}?")), "ask.prompt: 'ghost'"),
    "parameter taken by name": (
        af.Step("b", activity=echo, parameters=BY_NAME),
        "echo: parameter 'value' is neither an input nor a variable",
    ),
    "parameter of an arm": (
        af.Step("b", parallel=af.Parallel(arms={"x": boom, "y": echo})),
        "'y': echo: parameter 'value' is neither",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_can_never_be_there_is_found(case: str) -> None:
    """A name that nothing can ever provide is told before the run, with its place."""
    step, told = UNKNOWN[case]

    assert told in given(flow(STORES, step, **GIVEN)())


KNOWN = {
    "a variable of the state": "${state.tries + tries}",
    "a stored result": "${total} ${state.total}",
    "an input": "${inputs.order_id} ${order_id}",
    "a name bound in the expression": "${[x * 2 for x in [1, 2]]}",
    "a function": "${max(1, len([2]))}",
    "what is asked for first": "${state.ghost if 'ghost' in state else 1}",
    "a field of a variable": "${total.ghost.ghost}",
    "a constant": "${null} ${true} ${None}",
}


@pytest.mark.parametrize("case", KNOWN)
def test_what_may_be_there_is_accepted(case: str) -> None:
    """Only what is certain is refused: whether a variable is set, the run will tell."""
    step = af.Step("b", activity=echo, parameters={"value": KNOWN[case]})
    wf = flow(STORES, step, **GIVEN)()

    with af.Runtime(":memory:", definitions=[wf]) as rt:
        assert list(rt.definitions) == ["w"]


@pytest.mark.parametrize("name", ["side", "main", "verdict", "box"])
def test_what_a_join_brings_may_be_there(name: str) -> None:
    """Branches land under their names, or where their mappings say."""
    wf = flow(
        af.Step("a", activity=boom, next=[TO_B, af.Edge("j", branch="final")]),
        af.Step("b", activity=boom, store="parcel"),
        af.Step(
            "j",
            join=af.Join(
                branches=["side", "main"],
                mappings={"main.x": "box.x", "side.parcel": "verdict"},
            )
            if name in ("verdict", "box")
            else af.Join(branches=["side", "main"]),
            next=[af.Edge("k")],
        ),
        af.Step("k", activity=echo, parameters={"value": f"${{state.{name}}}"}),
    )()

    with af.Runtime(":memory:", definitions=[wf]) as rt:
        assert list(rt.definitions) == ["w"]


def test_what_an_unlisted_join_brings_may_be_there() -> None:
    """Branches without a name land under the number they get."""
    wf = flow(
        af.Step("a", decide=True, next=[af.Edge("b"), af.Edge("j")]),
        af.Step("b", activity=echo, parameters={"value": 1}, store="parcel"),
        af.Step("j", join=af.Join(), next=[af.Edge("k")]),
        af.Step("k", activity=echo, parameters={"value": "${state['main-1'].parcel}"}),
    )()

    with af.Runtime(":memory:", definitions=[wf]) as rt:
        assert rt.start(wf).wait(timeout=20).status == "completed"


def takes_all(**values: Any) -> dict[str, Any]:
    """Return what it was given."""
    return values


@pytest.mark.parametrize("name", [1, None, "$"])
def test_what_cannot_name_a_parameter_is_found(name: Any) -> None:
    """Parameters are keyword arguments; each is one that could be written down."""
    parameters: Any = {name: 1}
    wf = flow(af.Step("a", activity=takes_all, parameters=parameters))()

    assert f"parameters: {name!r} is no name" in given(wf)


def test_a_parameter_the_function_does_not_take_is_found() -> None:
    """A misspelt parameter of a step is told before anything runs."""
    wf = flow(af.Step("a", activity=echo, parameters={"valu": 1}))()

    assert "valu" in given(wf)


def test_a_missing_argument_is_found() -> None:
    """A step that leaves out a required argument is told before anything runs."""
    wf = flow(af.Step("a", activity=echo))()

    assert "value" in given(wf)


def test_B1_what_is_no_definition_is_refused() -> None:
    """None is not a definition."""
    with pytest.raises((af.DefinitionError, TypeError)):
        af.Runtime(":memory:", definitions=[None])


def test_two_definitions_of_one_name_are_refused() -> None:
    """A runtime cannot tell two different definitions of one name apart."""
    said = problems(
        lambda: af.Runtime(
            ":memory:", definitions=[flow(A)(), flow(af.Step("b", sleep=1.0))()]
        )
    )

    assert "'w'" in said


def test_two_activities_of_one_name_are_refused() -> None:
    """A name cannot stand for two functions."""
    other = af.activity(name="echo")(lambda value: value)
    said = problems(lambda: af.Runtime(":memory:", activities=[echo, other]))

    assert "echo" in said


def test_a_refused_definition_leaves_no_log(db: Path) -> None:
    """A runtime whose definitions are refused opens nothing."""
    wf = flow(af.Step("a", activity="ghost"))()
    problems(lambda: af.Runtime(db, definitions=[wf]))

    assert not db.exists()


def test_a_sleep_can_be_written_as_a_duration() -> None:
    """Durations are seconds, or text such as 1h30m."""
    assert flow(af.Step("a", sleep="1h30m"))().step("a").sleep == 5400.0


def test_a_duration_that_is_none_is_refused() -> None:
    """Text that is no duration is refused when it is given."""
    with pytest.raises((ValueError, af.DefinitionError), match="soon"):
        af.Step("a", sleep="soon")


@pytest.mark.parametrize(
    "settings",
    [
        {"executor": "gpu"},
        {"timeout": -1.0},
        {"retry": af.Retry(max_attempts=0)},
        {"executor": "async"},
        {"rate_limit": af.RateLimit(0)},
    ],
)
def test_an_activity_with_a_bad_setting_is_refused(settings: dict) -> None:
    """The decorator refuses what has no meaning, naming the setting."""
    said = problems(lambda: af.activity(**settings)(boom))

    assert next(iter(settings)) in said


def test_an_unknown_option_is_refused() -> None:
    """`options` names the option that does not exist."""
    assert "retires" in problems(lambda: af.activity(boom).options(retires=3))


@pytest.mark.parametrize(
    "settings", [{"durability": "none"}, {"threads": 0}, {"threads": -1}]
)
def test_a_runtime_with_a_bad_setting_is_refused(settings: dict) -> None:
    """A setting that has no meaning is told at once, by its name."""
    with pytest.raises((ValueError, af.ActorflowError), match=next(iter(settings))):
        af.Runtime(":memory:", **settings).close()


def test_an_unknown_conflict_policy_is_refused() -> None:
    """`on_conflict` takes its three words and no other."""
    nonsense: Any = "overwrite"
    with af.Runtime(":memory:") as rt:
        rt.start(echo, 1, execution_id="x")

        with pytest.raises((ValueError, af.ActorflowError), match="overwrite"):
            rt.start(echo, 1, execution_id="x", on_conflict=nonsense)


@pytest.mark.parametrize("name", ["text.db", "other.db"])
def test_what_is_no_log_is_not_opened(tmp_path: Path, name: str) -> None:
    """A file that is something else is refused, and left as it was."""
    path = tmp_path / name
    if name == "text.db":
        path.write_text("dear diary " * 500)
    else:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()
        connection.close()
    before = path.read_bytes()
    with pytest.raises(af.NotALogError):
        af.Runtime(path)

    assert path.read_bytes() == before


def test_a_log_in_a_missing_folder_says_so(tmp_path: Path) -> None:
    """A path that cannot be opened is an error that names it."""
    with pytest.raises(af.LogUnavailableError, match="nowhere"):
        af.Runtime(tmp_path / "nowhere" / "log.db")
