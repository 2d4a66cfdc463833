"""Activities and graphs as Python defines them."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import actorflow as af
from actorflow.model.steps import KINDS

# --- activities ----------------------------------------------------------------------


def fetch(url: str, *, limit: int = 10) -> list[str]:
    """Fetch so many lines."""
    return [url] * limit


async def fetch_soon(url: str) -> str:
    """Fetch without blocking."""
    return url


def test_bare_decorator_makes_an_activity() -> None:
    """`@activity` needs no parentheses, and no settings."""
    made = af.activity(fetch)

    assert isinstance(made, af.Activity)
    assert (made.name, made.retry, made.timeout) == ("fetch", (), None)


def test_decorator_with_a_policy_makes_an_activity() -> None:
    """Settings become attributes; a single policy is a list of one."""
    policy = af.Retry(max_attempts=5)
    limit = af.RateLimit(50, per="1m", name="jira")
    made = af.activity(retry=policy, timeout=30, rate_limit=limit, name="get")(fetch)

    assert (made.name, made.retry, made.timeout) == ("get", (policy,), 30.0)
    assert made.rate_limit == limit


def test_activity_looks_like_its_function() -> None:
    """Name, documentation and signature are the function's, for people and tools."""
    made = af.activity(timeout=1)(fetch)

    assert inspect.signature(made) == inspect.signature(fetch)
    assert inspect.unwrap(made) is fetch
    assert (made.__name__, made.__doc__) == ("fetch", "Fetch so many lines.")  # type: ignore[attr-defined]


def test_activity_may_be_called() -> None:
    """Outside an execution it is the function, with nothing recorded."""
    assert af.activity(fetch)("x", limit=2) == ["x", "x"]


@pytest.mark.parametrize(
    ("function", "executor", "where"),
    [
        (fetch, "thread", "thread"),
        (fetch, "inline", "inline"),
        (fetch_soon, "thread", "async"),
        (fetch_soon, "async", "async"),
    ],
)
def test_activity_knows_where_it_runs(
    function: Callable[..., Any], executor: Any, where: str
) -> None:
    """An `async def` runs on the event loop, whatever else was said."""
    assert af.activity(executor=executor)(function).runs_on == where


def test_options_give_a_copy() -> None:
    """The copy has other settings and the same function; the original is untouched."""
    original = af.activity(retry=af.Retry(), timeout=9)(fetch)
    copy = original.options(timeout="5s", key="front-page")

    assert (copy.timeout, copy.key, copy.retry) == (5.0, "front-page", (af.Retry(),))
    assert (original.timeout, original.key) == (9.0, None)
    assert copy("x", limit=1) == ["x"]


def test_unknown_options_are_named() -> None:
    """Each is named, with those that exist."""
    with pytest.raises(af.DefinitionError) as caught:
        af.activity(fetch).options(timout=5, retrys=1)

    assert [p.split(";")[0] for p in caught.value.problems] == [
        "no option 'retrys'",
        "no option 'timout'",
    ]
    assert "timeout" in caught.value.problems[1]


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"timeout": 0}, ["timeout must be positive, not 0 s"]),
    ({"name": ""}, ["an activity needs a name"]),
    (
        {"executor": "gpu"},
        ["executor 'gpu' is none of thread, process, async, inline"],
    ),
    ({"executor": "async"}, ["executor 'async' needs an `async def`"]),
    (
        {"retry": af.Retry(max_attempts=0, jitter=2, on=())},
        [
            "retry[0]: max_attempts must be at least 1, not 0",
            "retry[0]: jitter must be between 0 and 1, not 2",
            "retry[0]: `on` is empty, so nothing would be retried",
        ],
    ),
    (
        {"retry": [af.Retry(), af.Retry(initial=-1, factor=-2, max_delay=-3)]},
        [
            "retry[1]: initial must not be negative, but is -1 s",
            "retry[1]: factor must not be negative, but is -2",
            "retry[1]: max_delay must not be negative, but is -3 s",
            "retry[1]: initial (-1 s) is more than max_delay (-3 s)",
        ],
    ),
    (
        {"timeout": -1, "executor": "gpu", "rate_limit": af.RateLimit(0)},
        [
            "executor 'gpu' is none of thread, process, async, inline",
            "timeout must be positive, not -1 s",
            "rate_limit.count must be at least 1, not 0",
        ],
    ),
]


@pytest.mark.parametrize(("settings", "problems"), WRONG)
def test_all_problems_of_an_activity_are_told_at_once(
    settings: dict[str, Any], problems: list[str]
) -> None:
    """A decorator that has no meaning is refused where it is written."""
    with pytest.raises(af.DefinitionError) as caught:
        af.activity(**settings)(fetch)

    assert list(caught.value.problems) == problems


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"executor": "async"}], ids=str)
def test_options_are_checked_too(settings: dict[str, Any]) -> None:
    """A copy is held to the same rules."""
    with pytest.raises(af.DefinitionError):
        af.activity(fetch).options(**settings)


# --- fingerprints --------------------------------------------------------------------


def small(step: dict[str, Any] | None = None, **changes: Any) -> af.Workflow:
    """Return a workflow with one of everything, but for these changes."""
    first: dict[str, Any] = {
        "activity": "work",
        "parameters": {"x": "${inputs.x}"},
        "store": "y",
        "next": [af.Edge("end", when="state.y > 1", branch="b")],
        "catch": [af.Catch(goto="end", on="timeout", store="e")],
    }
    whole: dict[str, Any] = {
        "name": "w",
        "inputs": [af.Input("x")],
        "state": {"n": 0},
        "outputs": [af.Output("y", default=None)],
        "steps": [
            af.Step("work", **first | (step or {})),
            af.Step("end", join=af.Join(), next=[af.Edge("work")]),
        ],
    }
    return af.Workflow(**whole | changes)


@pytest.mark.parametrize(
    "changed",
    [
        small(description="another"),
        small(compatible_with=["0123456789abcdef"]),
        small(inputs=[af.Input("x", type="integer", default=1)]),
        small(outputs=[af.Output("y", description="another")]),
        small(step={"description": "another"}),
        small(step={"retry": [af.Retry()]}),
        small(step={"timeout": 5}),
    ],
    ids=["about", "compatible", "inputs", "outputs", "step", "retry", "timeout"],
)
def test_fingerprint_bears_what_may_change(changed: af.Workflow) -> None:
    """Policies and descriptions may change under running executions."""
    assert changed.fingerprint == small().fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        small(name="v"),
        small(version="2"),
        small(state={"n": 1}),
        small(inputs=[af.Input("z")]),
        small(outputs=[af.Output("y", variable="n")]),
        small(start_at="end"),
        small(step={"activity": "rest"}),
        small(step={"parameters": {"x": 1}}),
        small(step={"store": "z"}),
        small(step={"edges": "first"}),
        small(step={"next": [af.Edge("end", when="state.y > 2", branch="b")]}),
        small(step={"next": [af.Edge("end", when="state.y > 1", branch="c")]}),
        small(step={"catch": [af.Catch(goto="work", on="timeout", store="e")]}),
        small(
            step={
                "activity": None,
                "parameters": {},
                "map": af.Map(over="[]", activity="work"),
            }
        ),
    ],
    ids=[
        *("name", "version", "state", "inputs", "outputs", "start_at", "activity"),
        *("parameters", "store", "edges", "when", "branch", "catch", "kind"),
    ],
)
def test_fingerprint_tells_what_may_not_change(changed: af.Workflow) -> None:
    """What decides how recorded events are read is another definition."""
    assert changed.fingerprint != small().fingerprint


def test_fingerprint_is_of_the_activity_by_name() -> None:
    """Whether a graph names an activity or holds it is the same definition."""

    def work(x: int) -> int:
        return x

    held = small(step={"activity": af.activity(timeout=3)(work)})
    assert small(step={"activity": work}).fingerprint == held.fingerprint
    assert small().fingerprint == held.fingerprint


def test_fingerprint_takes_keys_of_any_kind() -> None:
    """Keys that cannot be compared with each other are no obstacle."""
    one = small(state={"codes": {1: "a", "x": "b", None: "c"}})
    other = small(state={"codes": {"x": "b", None: "c", 1: "a"}})

    assert one.fingerprint == other.fingerprint != small().fingerprint


def test_fingerprint_is_the_same_in_every_process() -> None:
    """Hash seeds and addresses in memory do not enter, not even those of callables."""
    code = (
        "import actorflow as af\n"
        "def when(state): return state['x']\n"
        "step = af.Step('a', activity=len, parameters=when,\n"
        "               next=[af.Edge('a', when=when)])\n"
        "print(af.Workflow('w', steps=[step], state={'b': 1, 'a': 2}).fingerprint)"
    )

    def fingerprint(seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        return done.stdout.strip()

    assert fingerprint("1") == fingerprint("2") != ""


@pytest.mark.parametrize(
    ("workflow", "fingerprint"),
    [
        (small(), "73f3ce264ee26863"),
        (
            af.Workflow(
                "waits",
                steps=[
                    af.Step("nap", sleep="1h", next=[af.Edge("ask")]),
                    af.Step(
                        "ask",
                        wait_signal=af.WaitSignal(topic="t", timeout=9, store="s"),
                        next=[af.Edge("rest")],
                    ),
                    af.Step("rest", pause="tired", next=[af.Edge("nap")]),
                ],
            ),
            "3ef62c90de1fafa6",
        ),
        (
            af.Workflow(
                "parts",
                steps=[
                    af.Step(
                        "each",
                        map=af.Map(over="state.xs", activity="x", parameters={"a": 1}),
                        store="ys",
                        next=[af.Edge("left", branch="l"), af.Edge("both", branch="r")],
                    ),
                    af.Step("left", activity="x"),
                    af.Step(
                        "both",
                        join=af.Join(branches=["l"], count=1, mappings={"l.a": "b.c"}),
                    ),
                ],
            ),
            "42c4345dc60be660",
        ),
    ],
    ids=["small", "waits", "parts"],
)
def test_fingerprint_is_for_ever(workflow: af.Workflow, fingerprint: str) -> None:
    """Fingerprints are in logs: if one of these changes, running executions stop.

    What was recorded by one release would not be known to the next. Never edit them.
    """
    assert workflow.fingerprint == fingerprint


# --- the graph -----------------------------------------------------------------------


def graph(edges: dict[str, list[af.Edge]]) -> af.Workflow:
    """Return a workflow with these edges between steps that do nothing."""
    steps = [af.Step(name, activity="x", next=e) for name, e in edges.items()]
    return af.Workflow("w", steps=steps)


def branches_after(workflow: af.Workflow) -> dict[str, set[str]]:
    """Return for every step the named branches that may still be started."""
    named = {e.branch for s in workflow.steps for e in s.next if e.branch}
    return {
        step.name: {name for name in named if workflow.may_start(step.name, name)}
        for step in workflow.steps
    }


def test_branches_after_a_step() -> None:
    """What may still be started is what a join may still have to wait for."""
    workflow = graph(
        {
            "a": [af.Edge("b", branch="left"), af.Edge("c", branch="right")],
            "b": [af.Edge("d")],
            "c": [af.Edge("c", branch="again"), af.Edge("d")],
            "d": [],
        }
    )

    assert branches_after(workflow) == {
        "a": {"left", "right", "again"},
        "b": set(),
        "c": {"again"},
        "d": set(),
    }
    assert not workflow.may_start("a", "main")


def test_branches_after_a_cycle() -> None:
    """Where control may come back, everything in the cycle may start again."""
    workflow = graph(
        {
            "a": [af.Edge("b")],
            "b": [af.Edge("c", branch="x")],
            "c": [af.Edge("a")],
        }
    )

    assert list(branches_after(workflow).values()) == [{"x"}, {"x"}, {"x"}]


def test_branches_after_a_failure_or_a_timeout() -> None:
    """The way past a failure counts as a way."""
    steps = [
        af.Step("a", activity="x", catch=[af.Catch(goto="c")], next=[af.Edge("b")]),
        af.Step("b", wait_signal=af.WaitSignal(topic="t", timeout=1, on_timeout="c")),
        af.Step("c", activity="x", next=[af.Edge("d", branch="late")]),
        af.Step("d", activity="x"),
    ]
    after = branches_after(af.Workflow("w", steps=steps))

    assert after["a"] == after["b"] == {"late"}


def test_graph_as_a_picture() -> None:
    """Every step is a box of its kind, every way an arrow with what it depends on."""
    workflow = af.Workflow(
        "w",
        steps=[
            af.Step(
                "get it",
                activity="x",
                catch=[af.Catch(goto="nap")],
                next=[af.Edge("each", when="state.n > 1", branch="b"), af.Edge("ask")],
            ),
            af.Step("each", map=af.Map(over="[]", activity="x"), next=[af.Edge("all")]),
            af.Step(
                "ask",
                wait_signal=af.WaitSignal(topic="t", timeout=1, on_timeout="nap"),
                next=[af.Edge("all", when=lambda state: state["ok"])],
            ),
            af.Step("nap", sleep=1),
            af.Step("all", join=af.Join()),
        ],
    )

    assert workflow.to_mermaid() == (
        "flowchart TD\n"
        '    s0["get it"]\n'
        '    s1[["each"]]\n'
        '    s2(["ask"])\n'
        '    s3(["nap"])\n'
        '    s4{{"all"}}\n'
        '    s0 -->|"[b] state.n > 1"| s1\n'
        "    s0 --> s2\n"
        "    s0 -. on error .-> s3\n"
        "    s1 --> s4\n"
        '    s2 -->|"if"| s4\n'
        "    s2 -. on timeout .-> s3\n"
    )


def test_picture_is_not_broken_by_what_it_shows() -> None:
    """Quotes, brackets and line ends of names and conditions stay inside their box."""
    name = 'a "b" <c> & d'
    workflow = graph({name: [af.Edge(name, when="x\n  != '#1;'\n")]})

    assert workflow.to_mermaid() == (
        "flowchart TD\n"
        '    s0["a &quot;b&quot; &lt;c> &amp; d"]\n'
        "    s0 -->|\"x != '&#35;1;'\"| s0\n"
    )


def test_graph_in_dot() -> None:
    """The same boxes and ways, in Graphviz's language."""
    workflow = af.Workflow(
        "orders",
        steps=[
            af.Step(
                "get it",
                activity="x",
                catch=[af.Catch(goto="nap")],
                next=[af.Edge("nap", when="n > 1", branch="b"), af.Edge("nap")],
            ),
            af.Step("nap", sleep=1),
        ],
    )

    assert workflow.to_dot() == (
        'digraph "orders" {\n'
        "    node [shape=box]\n"
        '    s0 [label="get it", shape=box]\n'
        '    s1 [label="nap", shape=ellipse]\n'
        '    s0 -> s1 [label="[b] n > 1"]\n'
        "    s0 -> s1\n"
        '    s0 -> s1 [label="on error", style=dashed]\n'
        "}\n"
    )


def test_dot_is_not_broken_by_what_it_shows() -> None:
    """Quotes, backslashes and line ends stay inside their label."""
    name = 'a "b" \\N'
    text = graph({name: [af.Edge(name, when='x\n!= "}"')]}).to_dot()

    assert 's0 [label="a \\"b\\" \\\\N", shape=box]' in text
    assert 's0 -> s0 [label="x != \\"}\\""]' in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_shape(kind: str) -> None:
    """A step of any kind can be drawn, in both languages."""
    values: dict[str, Any] = {
        "map": af.Map(over=[], activity="x"),
        "parallel": af.Parallel(arms={"a": "x"}),
        "loop": af.Loop(body="x"),
        "route": af.Route(key="1", choices={"a": "x"}),
        "join": af.Join(),
        "wait_signal": af.WaitSignal(topic="t"),
        "ask": af.Ask(),
        "sleep": 1,
        "decide": True,
    }
    first = af.Step("first", **{kind: values.get(kind, "x")}, next=[af.Edge("last")])
    workflow = af.Workflow("w", steps=[first, af.Step("last", sleep=1)])

    assert '"first"' in workflow.to_mermaid()
    assert '"first"' in workflow.to_dot()
