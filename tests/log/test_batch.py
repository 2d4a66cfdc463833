"""What guards stored rows, and which writes of a batch are allowed: pure rules."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from actorflow.errors import (
    FencedError,
    LogCorruptError,
    StreamExistsError,
    StreamNotFoundError,
)
from actorflow.log.batch import (
    Plan,
    SummaryRow,
    Tail,
    checksum,
    draft,
    event_row,
    inbox_checksum,
    is_sound,
    judge,
    recorded,
    verify,
)
from actorflow.log.codec import Codec
from actorflow.log.port import Post, Snapshot, Stream, Summary, Write
from actorflow.model.events import Recorded
from actorflow.testing.log_contract import done, write

EVENT = Recorded(2, 5.25, "main", done(7))


class TestRows:
    """What is read is what was written, or it is damage, and named."""

    def test_sound(self, codec: Codec) -> None:
        """An event comes back with its number, place and time."""
        row = event_row(EVENT, codec)
        verify(row, 2, "one")

        assert recorded(row, 2, codec, "one") == EVENT

    @pytest.mark.parametrize("expected", [1, 3])
    def test_another_number(self, codec: Codec, expected: int) -> None:
        """The one that is missing is named, and what follows it."""
        with pytest.raises(LogCorruptError) as caught:
            recorded(event_row(EVENT, codec), expected, codec, "one")

        assert (caught.value.stream, caught.value.seq) == ("one", expected)
        assert "it is missing; 2 follows" in str(caught.value)

    @pytest.mark.parametrize(
        ("column", "value"),
        [(1, "main-1"), (2, "value.emitted"), (3, 5_250_001), (4, "{}"), (5, 0)],
    )
    def test_another_content(self, codec: Codec, column: int, value: Any) -> None:
        """Not one column may change."""
        row = [*event_row(EVENT, codec)]
        row[column] = value

        with pytest.raises(LogCorruptError, match=r"event 2.*checksum does not match"):
            recorded(row, 2, codec, "one")

    def test_unreadable(self, codec: Codec) -> None:
        """What was written wrongly is told as what it is."""
        guard = checksum(1, "", "items.started", 5, "{}")

        with pytest.raises(LogCorruptError, match=r"event 1.*'first' is missing"):
            recorded((1, "", "items.started", 5, "{}", guard), 1, codec, "one")


class TestCommands:
    """A command in an inbox is as it was posted, for whom it was posted."""

    OWN = inbox_checksum("signal", "{}", "k", 7)

    @pytest.mark.parametrize(
        ("row", "sound"),
        [
            ((OWN, 7, "signal", "{}", "k"), True),
            ((OWN, 8, "signal", "{}", "k"), False),
            ((OWN, 7, "cancel", "{}", "k"), False),
            ((OWN, 7, "signal", "[]", "k"), False),
            ((OWN, 7, "signal", "{}", "l"), False),
            ((OWN, 7, "signal", "{}", None), False),
            ((0, 7, "signal", "{}", "k"), False),
            ((inbox_checksum("signal", "{}", None, 7), 7, "signal", "{}", None), True),
            ((inbox_checksum("signal", "{}", "k"), 7, "signal", "{}", "k"), True),
            ((inbox_checksum("signal", "{}", "k"), 7, "cancel", "{}", "k"), False),
            ((None, 7, "signal", "{}", "k"), True),
        ],
        ids=repr,
    )
    def test_is_sound(self, row: Any, *, sound: bool) -> None:
        """What an older version has posted has less of a guard, or none."""
        assert is_sound(*row) is sound


def hold(name: str = "one", **fields: Any) -> Stream:
    """Return a hold on a stream with two events, unless told otherwise."""
    return evolve(Stream("execution", name, "t", 1, 2, 1), **fields)


def judged(*writes: Write, tails: Any = ((1, 2, 1),), taken: Any = ()) -> Plan:
    """Return what becomes of a batch."""
    return judge(
        draft(writes, Codec()),
        tails={each[0]: Tail(*each) for each in tails},
        taken={("execution", name) for name in taken},
        next_id=5,
    )


def new(name: str = "new") -> Stream:
    """Return a hold on a stream that is not there yet."""
    return Stream("execution", name, "t")


class TestDraft:
    """What is to be stored, or why it cannot be."""

    @pytest.mark.parametrize(
        ("options", "plain"),
        [
            ({}, True),
            ({"create": True}, False),
            ({"release": True}, False),
            ({"consumed": [1]}, False),
            ({"snapshot": Snapshot(3, "1", {})}, False),
            ({"summary": Summary("running")}, False),
            ({"posts": [Post("execution", "x", "cancel", {})]}, False),
        ],
        ids=str,
    )
    def test_plain(self, options: dict[str, Any], *, plain: bool) -> None:
        """Only one that adds events and nothing else goes the short way."""
        (one,) = draft([write(hold(), done(), **options)], Codec())
        (nothing,) = draft([write(hold(), **options)], Codec())

        assert (one.is_plain, nothing.is_plain) == (plain, False)

    @pytest.mark.parametrize("numbers", [(3, 5), (3, 3), (4, 3), (3, 4, 6)])
    def test_gap(self, numbers: tuple[int, ...]) -> None:
        """Events without a gap, or none of them."""
        stream = hold()
        stream.head = max(numbers)
        events = [Recorded(seq, 1.0, "main", done()) for seq in numbers]
        plan = judged(Write(stream, events))

        assert plan.changes == {}
        assert f"a gap in the events after {numbers[0]}" in str(plan.refused[0][1])


class TestJudge:
    """Each stream has one writer at a time, and no event twice."""

    def test_accepted(self) -> None:
        """What follows the last event is stored, write after write."""
        stream = hold(epoch=3)
        writes = [write(stream, done()), write(stream, done(), done(), release=True)]
        plan = judged(*writes, tails=[(1, 2, 3)])
        (change,) = plan.changes.values()
        plan.settle()

        assert [row[0] for row in change.rows] == [3, 4, 5]
        assert (change.tail, change.created) == (Tail(1, 5, 3), False)
        assert change.release
        assert [each.write for each in plan.accepted] == writes
        assert (stream.id, stream.epoch, stream.lost) == (1, 3, None)

    def test_release_is_not_taken_back(self) -> None:
        """Whatever the same batch still writes."""
        stream = hold()
        plan = judged(write(stream, release=True), write(stream, done()))

        assert [each.release for each in plan.changes.values()] == [True]

    def test_created(self) -> None:
        """New streams get numbers of their own, and know them when it is durable."""
        one, two = new("one"), new("two")
        plan = judged(
            write(one, done(), create=True),
            write(two, create=True),
            write(one, done()),
            tails=(),
        )
        assert (one.id, two.id) == (None, None)
        plan.settle()

        assert [(each.tail, each.created) for each in plan.changes.values()] == [
            (Tail(5, 2, 1), True),
            (Tail(6, 0, 1), True),
        ]
        assert [(each.id, each.epoch) for each in (one, two)] == [(5, 1), (6, 1)]

    @pytest.mark.parametrize(
        ("stream", "create", "tails", "taken", "error"),
        [
            (hold(epoch=2), False, [(1, 2, 1)], (), FencedError),
            (hold(), False, [(1, 2, 2)], (), FencedError),
            (hold(), False, [(1, 1, 1)], (), FencedError),
            (hold(), False, [(1, 3, 1)], (), FencedError),
            (hold(), False, [], (), StreamNotFoundError),
            (hold(id=None), False, [(1, 2, 1)], (), StreamNotFoundError),
            (hold(head=0), True, [(1, 0, 1)], (), StreamExistsError),
            (new(), True, [], ("new",), StreamExistsError),
            (hold(id=None), True, [], (), ValueError),
            (hold(lost=KeyError("gone")), False, [(1, 2, 1)], (), KeyError),
        ],
        ids=repr,
    )
    def test_refused(
        self, stream: Stream, tails: Any, taken: Any, error: Any, *, create: bool
    ) -> None:
        """It changes nothing, and its hold is lost: what follows on it is refused."""
        stream = evolve(stream)
        writes = [write(stream, done(), create=create), write(stream, done())]
        plan = judged(*writes, tails=tails, taken=taken)
        assert [each.error for each in writes] == [None, None]
        plan.settle()

        assert (plan.changes, plan.accepted) == ({}, [])
        assert [type(each.error) for each in writes] == [error, error]
        assert stream.lost is writes[1].error

    def test_refused_alone(self) -> None:
        """One writer's mistake is no other's."""
        bad, good, other = new(), hold(), new()
        writes = [
            write(bad, done(object()), create=True),
            write(good, done()),
            write(other, create=True),
            write(new(), create=True),
        ]
        plan = judged(*writes)

        assert [each for each, _ in plan.refused] == [writes[0], writes[3]]
        assert [each.stream for each in plan.changes.values()] == [good, other]

    def test_summaries_add_up(self) -> None:
        """The last word holds; what it does not speak of is as it was."""
        stream = hold()
        first = Summary(
            "running", 1.0, [{"a": 1}], {"k": 1}, "f1", 2.0, ["b", "a", "b"]
        )
        plan = judged(
            write(stream, summary=first),
            write(stream, summary=Summary("suspended", attributes={})),
            write(stream, done()),
        )
        (change,) = plan.changes.values()

        assert change.summary == SummaryRow(
            "suspended", None, "[]", "{}", "f1", None, '["a","b"]'
        )

    def test_a_summary_as_it_is_stored(self) -> None:
        """Times are whole microseconds, the rest is JSON."""
        given = Summary("running", 1.5, [{"a": 1}], {"k": 1}, "f1", 2.0, [])
        plan = judged(write(hold(), summary=given), write(hold(), done()))
        summaries = [each.summary for each in plan.changes.values()]

        assert summaries[0] == SummaryRow(
            "running", 1_500_000, '[{"a":1}]', '{"k":1}', "f1", 2_000_000, "[]"
        )
