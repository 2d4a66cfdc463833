"""Events come back equal; their text is a file format, held fast by a golden file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorflow.errors import UnreadableError, UnrecordableError
from actorflow.log.codec import UPCAST, Codec, UnknownEvent
from actorflow.log.eventhooks import model_hooks
from actorflow.model import events as model
from actorflow.model import schedules
from actorflow.model.events import TAGS, Failure
from tests.log import strategies as some
from tests.log.strategies import Item

GOLDEN = Path(__file__).parent / "golden" / "events.jsonl"
"""A line for every way an event is written.  Never change one: logs hold such lines."""

FAILURE = Failure(
    "timeout",
    "too slow, é",
    ("builtins.TimeoutError", "builtins.OSError"),
    "Traceback ...",
    {"after": 30.0},
    "main/fetch",
    "fetch",
    (Failure("activity_failed", "lost"),),
)
EXAMPLES = [
    model.ExecutionQueued("orders"),
    model.ExecutionQueued("orders", {"id": 1}, {"customer": "a"}, 2, ["eu", "gpu"]),
    model.ExecutionQueued(
        "orders",
        timeout=60.0,
        on_complete=[{"start": "bill", "on": ["completed"], "name": "bill"}],
    ),
    model.ExecutionReleased(),
    model.ExecutionStarted("orders", "f1"),
    model.ExecutionStarted("orders", "f1", {"id": 1}, {"n": None}, {"customer": "a"}),
    model.ExecutionStarted(
        "invoice",
        "f2",
        parent={
            "execution": "o-1",
            "address": "main/invoice",
            "visit": 1,
            "depth": 1,
            "on_parent_close": "cancel",
        },
    ),
    model.ExecutionStarted("orders", "f1", timeout=3600.0),
    model.ExecutionStarted(
        "mail", "f3", follows="o-1", on_complete=[{"start": "mail", "on": ["failed"]}]
    ),
    model.FollowUpPlanned("mail", "o-1/then/mail", "mail", {"output": 5}),
    model.FollowUpPlanned("mail", "o-1/then/mail", error=Failure("expression", "x")),
    model.DeadlineSet(1700000000.5),
    model.ExecutionCompleted(),
    model.ExecutionCompleted([1, {"a": None}]),
    model.ExecutionFailed(FAILURE),
    model.ExecutionCancelled(),
    model.ExecutionCancelled("no longer wanted"),
    model.ExecutionCancelled("its parent ended", by_parent=True),
    model.ExecutionPaused(),
    model.ExecutionPaused("main-1", "audit"),
    model.ExecutionPaused(reason="its parent is paused", by_parent=True),
    model.ExecutionResumed(),
    model.ExecutionResumed("main-1"),
    model.ExecutionRetried(),
    model.ExecutionRecovered("host:42", 3),
    model.CompensationStarted(),
    model.CompensationStarted(Failure("fatal", "no"), "too late"),
    model.CompensationStarted(reason="its parent is undone", by_parent=True),
    model.SignalReceived("delivered"),
    model.SignalReceived("delivered", {"by": "dhl"}, "key-1"),
    model.BranchStarted("fetch"),
    model.BranchStarted("audit", "main"),
    model.BranchMoved("ship"),
    model.BranchDiverted("recover", Failure("timeout", "too slow")),
    model.BranchDiverted("recover", Failure("timeout", "too slow"), "error"),
    model.BranchCompleted(),
    model.BranchFailed(Failure("fatal", "")),
    model.ActivationStarted("activity", "fetch_order"),
    model.ActivationStarted("activity", "fetch_order", "fetch", {"id": 1}, "order"),
    model.ActivationStarted("activity", "charge", undo="refund"),
    model.ActivationStarted("dynamic", "review", branch="review@2"),
    model.FlowStarted(),
    model.FlowStarted({"id": 1}, {"n": None}),
    model.ItemsFound(),
    model.ItemsFound([1, {"a": None}], last=True, cursor="t9"),
    model.ItemsFound([], error=Failure("timeout", "too slow")),
    model.ItemsStarted(0, 100),
    model.ItemsStarted(100, 1, bare=True),
    model.AttemptStarted(2),
    model.AttemptStarted(1, 1700000060.5),
    model.AttemptFailed(1, Failure("activity_failed", "x"), 1700000000.123456),
    model.AttemptFailed(1, Failure("timeout", "x"), 1700000000.5, 3),
    model.ActivationCompleted(),
    model.ActivationCompleted(5),
    model.ActivationFailed(Failure("activity_failed", "x", details=[1])),
    model.ActivationFailed(Failure("timeout", "x", execution="o-1/main/invoice")),
    model.ActivationCancelled(),
    model.ChildStarted("o-1/main/invoice"),
    model.ChildStarted("o-1/main/invoice", "abandon"),
    model.ChildEnded("o-1/main/invoice", 12, "completed", [1], undoable=True),
    model.ChildEnded("o-1/main/invoice", 12, "failed", error=Failure("timeout", "x")),
    model.ChildEnded("o-1/main/invoice", 12, "cancelled", reason="no"),
    model.ValueRecorded("plan"),
    model.ValueRecorded("plan", ["a"]),
    model.WaitStarted(0, "signal"),
    model.WaitStarted(2, "signal", "approve", 1700000000.5, "a person must look"),
    model.WaitStarted(1, "question", schema={"type": "boolean"}),
    model.WaitEnded(0),
    model.WaitEnded(2, 17, timed_out=True),
    model.WaitEnded(1, answer={"value": True, "by": "ann"}),
    model.NodeSettled(),
    model.NodeSettled(2, 5),
    model.NodeContinued(),
    model.NodeContinued({"n": 2}),
    model.UpdateAnswered("add", "k1"),
    model.UpdateAnswered("add", "k2", [3]),
    model.UpdateAnswered("add", "k3", error=Failure("fatal", "no")),
    model.UpdateRejected("add", "k4", "amount must be positive"),
    model.HeartbeatReceived(),
    model.HeartbeatReceived({"page": 3}),
    model.ProgressReported(),
    model.ProgressReported(3.0, 10.0, "page 3"),
    model.ValueEmitted(),
    model.ValueEmitted({"stage": "done"}),
    schedules.ScheduleSet("report", "0 3 * * *"),
    schedules.ScheduleSet(
        "report",
        "*/5 8-17 * * 1-5",
        "Europe/Berlin",
        {"kind": "short"},
        "buffer_one",
        "all",
        3600.0,
        {"team": "a"},
        1,
        ["eu"],
    ),
    schedules.SchedulePaused(),
    schedules.SchedulePaused("holidays"),
    schedules.ScheduleResumed(),
    schedules.ScheduleDeleted(),
    schedules.ScheduleTicked(1700000000.0),
    schedules.ScheduleTicked(1700000000.0, [1.0], [2.0], [3.0], [4.0]),
]


def golden() -> list[tuple[str, str]]:
    """Return the lines of the golden file: tag and text."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return [(tag, text) for tag, text in map(json.loads, lines)]


@attrs.frozen
class Deposited:
    """A user's event."""

    amount: int
    item: Item | None = None


class TestModel:
    """The events of the model."""

    @given(st.sampled_from([*TAGS.values()]).flatmap(some.events))
    def test_event_comes_back(self, event: Any) -> None:
        """Any event of any class comes back equal, types included."""
        codec = Codec()

        assert some.same(codec.decode(*codec.encode(event)), event)

    def test_golden_lines_are_what_is_written(self, codec: Codec) -> None:
        """What is written today is what was always written."""
        assert [codec.encode(event) for event in EXAMPLES] == golden()

    def test_golden_lines_are_read(self, codec: Codec) -> None:
        """What was ever written is read as today's events."""
        assert [codec.decode(tag, text) for tag, text in golden()] == EXAMPLES

    def test_golden_lines_are_complete(self) -> None:
        """Every event class has lines that show each of its fields."""
        shown = {(tag, name) for tag, text in golden() for name in json.loads(text)}
        fields = {(t, a.name) for t, cls in TAGS.items() for a in attrs.fields(cls)}

        assert fields <= shown
        assert {tag for tag, _ in golden()} == set(TAGS)

    @pytest.mark.parametrize(
        "fields",
        [{}, {"cause": Failure("x", "")}, {"details": [1]}, {"at": 5}],
        ids=["defaults", "failure", "data", "a whole number"],
    )
    def test_new_class(self, codec: Codec, fields: dict[str, Any]) -> None:
        """A class to come needs no code: defaults are left out, failures written."""

        @attrs.frozen
        class Novel:
            error: Failure
            cause: Failure | None = None
            details: Any = None
            at: float | None = None

        hooks, event = model_hooks(Novel), Novel(FAILURE, **fields)
        written = hooks.unstructure(event)
        error = json.loads(codec.encode(model.ExecutionFailed(FAILURE))[1])["error"]

        assert written.keys() == {"error", *fields}
        assert orjson.loads(orjson.dumps(written["error"])) == error
        assert some.same(hooks.structure(orjson.loads(orjson.dumps(written))), event)
        with pytest.raises(KeyError, match="error"):
            hooks.structure({})

    def test_fields_of_a_newer_version_are_passed_over(self, codec: Codec) -> None:
        """A field that an event did not have is no trouble to an older reader."""
        text = '{"result":5,"novel":true}'

        assert codec.decode("activation.completed", text) == model.ActivationCompleted(
            5
        )

    @pytest.mark.parametrize(
        ("tag", "text"),
        [
            ("items.started", "{}"),
            ("items.started", "[]"),
            ("items.started", "{"),
            ("items.started", ""),
            ("execution.failed", '{"error":{}}'),
            ("execution.failed", '{"error":5}'),
        ],
    )
    def test_broken_text(self, codec: Codec, tag: str, text: str) -> None:
        """A text that does not fit its tag is unreadable."""
        with pytest.raises(UnreadableError):
            codec.decode(tag, text)

    def test_failures_are_always_recordable(self, codec: Codec) -> None:
        """What an exception says may be no text; the failure is recorded anyway."""
        event = model.ActivationFailed(Failure("x", "a\ud800é", (), "\udfff"))

        assert codec.decode(*codec.encode(event)) == model.ActivationFailed(
            Failure("x", "a\\ud800é", (), "\\udfff")
        )

    @pytest.mark.parametrize(
        "value",
        [object(), {1: 2}, "\ud800", (1, {2})],
        ids=["object", "number as key", "half a character", "set"],
    )
    def test_what_is_no_data_is_refused(self, codec: Codec, value: Any) -> None:
        """A value that did not go through `to_data` is a mistake, and told as one."""
        with pytest.raises(UnrecordableError):
            codec.encode(model.ActivationCompleted(value))

    def test_old_payload(self, codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
        """What an older version wrote is brought up to date when it is read."""
        monkeypatch.setitem(
            UPCAST, "value.recorded", lambda data: {"key": data.pop("name"), **data}
        )

        event = Codec().decode("value.recorded", '{"name":"k","value":1}')
        assert event == model.ValueRecorded("k", 1)


class TestUnknown:
    """Events whose class is not known here."""

    def test_is_read(self, codec: Codec) -> None:
        """It can be seen, not acted on."""
        event = codec.decode("novel.thing", '{"a":1}')

        assert event == UnknownEvent("novel.thing", {"a": 1})

    def test_is_written_as_it_was(self, codec: Codec) -> None:
        """A log can be copied without knowing everything in it."""
        event = codec.decode("novel.thing", '{"a":1}')

        assert codec.encode(event) == ("novel.thing", '{"a":1}')


class TestUsers:
    """Events of users' actors."""

    def test_comes_back(self, codec: Codec) -> None:
        """A registered event comes back, its values as themselves."""
        codec.register_event(Deposited)
        event = Deposited(5, Item("a", private=(1, 2)))
        tag, text = codec.encode(event)

        assert tag == "Deposited"
        assert some.same(codec.decode(tag, text), event)

    def test_is_a_value_too(self, codec: Codec) -> None:
        """A registered event that stands in another value is known there."""
        codec.register_event(Deposited)
        event = Deposited(5, Item("a"))

        assert codec.from_data(Codec().to_data([event])) == [event]

    def test_stable_tag(self, codec: Codec) -> None:
        """A tag of one's own outlives the name of the class."""
        assert codec.register_event(Deposited, "account.deposited") == (
            "account.deposited"
        )
        assert codec.encode(Deposited(5)) == (
            "account.deposited",
            '{"amount":5,"item":null}',
        )

    def test_registering_again(self, codec: Codec) -> None:
        """The same class may be registered as often as it is met."""
        assert codec.register_event(Deposited) == codec.register_event(Deposited)

    @pytest.mark.parametrize("tag", ["Deposited", "execution.started"])
    def test_taken_tag(self, codec: Codec, tag: str) -> None:
        """Two classes cannot share a tag."""
        codec.register_event(Deposited)

        with pytest.raises(ValueError, match=r"give .* another"):
            codec.register_event(Item, tag)

    def test_no_class_of_fields(self, codec: Codec) -> None:
        """An event is made of fields."""
        with pytest.raises(TypeError, match="no fields"):
            codec.register_event(int)

    def test_not_registered(self, codec: Codec) -> None:
        """An event that nobody registered is refused."""
        with pytest.raises(UnrecordableError, match="register_event"):
            codec.encode(Deposited(1))

    def test_unrecordable_field(self, codec: Codec) -> None:
        """The refusal names the event's field."""
        codec.register_event(Deposited)

        with pytest.raises(UnrecordableError) as caught:
            codec.encode(Deposited(1, Item("a", private=object())))

        assert caught.value.path == "Deposited.item._private"

    def test_fields_are_read_by_annotation(self, codec: Codec) -> None:
        """A payload written by hand is read as the class's annotations say."""
        codec.register_event(Deposited)

        event = codec.decode("Deposited", '{"amount":1,"item":{"name":"a"}}')
        assert event == Deposited(1, Item("a"))
        with pytest.raises(UnreadableError, match=r"Deposited\.amount"):
            codec.decode("Deposited", '{"amount":"1"}')

    def test_older_version(self, codec: Codec) -> None:
        """A user's event may be brought up to date too."""
        codec.register_event(Deposited, upcast=lambda data: {"amount": data["cents"]})

        assert codec.decode("Deposited", '{"cents":7}') == Deposited(7)

    def test_older_version_after_another_registration(self, codec: Codec) -> None:
        """What was said about older versions holds, though it is not said again."""
        codec.register_event(Deposited, upcast=lambda data: {"amount": data["cents"]})
        codec.register_event(Deposited)

        assert codec.decode("Deposited", '{"cents":7}') == Deposited(7)

    def test_a_tag_is_for_one_class(self, codec: Codec) -> None:
        """Be it that the other has the same name, in another module."""
        codec.register_event(Deposited)
        twin = attrs.make_class("Deposited", ["amount"])
        twin.__module__ = "elsewhere"

        with pytest.raises(ValueError, match=r"give .* another"):
            codec.register_event(twin)
