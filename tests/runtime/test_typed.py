"""Nonsense in a call is refused by name, before anything is done."""

from __future__ import annotations

import inspect
from enum import StrEnum
from fractions import Fraction
from itertools import product
from numbers import Integral
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.log.sqlite import SQLiteLog
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


class Word(StrEnum):
    """Texts with names."""

    IT = "it"
    GO = "go"
    FLOW = "flow"


@Integral.register
class One:
    """A whole number that is no int, as those of NumPy are."""

    def __int__(self) -> int:
        return 1


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


@pytest.mark.parametrize("execution_id", [3, b"x", ("a",), ""])
def test_an_id_is_text(execution_id: Any) -> None:
    """What is none does not come as far as the log."""
    with runtime(FLOW) as rt:
        for begin in (rt.start, rt.submit):
            with pytest.raises(af.SettingError, match="execution_id must be text"):
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


def test_numbers_and_texts_by_another_name() -> None:
    """Members of enums, and numbers such as NumPy's, are taken for what they mean."""
    one: Any = One()
    half: Any = Fraction(1, 2)
    with runtime(FLOW) as rt:
        it = rt.start(FLOW, execution_id=Word.IT, timeout=half)
        queued = [
            rt.submit(FLOW, execution_id=Word.GO, priority=one),
            rt.enqueue(Word.FLOW, {}),
        ]
        it.wait()
        rt.signal(Word.IT, Word.GO, 7)

        assert it.result(timeout=half) == 7
        assert type(it.id) is str
        assert [rt.get(Word.IT).status, rt.state("it", at=one).status] == [
            "completed",
            "running",
        ]
        assert [each.seq for each in rt.history("it", after=one, until=one)] == []
        assert len(rt.list(limit=one)) == 1
        assert queued[0].id == "go"
        assert queued[1].id.startswith("flow-")
        rt.clock.advance(1)
        assert rt.prune(older_than=0, status={"completed"}) == 1


def test_an_input_named_like_a_parameter() -> None:
    """What is given by place alone leaves its name to an input."""

    def told(topic: int, payload: int) -> list[int]:
        return [topic, payload]

    flow = af.Flow("f", inputs=["topic", "payload"]).wait_signal("go").then(told)
    with runtime(flow) as rt:
        it = rt.signal_with_start(flow, "go", 1, execution_id="it", topic=4, payload=5)

        assert it.result()["told"] == [4, 5]


def test_what_a_node_gives_by_another_name() -> None:
    """Times and numbers of a node are recorded as plain ones."""
    one: Any = One()

    @af.activity
    def work(ctx: af.ActivityContext, x: int) -> int:
        ctx.progress(one, Fraction(3, 2))  # type: ignore[arg-type]
        return x

    @af.dynamic
    async def node(ctx: af.Context) -> Any:
        await ctx.sleep(one)
        return await ctx.map(work, [1, 2], max_concurrency=one)

    with runtime(node) as rt:
        it = rt.start(node)
        rt.clock.advance(1)

        assert it.result() == [1, 2]


def test_methods_look_as_they_are_written() -> None:
    """Signatures, documentation and names are those of the methods."""
    start = af.Runtime.start

    assert list(inspect.signature(start).parameters)[:3] == [
        "self",
        "definition",
        "args",
    ]
    assert start.__qualname__ == "Launching.start"
    assert (start.__doc__ or "").startswith("Start an execution")


def test_a_log_that_is_closed(tmp_path: Path) -> None:
    """Opening a runtime on it says so at once; so it is with one only to be read."""
    closed = MemoryLog()
    closed.close()
    SQLiteLog(tmp_path / "log.db").close()

    with pytest.raises(af.LogUnavailableError, match="closed"):
        af.Runtime(closed)
    reader = SQLiteLog(tmp_path / "log.db", read_only=True)
    with reader, pytest.raises(af.LogError):
        af.Runtime(reader)
