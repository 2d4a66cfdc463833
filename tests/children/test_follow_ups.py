"""Completion hooks and follow-ups: started, once, when an execution has ended."""

from __future__ import annotations

from typing import Any

import pytest

import actorflow as af
from actorflow.model.events import FollowUpPlanned
from actorflow.testing import Simulation, runtime
from tests.children.helpers import statuses


class Post:
    """Activities that note what they were told."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.broken = False

        @af.activity
        def mail(execution_id: str, status: str, output: Any, error: Any) -> None:
            why = None if error is None else error.message
            self.sent.append((execution_id, status, output, why))

        @af.activity
        def work(n: int) -> int:
            if self.broken:
                raise ValueError("broken")
            return n + 1

        self.mail, self.work = mail, work

    def flow(self) -> af.Flow:
        """Return a flow of one step."""
        return af.Flow("job", inputs=["n"]).then(self.work, into="x").output("x")


@pytest.fixture
def post() -> Post:
    """Somebody who is told of ends."""
    return Post()


def test_after_the_end(post: Post) -> None:
    """A hook runs when the execution has ended, as an execution of its own."""
    flow = post.flow().on_complete(post.mail)

    with runtime(flow) as rt:
        assert rt.start(flow, n=1, execution_id="j").result() == 2
        assert statuses(rt) == {"j": "completed", "j/then/mail": "completed"}
        assert post.sent == [("j", "completed", 2, None)]
        assert [row.id for row in rt.list(parent="j")] == ["j/then/mail"]
        assert next(rt.history("j/then/mail")).event.follows == "j"
        assert rt.log.inbox() == []


def test_only_after_the_ends_it_names(post: Post) -> None:
    """A hook says after which ends it is started."""
    flow = post.flow()
    flow.on_complete(post.mail, on="failed", name="alarm")
    flow.on_complete(post.mail, on=("completed", "cancelled"), name="news")
    post.broken = True

    with runtime(flow) as rt:
        run = rt.start(flow, n=1, execution_id="j")
        assert run.wait().status == "failed"
        assert statuses(rt) == {"j": "failed", "j/then/alarm": "completed"}
        assert post.sent[0][1] == "failed"


def test_after_every_end_once(post: Post) -> None:
    """An execution that ends again has its follow-ups again, under other ids."""
    flow = post.flow().on_complete(post.mail, on=("failed", "completed"))
    post.broken = True

    with runtime(flow) as rt:
        run = rt.start(flow, n=1, execution_id="j")
        run.wait()
        post.broken = False
        run.retry()
        run.result()

        assert set(statuses(rt)) == {"j", "j/then/mail", "j/then/mail~2"}
        assert [told[1] for told in post.sent] == ["failed", "completed"]


def test_cancelled(post: Post) -> None:
    """A cancellation is an end."""
    flow = af.Flow("wait").wait_signal("go").on_complete(post.mail, on="cancelled")

    with runtime(flow) as rt:
        run = rt.start(flow, execution_id="j")
        run.wait()
        run.cancel(reason="enough")
        rt.clock.advance(0)
        assert post.sent == [("j", "cancelled", None, "enough")]


def test_chain_of_workflows(post: Post) -> None:
    """What follows may be a whole workflow, which may be followed in turn."""
    last = af.Flow("last", inputs=["m"]).then(post.work, input={"n": "${inputs.m}"})
    last.on_complete(post.mail)
    first = post.flow().on_complete(last, input={"m": "${output * 10}"})

    with runtime(first) as rt:
        rt.start(first, n=1, execution_id="j").result()
        assert set(statuses(rt)) == {"j", "j/then/last", "j/then/last/then/mail"}
        assert post.sent == [("j/then/last", "completed", {"work": 21}, None)]


def test_callable_parameters(post: Post) -> None:
    """Parameters may be a callable that sees the inputs and the end."""
    flow = post.flow().on_complete(
        post.work, input=lambda s: {"n": s["n"] + s["output"]}
    )

    with runtime(flow) as rt:
        rt.start(flow, n=1, execution_id="j").result()
        rt.clock.advance(0)
        assert rt.get("j/then/work").result() == 4


def test_at_the_start(post: Post) -> None:
    """A caller may add follow-ups of his own."""
    flow = post.flow().build()

    with runtime(flow) as rt:
        hook = af.FollowUp(post.work, parameters={"n": "${output}"}, name="more")
        run = rt.start(flow, n=1, execution_id="j", on_complete=[hook, post.mail])
        run.result()
        assert set(statuses(rt)) == {"j", "j/then/more", "j/then/mail"}
        assert rt.get("j/then/more").result() == 3


def test_in_a_graph_and_its_file(post: Post) -> None:
    """A file names what the runtime knows."""
    text = """
name: filed
inputs: [n]
steps:
  - name: w
    activity: work
    parameters: {n: "${inputs.n}"}
    store: x
result: x
on_complete:
  - mail
  - {start: work, on: [completed, failed], parameters: {n: 5}, name: again}
"""
    graph = af.Workflow.loads(text)

    assert af.Workflow.loads(graph.to_yaml()).on_complete[1].on == (
        "completed",
        "failed",
    )
    with runtime(graph, activities=[post.work, post.mail]) as rt:
        rt.start(graph, n=1, execution_id="j").result()
        assert set(statuses(rt)) == {"j", "j/then/mail", "j/then/again"}


def test_parameters_that_fail(post: Post) -> None:
    """What cannot be started is told in the log; the execution ends as it would."""
    flow = post.flow().on_complete(post.work, input={"n": "${output.nothing}"})

    with runtime(flow) as rt:
        run = rt.start(flow, n=1, execution_id="j")
        assert run.result() == 2
        (plan,) = [
            r.event for r in run.history() if isinstance(r.event, FollowUpPlanned)
        ]
        assert plan.error is not None
        assert set(statuses(rt)) == {"j"}


def test_failed_hook_is_its_own_trouble(post: Post) -> None:
    """A hook that fails is a failed execution, which can be retried; nothing else."""
    flow = af.Flow("quiet").then(lambda: 1, name="one", into="x").output("x")
    flow.on_complete(post.work, input={"n": 1})
    post.broken = True

    with runtime(flow) as rt:
        assert rt.start(flow, execution_id="j").result() == 1
        assert statuses(rt) == {"j": "completed", "j/then/work": "failed"}


def test_problems(post: Post) -> None:
    """What cannot be is refused before anything runs, all at once."""
    flow = post.flow().on_complete(post.mail).on_complete(post.mail, on=("done",))
    with pytest.raises(af.DefinitionError) as caught:
        flow.build()
    assert "on_complete has two named 'mail'" in str(caught.value)
    assert "on 'done' is none of completed, failed, cancelled" in str(caught.value)

    wrong = post.flow().on_complete(post.work, input={"m": 1})
    with pytest.raises(af.DefinitionError, match="no input 'm'"), runtime(wrong):
        pass
    unknown = post.flow().on_complete("nobody")
    with pytest.raises(af.DefinitionError, match="knows no 'nobody'"), runtime(unknown):
        pass


def test_crash_everywhere(post: Post) -> None:
    """A hook is started once, whatever crashes when."""
    flow = post.flow().on_complete(post.mail, on=("completed", "failed"))

    report = Simulation(flow, inputs={"n": 1}).crash_everywhere()

    assert report.end.others == {"simulated/then/mail": "completed"}


def test_survives(post: Post) -> None:
    """Nor does it matter what else goes wrong."""
    flow = post.flow().on_complete(post.mail)

    Simulation(flow, inputs={"n": 1}).survive(20)
