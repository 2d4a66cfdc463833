"""What does a graph of 1,000 steps cost: to check, and a step of it to run?

    python -m benchmarks.bench_graph [--quick] [--json FILE]

Checking is everything between the definition and its first execution: structure,
joins, expressions, names, activities. The floor of a run is the same kind of graph with
a few steps, run so often that as many steps are run; both in memory, by CPU time. If a
step cost more because there are others, the ratio would say so.
"""

from __future__ import annotations

import time

import actorflow as af
from actorflow.log.codec import Codec
from actorflow.model.files import loads
from actorflow.runtime.checking import bind
from actorflow.runtime.registry import Activities
from benchmarks.common import Figure, Options, report

STEPS, FEW = 1_000, 10


@af.activity
def add(n: int) -> int:
    """Do next to nothing."""
    return n + 1


def chain(count: int, extra: int = 0) -> af.Workflow:
    """Return steps in a row, each with a template and a condition of its own."""
    return af.Workflow(
        "chain",
        state={"n": extra},
        steps=[
            af.Step(
                f"s{number}",
                activity=add,
                parameters={"n": f"${{state.n + {number + extra}}}"},
                store="n",
                next=[af.Edge(f"s{number + 1}", when=f"state.n >= -{number + extra}")]
                if number + 1 < count
                else [],
            )
            for number in range(count)
        ],
    )


def diamonds(count: int) -> af.Workflow:
    """Return splits and joins in a row: four steps and two branches each."""
    steps = []
    for number in range(0, count, 4):
        split, left, right, join = (f"{kind}{number}" for kind in "slrj")
        onward = [af.Edge(f"s{number + 4}")] if number + 4 < count else []
        steps += [
            af.Step(
                split,
                decide=True,
                next=[
                    af.Edge(left, branch=f"b{number}"),
                    af.Edge(right, branch=f"c{number}"),
                ],
            ),
            af.Step(left, activity=add, parameters={"n": number}, next=[af.Edge(join)]),
            af.Step(right, activity=add, parameters={"n": number}),
            af.Step(join, join=af.Join(branches=[f"c{number}"]), next=onward),
        ]
    return af.Workflow("diamonds", steps=steps)


def _checked(made: af.Workflow) -> float:
    """Return the milliseconds to make a definition and to bind it."""
    began = time.process_time()
    workflow = af.Workflow("checked", state=made.state, steps=made.steps)
    bind(workflow, Activities(Codec()))
    workflow.may_start(workflow.start.name, "nobody")
    return (time.process_time() - began) * 1e3


def _read(text: str) -> float:
    began = time.process_time()
    loads(text)
    return (time.process_time() - began) * 1e3


def _run(rt: af.Runtime, workflow: af.Workflow, times: int) -> float:
    """Return the microseconds of CPU that a step takes."""
    began = time.process_time()
    for _ in range(times):
        rt.start(workflow).result()
    used = time.process_time() - began
    return used / (times * len(workflow.steps)) * 1e6


def measure(options: Options) -> list[Figure]:
    """Check and run graphs of two shapes, large and small in turn."""
    check = Figure(f"checking {STEPS:,} steps in a row", "ms", goal=100)
    meet = Figure(f"checking {STEPS:,} steps of joins", "ms", goal=100)
    read = Figure(f"reading {STEPS:,} steps from YAML", "ms")
    row = Figure("a step in a row, large to small", "us", goal=1.2)
    joins = Figure("a step of joins, large to small", "us", goal=1.2)
    text = _as_file(STEPS)
    for number in range(options.rounds):
        check.add(_checked(chain(STEPS, number * STEPS)))  # no text compiled before
        meet.add(_checked(diamonds(STEPS)))
        read.add(_read(text))
    for shape, figure, few in ((chain, row, FEW), (diamonds, joins, 12)):
        large, small = shape(STEPS), shape(few)
        for _ in range(options.rounds):
            with af.Runtime(":memory:", [large]) as rt:
                _run(rt, large, 1)
                ours = _run(rt, large, 2)
            with af.Runtime(":memory:", [small]) as rt:
                _run(rt, small, 20)
                figure.add(ours, _run(rt, small, 2 * STEPS // few))
    return [check, meet, read, row, joins]


def _as_file(count: int) -> str:
    lines = [
        f"- {{name: s{n}, activity: add, parameters: {{n: 1}}, next: s{n + 1}}}"
        for n in range(count)
    ]
    return "\n".join(["name: w", "steps:", *lines, f"- {{name: s{count}, sleep: 1}}"])


if __name__ == "__main__":
    report(__doc__, measure)
