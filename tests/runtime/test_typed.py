"""Nonsense in a call is refused by name, before anything is done."""

from __future__ import annotations

import inspect
from itertools import product
from typing import Any

import pytest

import actorflow as af
from actorflow.runtime.schedules import Schedules
from actorflow.testing import runtime
from tests.nonsense import calls, refuses_well

FLOW = af.Flow("flow").wait_signal("go").output("go").build()
SENSE = {
    "execution_id": "it",
    "source": "it",
    "definition": FLOW,
    "schedule": af.Schedule("s", FLOW, cron="0 0 * * *"),
    "inputs": {},
    "call": print,
    "older_than": 1,
}
NOT_FOR_USERS = ("send", "wait", "events_page", "row", "result_of", "close", "actor")


def _face(cls: type) -> list[str]:
    return [
        name
        for name, _ in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith(("_", "is_")) and name not in NOT_FOR_USERS
    ]


@pytest.mark.parametrize("name", _face(af.Runtime))
def test_runtime(name: str) -> None:
    """A runtime shows none of its insides, and goes on."""
    with runtime(FLOW) as rt:
        rt.start(FLOW, execution_id="it").wait()
        for call in calls(getattr(rt, name), SENSE, "go"):
            refuses_well(call)
        if name != "drain":
            other = rt.start(FLOW)
            other.signal("go", 1)
            assert other.result() == 1


@pytest.mark.parametrize("name", _face(af.ExecutionHandle))
def test_handle(name: str) -> None:
    """So it is with a handle."""
    with runtime(FLOW) as rt:
        it = rt.start(FLOW)
        it.wait()
        for call in calls(getattr(it, name), SENSE, "go"):
            refuses_well(call)


@pytest.mark.parametrize("name", _face(Schedules))
def test_schedules(name: str) -> None:
    """So it is with schedules."""
    with runtime(FLOW) as rt:
        for call in calls(getattr(rt.schedules, name), SENSE, "go"):
            refuses_well(call)


@pytest.mark.parametrize("nonsense", [3, "Account", int, object()])
def test_a_class_of_actors(nonsense: Any) -> None:
    """What is no class of actors is named."""
    with runtime(FLOW) as rt, pytest.raises(af.SettingError, match="a subclass of Ev"):
        rt.actor(nonsense, "key")


@pytest.mark.parametrize("topic", [3, b"x", None, {}])
def test_nothing_is_recorded(topic: Any) -> None:
    """A signal whose topic is none is refused by its sender, not by its receiver."""
    with runtime(FLOW) as rt:
        it = rt.start(FLOW)
        it.wait()
        before = it.history()

        with pytest.raises(af.SettingError, match="topic must be text, not"):
            it.signal(topic)
        with pytest.raises(af.SettingError, match="topic must be text, not"):
            rt.signal_with_start(FLOW, topic, execution_id="other")
        assert it.history() == before
        assert rt.count() == 1


@pytest.mark.parametrize("execution_id", [3, b"x", ("a",)])
def test_an_id_is_text(execution_id: Any) -> None:
    """What is none does not come as far as the log."""
    with runtime(FLOW) as rt:
        for begin in (rt.start, rt.submit):
            with pytest.raises(af.SettingError, match="execution_id must be text, not"):
                begin(FLOW, execution_id=execution_id)
            with pytest.raises(af.UnrecordableError, match="execution_id"):
                begin(FLOW, execution_id="\ud800")


def test_what_a_node_asks_for() -> None:
    """Nonsense in a call of its context fails a node with the name of the argument."""

    @af.dynamic
    async def node(ctx: af.Context) -> list[str]:
        said = []
        wrong: Any = [b"x", object()]
        methods: list[Any] = [ctx.sleep, ctx.wait_signal, ctx.patched]
        for call, value in product(methods, wrong):
            with pytest.raises(af.SettingError) as caught:
                call(value)
            said.append(str(caught.value).partition(",")[0])
        return said

    with runtime(node) as rt:
        assert rt.start(node).result() == [
            *["seconds must be a number"] * 2,
            *["topic must be text"] * 2,
            *["patch_id must be text"] * 2,
        ]
