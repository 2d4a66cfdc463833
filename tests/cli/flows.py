"""Definitions that the tests run from the command line."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

import actorflow as af


@frozen
class Greeting:
    """A class of the user's, which no reading command knows."""

    text: str
    length: int


@af.activity
def greet(name: str, times: int = 1) -> Greeting:
    """Say hello."""
    return Greeting(f"hello {name}", times)


@af.activity
def need(path: str) -> str:
    """Fail unless there is a file at *path*."""
    if not Path(path).exists():
        message = f"{path} is not there"
        raise FileNotFoundError(message)
    return "found"


approval = af.Workflow(
    "approval",
    inputs=[af.Input("name"), af.Input("limit", type="integer", default=3)],
    steps=[
        af.Step(
            "greet",
            activity=greet,
            parameters={"name": "${inputs.name}", "times": "${inputs.limit}"},
            store="greeting",
            next=[af.Edge("wait")],
        ),
        af.Step("wait", wait_signal=af.WaitSignal(topic="approve", store="verdict")),
    ],
    outputs=[af.Output("greeting"), af.Output("verdict")],
)

by_name = af.Workflow(
    "by-name",
    inputs=[af.Input("name")],
    steps=[
        af.Step("greet", activity="greet", parameters={"name": "${inputs.name}"}),
    ],
)

stops = af.Workflow(
    "stops",
    steps=[
        af.Step("look", pause="somebody should look", next=[af.Edge("go")]),
        af.Step("go", sleep=3600),
    ],
)

nap = af.Workflow("nap", steps=[af.Step("sleep", sleep=3600)])

found = (
    af.Flow("found", inputs=["paths"])
    .map("each", need, over=lambda state: iter(state["paths"]), max_concurrency=1)
    .build()
)

fan = af.Workflow(
    "fan",
    inputs=[af.Input("paths")],
    steps=[
        af.Step("each", map=af.Map(over="inputs.paths", activity=need), store="all"),
    ],
    outputs=[af.Output("all")],
)


asked = (
    af.Flow("asked", inputs=["name"])
    .gate("fine", prompt="Is ${name} fine?", timeout=3600)
    .output("fine")
    .build()
)


@af.activity(compensate=lambda path: Path(path).unlink())
def create(path: str) -> str:
    """Make a file, which is taken back if need be."""
    Path(path).touch()
    return path


undoable = af.Flow("undoable", inputs=["path"]).then(create).sleep(3600).build()
