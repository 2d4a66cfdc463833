"""Children of flows and graphs: started once, waited for, read, and shown."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.model.journal import Journal
from actorflow.testing import Simulation, runtime
from tests.children.helpers import Story, kinds, statuses


@pytest.fixture
def story() -> Story:
    """Definitions with a diary."""
    return Story()


def test_result_lands_in_the_parent(story: Story) -> None:
    """A parent reads what its child gave."""
    flow = af.Flow("sum", inputs=["n"]).child(story.doubling, into="x").output("x")

    with runtime(flow) as rt:
        assert rt.start(flow, n=4, execution_id="s").result() == 8
        assert rt.get("s/main/doubling").result() == 8


def test_own_stream_and_id(story: Story) -> None:
    """A child is an execution of its own, whose id follows from its place."""
    flow = af.Flow("sum", inputs=["n"]).child(story.doubling, name="d").build()

    with runtime(flow) as rt:
        rt.start(flow, n=1, execution_id="s").result()

        assert statuses(rt) == {"s": "completed", "s/main/d": "completed"}
        assert [row.id for row in rt.list(parent="s")] == ["s/main/d"]
        assert rt.row("s/main/d").parent == "s"
        assert rt.row("s").parent is None
        started = next(rt.history("s/main/d")).event
        assert started.parent["address"] == "main/d"


def test_inline(story: Story) -> None:
    """A child that is run inline is a part of the execution."""
    flow = af.Flow("sum", inputs=["n"]).child(story.doubling, mode="inline", into="x")
    flow = flow.output("x")

    with runtime(flow) as rt:
        assert rt.start(flow, n=4).result() == 8
        assert len(rt.list()) == 1


def test_history_of_the_parent(story: Story) -> None:
    """The parent records that its child was there, and how it ended."""
    flow = af.Flow("sum", inputs=["n"]).child(story.doubling).build()

    with runtime(flow) as rt:
        rt.start(flow, n=1, execution_id="s").result()

        assert kinds(rt, "s")[2:6] == [
            "ActivationStarted",
            "ChildStarted",
            "ChildEnded",
            "ActivationCompleted",
        ]


def test_result_in_the_activity_log(story: Story) -> None:
    """Who follows the steps of the parent sees what its child gave."""
    flow = af.Flow("sum", inputs=["n"]).child(story.doubling, name="d").build()

    with runtime(flow) as rt:
        rt.start(flow, n=4, execution_id="s").result()
        journal = Journal("s")
        told = [h.of for r in rt.history("s") for h in journal.take(r)]

        assert [o.result for o in told if o.kind == "child" and o.ended_at] == [8]


def test_graph_by_name(story: Story) -> None:
    """A step of a graph names a definition of the runtime, and templates its inputs."""
    graph = af.Workflow(
        name="graph",
        inputs=[af.Input("n")],
        steps=[
            af.Step(
                "d", child="doubling", parameters={"n": "${inputs.n + 1}"}, store="x"
            )
        ],
        result="x",
    )

    with runtime(graph, story.doubling) as rt:
        assert rt.start(graph, n=1).result() == 4


@pytest.mark.parametrize(
    "child", ["doubling", "{workflow: doubling, on_parent_close: abandon, retry: {}}"]
)
def test_in_a_file(story: Story, child: str) -> None:
    """A file says it in the same words, and back."""
    text = f"""
name: filed
inputs: [n]
steps:
  - name: d
    child: {child}
    parameters: {{n: "${{inputs.n}}"}}
    store: x
result: x
"""
    graph = af.Workflow.loads(text)

    assert af.Workflow.loads(graph.to_yaml()).fingerprint == graph.fingerprint
    with runtime(graph, story.doubling) as rt:
        assert rt.start(graph, n=5).result() == 10


def test_everywhere_a_node_may_be(story: Story) -> None:
    """Items, arms, iterations and choices may be children; each has its own id."""
    child = af.Child(story.doubling)
    flow = (
        af.Flow("all", inputs=["n"])
        .map("each", child, over=lambda s: [1, 2], into="each")
        .parallel("arms", child, into="arms")
        .loop("again", child, input="n", max_iterations=2, into="again")
        .route(lambda s: "a", {"a": child}, into="way")
        .output("each", "arms", "again", "way")
        .build()
    )

    with runtime(flow) as rt:
        got = rt.start(flow, n=3, execution_id="x").result()

        assert got == {
            "each": [2, 4],
            "arms": {"doubling": 6},
            "again": 12,
            "way": {"key": "a", "result": 6},
        }
        assert {row.id for row in rt.list(parent="x")} == {
            "x/main/each[0]",
            "x/main/each[1]",
            "x/main/arms[doubling]",
            "x/main/again@1",
            "x/main/again@2",
            "x/main/route/doubling",
        }


def test_visits_have_children_of_their_own(story: Story) -> None:
    """A step that is entered again starts another child."""
    graph = af.Workflow(
        name="round",
        inputs=[af.Input("n")],
        state={"x": 1},
        steps=[
            af.Step(
                "d",
                child=story.doubling,
                parameters={"n": "${state.x}"},
                store="x",
                next=[af.Edge("d", when="state.x < 4")],
            )
        ],
        result="x",
    )

    with runtime(graph) as rt:
        assert rt.start(graph, n=1, execution_id="r").result() == 4
        assert set(statuses(rt)) == {"r", "r/main/d", "r/main/d~2"}


def test_wait_looks_through(story: Story) -> None:
    """A parent rests when its children do, and shows what they wait for."""
    flow = story.only(story.stock)

    with runtime(flow) as rt:
        run = rt.start(flow, item="hat", execution_id="p")
        rest = run.wait().suspension

        assert rest is not None
        assert rest.branches == {"main/inner": "p/main/inner"}
        assert rest.children["p/main/inner"].topics == ("go",)
        rt.signal("p/main/inner", "go")
        assert run.result() == "reserved hat"


def test_child_that_sleeps() -> None:
    """The earliest clock of a child is one of its parent's."""
    child = af.Flow("nap").sleep(3600).build()
    flow = af.Flow("parent").child(child).build()

    with runtime(flow) as rt:
        run = rt.start(flow)
        rest = run.wait().suspension

        assert rest is not None
        assert rest.wake_at == rt.clock.time() + 3600
        rt.clock.advance(3600)
        assert run.status == "completed"


def test_passivated_parent_is_woken(story: Story) -> None:
    """A parent that has left memory comes back for the end of its child."""
    flow = story.only(story.stock)

    with runtime(flow, passivate_after=5.0) as rt:
        run = rt.start(flow, item="hat", execution_id="p")
        run.wait()
        rt.clock.advance(60)
        assert rt.row("p").owner is None
        assert rt.row("p/main/inner").owner is None
        rt.signal("p/main/inner", "go")
        assert run.result() == "reserved hat"


def test_inputs_are_checked(story: Story) -> None:
    """A child whose inputs do not fit fails its step, and is not started."""
    flow = af.Flow("sum").child(story.doubling, input=lambda _: {"m": 1}).build()

    with runtime(flow) as rt:
        error = rt.start(flow).wait().error

        assert error is not None
        assert "unknown input 'm'" in error.message
        assert len(rt.list()) == 1


def test_unknown_name() -> None:
    """A name that is no definition is refused before anything runs."""
    graph = af.Workflow(name="g", steps=[af.Step("d", child="nobody")])

    unknown = "child 'nobody' is no definition"
    with pytest.raises(af.DefinitionError, match=unknown), runtime(graph):
        pass


def test_parameters_that_the_child_does_not_have(story: Story) -> None:
    """Inputs that a known child does not have are refused before anything runs."""
    graph = af.Workflow(
        name="g",
        steps=[af.Step("d", child=story.doubling, parameters={"m": 1})],
    )

    with pytest.raises(af.DefinitionError) as caught, runtime(graph):
        pass
    assert "no input 'm'; there are: n" in str(caught.value)
    assert "input 'n' is not given" in str(caught.value)


def test_bad_settings(story: Story) -> None:
    """Settings without a meaning are refused, all at once."""
    bad: Any = {"mode": "apart"}, {"on_parent_close": "kill"}
    with pytest.raises(af.DefinitionError) as caught:
        af.Flow("f").child(story.doubling, **bad[0]).child(
            story.doubling, **bad[1]
        ).build()

    assert "mode must be execution or inline" in str(caught.value)
    assert "on_parent_close must be cancel or abandon" in str(caught.value)
    with pytest.raises(af.DefinitionError, match="no option 'color'"):
        af.Child(story.doubling).options(color="red")


def test_taken_id(story: Story) -> None:
    """An execution that somebody else started under the id is not taken for a child."""
    flow = af.Flow("sum", inputs=["n"]).child(story.doubling).build()

    with runtime(flow) as rt:
        rt.start(story.doubling, n=1, execution_id="s/main/doubling")
        error = rt.start(flow, n=1, execution_id="s").wait().error

        assert error is not None
        assert "s/main/doubling" in error.message


def test_endless_recursion() -> None:
    """A child that always runs itself comes to an end, with an error."""
    graph = af.Workflow(name="self", steps=[af.Step("s", child="self")])

    with runtime(graph) as rt:
        result = rt.start(graph, execution_id="x").wait()

        assert result.error is not None
        assert "100 deep" in result.error.message
        assert len(rt.list(limit=1000)) == 101


def test_recursion_with_an_end() -> None:
    """A definition may run itself as a child, by its name."""
    graph = af.Workflow(
        name="down",
        inputs=[af.Input("n")],
        steps=[
            af.Step(
                "look", decide=True, edges="first", next=[af.Edge("s", when="n > 0")]
            ),
            af.Step("s", child="down", parameters={"n": "${inputs.n - 1}"}),
        ],
    )

    with runtime(graph) as rt:
        rt.start(graph, n=3, execution_id="x").result()

        assert len(rt.list()) == 4


def test_many_children(story: Story) -> None:
    """A map of children starts each once, and collects their results in order."""
    flow = af.Flow("many").map(
        "each", af.Child(story.doubling), over=lambda _: [*range(200)]
    )
    flow = flow.output("each")

    with runtime(flow) as rt:
        assert rt.start(flow).result() == [2 * n for n in range(200)]
        assert sorted(story.did) == list(range(200))
        assert rt.log.inbox() == []


@pytest.mark.parametrize("seed", [0, 1])
def test_crash_everywhere(story: Story, seed: int) -> None:
    """Whenever the process dies, the child is started, and taken in, once."""
    flow = story.only(story.stock)

    Simulation(
        flow, inputs={"item": "hat"}, signals={"go": None}, seed=seed
    ).crash_everywhere()


def test_crash_everywhere_in_a_fan_out(story: Story) -> None:
    """So do the children of a map, and their own children."""
    middle = af.Flow("middle", inputs=["n"]).child(story.doubling, into="x").output("x")
    flow = af.Flow("top").map("each", af.Child(middle), over=lambda _: [1, 2]).build()

    Simulation(flow).crash_everywhere()
