"""What every event log must do, as tests: the law behind `actorflow.log.port`.

To hold a log of your own to it, subclass and say how to open one:

    class TestMyLog(EventLogContract):
        @pytest.fixture
        def open_log(self):
            place = make_an_empty_place()
            def open_log(**options):        # clock=, lease=, codec=
                return MyLog(place, **options)
            return open_log

Every call opens the same log once more, as another process would.
"""

# ruff: noqa: PLR2004 - the numbers in a test are its facts

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from attrs import frozen

from actorflow import errors
from actorflow.log.codec import Codec, UnknownEvent
from actorflow.log.port import (
    EventLog,
    Post,
    Reach,
    Snapshot,
    Stream,
    StreamRow,
    Summary,
    Write,
)
from actorflow.model.events import (
    ActivationCompleted,
    ActivationStarted,
    ExecutionStarted,
    Recorded,
    ValueEmitted,
)

OpenLog = Callable[..., EventLog]
"""Opens the log once more; takes ``clock``, ``lease`` and ``codec``."""

EPOCH = 1_700_000_000.0
ALL = Reach({"flow": ("f1",)})
"""Everything the tests create is in reach."""


@frozen
class _Deposited:
    amount: int


class _Keys:
    name = "keys"
    there = True

    def encode(self, payload: bytes) -> bytes:
        if not self.there:
            raise errors.LogUnavailableError("no keys", transient=True)
        return payload[::-1]

    def decode(self, stored: bytes) -> bytes:
        return stored[::-1]


class Ticker:
    """A clock that moves when it is told to."""

    def __init__(self, now: float = EPOCH) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def hold(name: str = "one", *, kind: str = "execution", type_: str = "flow") -> Stream:
    """Return a hold on a stream that is not yet created."""
    return Stream(kind, name, type_)


def write(stream: Stream, *events: Any, **options: Any) -> Write:
    """Return a write that appends *events* to *stream*."""
    first = stream.head + 1
    stream.head += len(events)
    rows = [Recorded(i, EPOCH + i, "main", e) for i, e in enumerate(events, first)]
    return Write(stream, rows, **options)


def create(stream: Stream, *events: Any, **options: Any) -> Write:
    """Return a write that creates *stream*, which is running unless told otherwise."""
    options.setdefault("summary", Summary("running"))
    given = events or (ExecutionStarted(stream.type, "f1"),)
    return write(stream, *given, create=True, **options)


def created(log: EventLog, name: str = "one", **options: Any) -> Stream:
    """Create a stream in *log* and return the hold on it."""
    stream = hold(name, kind=options.pop("kind", "execution"))
    log.write([create(stream, **options)])
    return stream


def done(n: Any = 1) -> ActivationCompleted:
    """Return some event."""
    return ActivationCompleted(n)


def seqs(log: EventLog, stream: Stream, **options: Any) -> list[int]:
    """Return the numbers of the events that *log* has of *stream*."""
    assert stream.id is not None
    return [each.seq for each in log.read(stream.id, **options)]


def names(rows: list[StreamRow]) -> list[str]:
    """Return the names in *rows*."""
    return [row.name for row in rows]


def row_of(log: EventLog, stream: Stream) -> StreamRow:
    """Return the row of *stream*, which exists."""
    row = log.find(stream.kind, stream.name)
    assert row is not None
    return row


class _Fixtures:
    @pytest.fixture
    def clock(self) -> Ticker:
        return Ticker()

    @pytest.fixture
    def log(self, open_log: OpenLog, clock: Ticker) -> Iterator[EventLog]:
        opened = open_log(clock=clock)
        yield opened
        opened.close()

    @pytest.fixture
    def other(
        self,
        log: EventLog,  # noqa: ARG002 - it is opened first
        open_log: OpenLog,
        clock: Ticker,
    ) -> Iterator[EventLog]:
        """The same log, opened by another process."""
        opened = open_log(clock=clock)
        yield opened
        opened.close()

    def kill(self, log: Any) -> None:
        """End the process that opened *log*; override if `abandon()` is not it."""
        log.abandon()


class WritingContract(_Fixtures):
    """What `write` does."""

    def test_what_is_written_is_read(self, log: EventLog) -> None:
        """Events come back equal, with number, time and address."""
        stream = created(log)
        log.write(
            [Write(stream, [Recorded(2, EPOCH + 0.000001, "main/é[3]", done(7))])]
        )

        assert stream.id is not None
        assert list(log.read(stream.id, after=1)) == [
            Recorded(2, EPOCH + 0.000001, "main/é[3]", done(7))
        ]

    def test_created_stream_gets_an_id_and_an_epoch(self, log: EventLog) -> None:
        """A hold is complete once its creation is durable."""
        stream = created(log)

        assert stream.id is not None
        assert stream.epoch == row_of(log, stream).epoch >= 1

    def test_ids_differ(self, log: EventLog) -> None:
        """Streams created in one batch and later ones all have ids of their own."""
        batch = [create(hold(f"s{i}")) for i in range(3)]
        log.write(batch)
        later = created(log, "later")

        assert len({w.stream.id for w in batch} | {later.id}) == 4

    def test_create_and_append_in_one_batch(self, log: EventLog) -> None:
        """Appends queue behind the write that creates their stream."""
        stream = hold()
        batch = [
            create(stream),
            write(stream, done(1), done(2)),
            write(stream, done(3)),
        ]
        log.write(batch)

        assert seqs(log, stream) == [1, 2, 3, 4]
        assert row_of(log, stream).head == 4

    def test_many_streams_in_one_batch(self, log: EventLog) -> None:
        """Interleaved appends keep each stream's own order."""
        streams = [hold(f"s{i}") for i in range(50)]
        batch = [create(s) for s in streams]
        batch += [write(s, done(n)) for n in range(20) for s in streams]
        log.write(batch)

        assert all(seqs(log, s) == list(range(1, 22)) for s in streams)

    def test_appends_of_two_in_one_batch(self, log: EventLog) -> None:
        """Of two that have nothing but events to write, both are stored."""
        one, two = created(log, "one"), created(log, "two")
        log.write([write(one, done()), write(two, done())])

        assert seqs(log, one) == seqs(log, two) == [1, 2]

    def test_create_without_events(self, log: EventLog) -> None:
        """A stream may begin empty."""
        stream = hold()
        log.write([Write(stream, create=True, summary=Summary("active"))])

        assert row_of(log, stream).head == 0
        assert seqs(log, stream) == []

    def test_empty_batch(self, log: EventLog) -> None:
        """Writing nothing is allowed."""
        log.write([])

        assert log.rows("execution") == []

    def test_head_runs_ahead(self, log: EventLog) -> None:
        """A hold's head may count events that a later batch brings."""
        stream = created(log)
        first, second = write(stream, done(1)), write(stream, done(2))
        log.write([first])
        log.write([second])

        assert seqs(log, stream) == [1, 2, 3]
        assert second.error is None

    def test_taken_name_is_refused(self, log: EventLog) -> None:
        """A second stream of the same kind and name does not come to be."""
        created(log, "one")
        rival = create(hold("one"), done("rival"))
        log.write([rival])

        assert isinstance(rival.error, errors.StreamExistsError)
        assert rival.stream.lost is rival.error
        assert rival.stream.id is None
        assert row_of(log, rival.stream).head == 1

    def test_two_creations_in_one_batch(self, log: EventLog) -> None:
        """The first creation of a name wins, the second is refused."""
        first, second = create(hold("one")), create(hold("one"))
        log.write([first, second])

        assert first.error is None
        assert isinstance(second.error, errors.StreamExistsError)

    def test_appends_of_a_lost_stream_are_refused(self, log: EventLog) -> None:
        """What follows a refused creation, in the batch or later, is refused alike."""
        created(log, "one")
        rival = hold("one")
        batch = [create(rival), write(rival, done(1))]
        log.write(batch)
        later = write(rival, done(2))
        log.write([later])

        assert batch[0].error is batch[1].error is later.error is rival.lost
        assert row_of(log, rival).head == 1

    def test_a_lost_hold_stays_lost(self, log: EventLog) -> None:
        """What comes after a refusal is refused, though it would fit by its number."""
        stream = created(log)
        gap = Write(stream, [Recorded(3, EPOCH, "", done("gap"))])
        log.write([gap])
        fits = Write(stream, [Recorded(2, EPOCH, "", done("fits"))])
        log.write([fits])

        assert fits.error is gap.error is stream.lost is not None
        assert seqs(log, stream) == [1]

    def test_same_name_of_another_kind(self, log: EventLog) -> None:
        """Names are unique within their kind only."""
        created(log, "one")
        actor = created(log, "one", kind="actor", summary=Summary("active"))

        assert actor.lost is None
        assert names(log.rows("actor")) == ["one"]

    def test_refused_write_leaves_the_others(self, log: EventLog) -> None:
        """One write's refusal does not keep its batch from being stored."""
        stream = created(log, "one")
        good = [write(stream, done(1)), create(hold("two"))]
        log.write([good[0], create(hold("one")), good[1]])

        assert [each.error for each in good] == [None, None]
        assert names(log.rows("execution")) == ["two", "one"]
        assert seqs(log, stream) == [1, 2]

    def test_refused_write_is_left_out_whole(self, log: EventLog) -> None:
        """Of a refused write nothing is stored: no event, summary or snapshot."""
        stream = created(log)
        stale = Stream("execution", "one", "flow", stream.id, stream.head, epoch=0)
        refused = write(
            stale, done(1), summary=Summary("failed"), snapshot=Snapshot(2, "f", {})
        )
        log.write([refused])

        assert isinstance(refused.error, errors.FencedError)
        assert row_of(log, stream).status == "running"
        assert stream.id is not None
        assert log.snapshot(stream.id) is None
        assert seqs(log, stream) == [1]

    def test_wrong_head_is_fenced(self, log: EventLog) -> None:
        """A hold that does not know the last event may not append."""
        stream = created(log)
        log.write([write(stream, done(1))])
        behind = Stream("execution", "one", "flow", stream.id, 1, stream.epoch)
        ahead = Stream("execution", "one", "flow", stream.id, 5, stream.epoch)
        batch = [write(behind, done("x")), write(ahead, done("y"))]
        log.write(batch)

        assert [type(each.error) for each in batch] == [errors.FencedError] * 2
        assert seqs(log, stream) == [1, 2]

    def test_gap_inside_a_write_is_refused(self, log: EventLog) -> None:
        """Events of one write must be consecutive."""
        stream = created(log)
        gap = [Recorded(n, EPOCH, "", done(n)) for n in (2, 4)]
        refused = Write(stream, gap)
        log.write([refused])

        assert refused.error is not None
        assert seqs(log, stream) == [1]

    def test_creation_begins_with_event_one(self, log: EventLog) -> None:
        """A stream cannot come into being in its middle."""
        refused = Write(hold(), [Recorded(2, EPOCH, "", done())], create=True)
        log.write([refused])

        assert refused.error is not None
        assert log.find("execution", "one") is None

    def test_append_to_nothing_is_refused(self, log: EventLog) -> None:
        """A stream that nobody created takes no events, whoever else writes."""
        refused, good = write(hold("ghost"), done()), write(created(log), done())
        log.write([refused, good])

        assert isinstance(refused.error, errors.StreamNotFoundError)
        assert good.error is None
        assert seqs(log, good.stream) == [1, 2]

    def test_unrecordable_event_is_its_writers_trouble(self, log: EventLog) -> None:
        """A write whose event cannot be encoded is refused; the others are stored."""
        stream, other = created(log, "one"), created(log, "two")
        bad, good = write(stream, object()), write(other, done())
        log.write([bad, good])

        assert isinstance(bad.error, errors.UnrecordableError)
        assert good.error is None
        assert seqs(log, other) == [1, 2]

    def test_unrecordable_summary_is_its_writers_trouble(self, log: EventLog) -> None:
        """A write whose search attributes are no JSON is refused; others are stored."""
        good, summary = create(hold("good")), Summary("a", attributes={"x": object()})
        bad = create(hold("bad"), summary=summary)
        log.write([bad, good])

        assert isinstance(bad.error, errors.UnrecordableError)
        assert names(log.rows("execution")) == ["good"]

    def test_codec_that_is_not_available(
        self, open_log: OpenLog, clock: Ticker
    ) -> None:
        """When payloads cannot be encoded now, nothing is stored, but may be later."""
        keys = _Keys()
        log = open_log(clock=clock, codec=Codec(payload=keys))
        stream = created(log)
        batch = [write(stream, done()), create(hold("two"))]
        keys.there = False
        with pytest.raises(errors.LogUnavailableError):
            log.write(batch)
        keys.there = True

        assert [each.error for each in batch] == [None, None]
        assert names(log.rows("execution")) == ["one"]
        log.write(batch)
        assert seqs(log, stream) == [1, 2]
        log.close()

    def test_huge_and_strange_payloads(self, log: EventLog) -> None:
        """Length, Unicode, control characters and big numbers survive."""
        values = ["x" * 5_000_000, "\0\x1f\u2028😀é", 2**63 - 1, 1e-300, {"": [[]]}]
        stream = created(log)
        log.write([write(stream, *map(done, values))])

        assert stream.id is not None
        read = [each.event.result for each in log.read(stream.id, after=1)]
        assert read == values

    def test_strange_names(self, log: EventLog) -> None:
        """A name may be any text."""
        strange = ["", "a'b\"c", "ü/☃#?%", "-- ; DROP"]
        log.write([create(hold(name)) for name in strange])

        assert {row.name for row in log.rows("execution")} == set(strange)

    def test_a_name_that_is_no_text(self, log: EventLog) -> None:
        """What UTF-8 cannot tell is its writer's trouble; the others are stored."""
        bad, good = create(hold("\ud800")), create(hold("good"))
        log.write([bad, good])

        assert isinstance(bad.error, UnicodeEncodeError)
        assert names(log.rows("execution")) == ["good"]

    def test_unknown_events_are_read(self, open_log: OpenLog, clock: Ticker) -> None:
        """A reader that does not know an event's class still sees that it is there."""
        stream = hold()
        with_class, without = Codec(), Codec()
        with_class.register_event(_Deposited)
        log = open_log(clock=clock, codec=with_class)
        log.write([create(stream, _Deposited(5))])
        reader = open_log(clock=clock, codec=without)

        assert stream.id is not None
        assert [each.event for each in log.read(stream.id)] == [_Deposited(5)]
        assert [each.event for each in reader.read(stream.id)] == [
            UnknownEvent("_Deposited", {"amount": 5})
        ]
        log.close()
        reader.close()


class SummaryContract(_Fixtures):
    """What a stream's row says."""

    def test_summary_of_a_creation(self, log: EventLog) -> None:
        """The row begins with what the creating write says."""
        summary = Summary("paused", EPOCH + 5, [{"topic": "t"}], {"a": 1}, "f1")
        row = row_of(log, created(log, summary=summary))

        assert (row.status, row.wake_at, row.fingerprint) == ("paused", EPOCH + 5, "f1")
        assert list(row.waits) == [{"topic": "t"}]
        assert row.attributes == {"a": 1}
        assert (row.created_at, row.updated_at, row.type) == (EPOCH, EPOCH, "flow")

    def test_summary_replaces(self, log: EventLog, clock: Ticker) -> None:
        """A later summary replaces status, wake time and waits."""
        stream = created(log, summary=Summary("suspended", EPOCH, [{"a": 1}]))
        clock.advance(3)
        log.write([write(stream, done(), summary=Summary("running"))])
        row = row_of(log, stream)

        assert (row.status, row.wake_at, list(row.waits)) == ("running", None, [])
        assert (row.created_at, row.updated_at) == (EPOCH, EPOCH + 3)

    def test_absent_parts_stay(self, log: EventLog) -> None:
        """Attributes and fingerprint stay as they are until given anew."""
        stream = created(
            log, summary=Summary("a", attributes={"x": 1}, fingerprint="f")
        )
        log.write([write(stream, done(), summary=Summary("b"))])
        row = row_of(log, stream)

        assert (row.attributes, row.fingerprint) == ({"x": 1}, "f")

    def test_attributes_are_replaced(self, log: EventLog) -> None:
        """New attributes take the place of all the old ones."""
        stream = created(log, summary=Summary("a", attributes={"x": 1}))
        log.write([write(stream, done(), summary=Summary("a", attributes={"y": 2}))])

        assert row_of(log, stream).attributes == {"y": 2}

    def test_summaries_of_one_batch_add_up(self, log: EventLog) -> None:
        """Several summaries of a batch leave what one by one would have left."""
        stream = hold()
        batch = [
            create(stream, summary=Summary("a", attributes={"x": 1}, fingerprint="f")),
            write(stream, done(), summary=Summary("b", EPOCH)),
            write(stream, done()),
        ]
        log.write(batch)
        row = row_of(log, stream)

        assert (row.status, row.wake_at, row.head) == ("b", EPOCH, 3)
        assert (row.attributes, row.fingerprint) == ({"x": 1}, "f")

    def test_write_without_summary(self, log: EventLog, clock: Ticker) -> None:
        """Events alone move the head and the time of the row, nothing else."""
        stream = created(log, summary=Summary("suspended", EPOCH + 9))
        clock.advance(1)
        log.write([write(stream, done())])
        row = row_of(log, stream)

        assert (row.head, row.status, row.wake_at) == (2, "suspended", EPOCH + 9)
        assert row.updated_at == EPOCH + 1

    def test_summary_without_events(self, log: EventLog) -> None:
        """A row may change though nothing happened."""
        stream = created(log)
        log.write([Write(stream, summary=Summary("suspended"))])

        assert row_of(log, stream).status == "suspended"
        assert seqs(log, stream) == [1]


class SnapshotContract(_Fixtures):
    """Stored checkpoints."""

    def test_newest_snapshot(self, log: EventLog) -> None:
        """The newest is returned, or the newest at or before a given event."""
        stream = created(log)
        for n in (2, 3, 4):
            log.write([write(stream, done(), snapshot=Snapshot(n, f"v{n}", {"n": n}))])

        assert stream.id is not None
        assert log.snapshot(stream.id) == Snapshot(4, "v4", {"n": 4})
        assert log.snapshot(stream.id, until=3) == Snapshot(3, "v3", {"n": 3})
        assert log.snapshot(stream.id, until=1) is None

    def test_snapshots_do_not_pile_up(self, log: EventLog) -> None:
        """Only a few of the newest are kept: they grow with what they sum up."""
        stream = created(log)
        for n in range(2, 30):
            log.write([write(stream, done(), snapshot=Snapshot(n, "v", n))])

        assert stream.id is not None
        assert log.snapshot(stream.id) == Snapshot(29, "v", 29)
        assert log.snapshot(stream.id, until=9) is None

    def test_no_snapshot(self, log: EventLog) -> None:
        """A stream without snapshots has none."""
        stream = created(log)

        assert stream.id is not None
        assert log.snapshot(stream.id) is None
        assert log.snapshot(10**9) is None

    def test_snapshot_with_a_creation(self, log: EventLog) -> None:
        """A fork may begin with a checkpoint."""
        stream = created(log, snapshot=Snapshot(1, "v", [1]))

        assert stream.id is not None
        assert log.snapshot(stream.id) == Snapshot(1, "v", [1])

    def test_snapshot_replaces(self, log: EventLog) -> None:
        """A snapshot of the same event takes the place of the one before."""
        stream = created(log, snapshot=Snapshot(1, "old", 1))
        log.write([Write(stream, snapshot=Snapshot(1, "new", 2))])

        assert stream.id is not None
        assert log.snapshot(stream.id) == Snapshot(1, "new", 2)

    def test_unwritable_snapshot_is_left_out(self, log: EventLog) -> None:
        """A snapshot only saves time, so it never costs its events."""
        stream, other = created(log), created(log, "two")
        bad, good = Snapshot(2, "v", object()), Snapshot(2, "v", {"good": 1})
        batch = [
            write(stream, done(), snapshot=bad),
            write(other, done(), snapshot=good),
        ]
        log.write(batch)

        assert [each.error for each in batch] == [None, None]
        assert seqs(log, stream) == [1, 2]
        assert [log.snapshot(each.id or 0) for each in (stream, other)] == [None, good]


class OwnershipContract(_Fixtures):
    """Who may write: claims, leases, fencing."""

    def test_creator_owns(self, log: EventLog) -> None:
        """Who creates a stream owns it."""
        assert row_of(log, created(log)).owner == log.owner.id

    def test_owners_differ(self, log: EventLog, other: EventLog) -> None:
        """Each opening is an owner of its own."""
        assert log.owner.id != other.owner.id

    def test_release(self, log: EventLog, other: EventLog) -> None:
        """A released stream has no owner and may be claimed."""
        stream = created(log)
        log.write([write(stream, done(), release=True)])

        assert row_of(log, stream).owner is None
        assert other.claim("execution", "one").head == 2

    def test_release_before_the_end_of_a_batch(self, log: EventLog) -> None:
        """Who lets go of a stream does not own it again by writing to it."""
        stream = created(log)
        log.write([write(stream, done(), release=True), write(stream, done())])

        assert row_of(log, stream).owner is None
        assert seqs(log, stream) == [1, 2, 3]

    def test_two_owners_write_at_once(self, log: EventLog, other: EventLog) -> None:
        """Two processes that write at the same time wait for each other."""
        failures: list[Exception] = []

        def work(log: EventLog, name: str) -> None:
            try:
                stream = created(log, name)
                for n in range(100):
                    log.write([write(stream, done(n))])
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)

        threads = [
            threading.Thread(target=work, args=each)
            for each in ((log, "mine"), (other, "theirs"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert [row.head for row in log.rows("execution")] == [101, 101]

    def test_claim_of_a_live_owner(self, log: EventLog, other: EventLog) -> None:
        """What a live owner holds cannot be claimed."""
        created(log)

        with pytest.raises(errors.OwnedError) as caught:
            other.claim("execution", "one")

        assert caught.value.owner == log.owner.label

    def test_claim_of_nothing(self, log: EventLog) -> None:
        """Only what exists can be claimed."""
        with pytest.raises(errors.StreamNotFoundError):
            log.claim("execution", "ghost")

    def test_claim_raises_the_epoch(self, log: EventLog) -> None:
        """Every claim, one's own too, makes a hold that outranks those before."""
        before = created(log)
        after = log.claim("execution", "one")
        assert (after.id, after.head, after.type) == (before.id, 1, "flow")
        assert after.epoch > before.epoch

        batch = [write(before, done("old")), write(after, done("new"))]
        log.write(batch)

        assert isinstance(batch[0].error, errors.FencedError)
        assert batch[1].error is None

    def test_a_claimed_stream_takes_one_write_after_another(
        self, log: EventLog, other: EventLog
    ) -> None:
        """Whoever has claimed it owns it, not only once."""
        log.write([write(created(log), release=True)])
        stream = other.claim("execution", "one")
        for _ in range(2):
            mine = write(stream, done(), summary=Summary("busy"))
            other.write([mine])
            assert mine.error is None
        assert (seqs(other, stream), stream.epoch) == ([1, 2, 3], 2)

    def test_a_stale_hold_is_fenced_when_it_writes_alone(self, log: EventLog) -> None:
        """Be it one event of which nobody else knows; and wherever it thinks to be."""
        before = created(log)
        after = log.claim("execution", "one")
        stale = write(before, done("old"))
        log.write([stale])
        late = Write(after, [Recorded(3, EPOCH, "", done("gap"))])
        log.write([late])

        assert isinstance(stale.error, errors.FencedError)
        assert isinstance(late.error, errors.FencedError)
        assert seqs(log, after) == [1]

    @pytest.mark.parametrize("seq", [1, 2, 3, 5, 6])
    def test_an_append_that_does_not_follow_is_fenced(
        self, log: EventLog, seq: int
    ) -> None:
        """However far from the end of the stream it is, and though it comes alone."""
        stream = created(log)
        log.write([write(stream, done(), done())])
        wrong = Write(stream, [Recorded(seq, EPOCH, "", done("wrong"))])
        log.write([wrong])

        assert isinstance(wrong.error, errors.FencedError)
        assert seqs(log, stream) == [1, 2, 3]

    def test_killed_owner_is_replaced_when_its_lease_has_run_out(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """A dead process holds its streams no longer than its lease."""
        dead = open_log(clock=clock, lease=10.0)
        created(dead)
        self.kill(dead)
        clock.advance(10.5)

        assert log.claim("execution", "one").epoch > 1

    def test_silent_owner_is_fenced(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """An owner that stopped renewing loses its streams and cannot write to them."""
        silent = open_log(clock=clock, lease=10.0)
        stream = created(silent)
        clock.advance(11.0)
        log.renew()
        claimed = log.claim("execution", "one")
        stale = write(stream, done("stale"), summary=Summary("failed"))
        silent.write([stale])
        log.write([write(claimed, done("fresh"))])

        assert isinstance(stale.error, errors.FencedError)
        assert stream.lost is stale.error
        assert row_of(log, claimed).status == "running"
        assert stream.id is not None
        assert [e.event for e in log.read(stream.id, after=1)] == [done("fresh")]
        silent.close()

    def test_renewed_lease_holds(
        self, log: EventLog, other: EventLog, clock: Ticker
    ) -> None:
        """Renewing in time keeps a lease for ever."""
        created(log)
        for _ in range(5):
            clock.advance(6.0)
            log.renew()

        with pytest.raises(errors.OwnedError):
            other.claim("execution", "one")

    def test_an_owner_learns_that_it_was_late(
        self, log: EventLog, clock: Ticker
    ) -> None:
        """Others may have taken its streams, so it has to look."""
        in_time = log.renew()
        clock.advance(100.0)

        assert (in_time, log.renew(), log.renew()) == (False, True, False)

    def test_a_lease_ends_at_its_last_moment(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """From the same moment on others may take over, and the owner has to look."""
        owner = open_log(clock=clock, lease=10.0)
        created(owner)
        clock.advance(10.0)

        assert log.claim("execution", "one").epoch > 1
        assert owner.renew()
        owner.close()

    def test_late_owner_that_nobody_missed(self, log: EventLog, clock: Ticker) -> None:
        """An owner whose lease ran out may go on if nobody has claimed its stream."""
        stream = created(log)
        clock.advance(100.0)
        late = write(stream, done())
        log.write([late])
        log.renew()

        assert late.error is None
        assert row_of(log, stream).owner == log.owner.id

    def test_nobody_is_dead_to_himself(self, log: EventLog, clock: Ticker) -> None:
        """An owner that is late with its lease does not find its own streams free."""
        stream = created(log, summary=Summary("running", EPOCH))
        log.post("execution", "one", "signal", {})
        clock.advance(100.0)

        assert log.due("execution", ALL, now=clock(), limit=9) == []
        assert log.next_wake("execution", ALL) is None
        assert log.claim_abandoned("execution", ALL, status="running", limit=9) == []
        assert [row.name for row in log.inbox()] == ["one"]
        assert row_of(log, stream).epoch == stream.epoch

    def test_what_was_given_up_is_found(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """Streams of one who left, and of a dead one, are abandoned alike."""
        leaving, dead = open_log(clock=clock), open_log(clock=clock)
        created(leaving, "left")
        for name in ("claimed", "other"):
            created(dead, name)
        leaving.close()
        self.kill(dead)
        clock.advance(100.0)
        log.claim("execution", "claimed")
        found = log.claim_abandoned("execution", ALL, status="running", limit=9)

        assert names(found) == ["left", "other"]

    def test_close_gives_up_everything(
        self, other: EventLog, open_log: OpenLog
    ) -> None:
        """Closing releases every stream at once, and may be repeated."""
        leaving = open_log()
        stream = created(leaving)
        leaving.close()
        leaving.close()

        assert row_of(other, stream).owner is None
        assert other.claim("execution", "one").head == 1

    def test_closed_log_refuses(self, open_log: OpenLog) -> None:
        """After closing, every use says that the log is closed, who else may use it."""
        log, other = open_log(), open_log()
        log.close()

        with pytest.raises(errors.LogUnavailableError):
            log.write([create(hold())])
        with pytest.raises(errors.LogUnavailableError):
            log.find("execution", "one")
        with pytest.raises(errors.LogUnavailableError):
            log.renew()
        other.close()

    def test_claim_abandoned(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """What the dead left is claimed, by status, and now belongs to the claimer."""
        dead = open_log(clock=clock)
        stream = created(dead, "running")
        created(dead, "ended", summary=Summary("completed"))
        created(dead, "an actor", kind="actor")
        created(log, "mine")
        self.kill(dead)
        clock.advance(100.0)
        log.renew()
        rows = log.claim_abandoned("execution", ALL, status="running", limit=10)

        assert names(rows) == ["running"]
        assert (rows[0].owner, rows[0].epoch) == (log.owner.id, stream.epoch + 1)
        assert log.claim_abandoned("execution", ALL, status="running", limit=10) == []

    def test_claimed_rows_can_be_written(self, log: EventLog) -> None:
        """The row of a claimed stream is a hold on it."""
        log.write([create(hold(), release=True)])
        (row,) = log.claim_abandoned("execution", ALL, status="running", limit=1)
        stream = Stream(row.kind, row.name, row.type, row.id, row.head, row.epoch)
        append = write(stream, done())
        log.write([append])

        assert append.error is None

    def test_claim_abandoned_leaves_live_ones(
        self, log: EventLog, other: EventLog
    ) -> None:
        """What a live process owns is not abandoned."""
        created(log)

        assert other.claim_abandoned("execution", ALL, status="running", limit=10) == []

    def test_claim_abandoned_in_portions(self, log: EventLog) -> None:
        """The oldest come first, no more than asked for."""
        log.write([create(hold(f"s{i}"), release=True) for i in range(5)])
        portions = [
            names(log.claim_abandoned("execution", ALL, status="running", limit=2))
            for _ in range(4)
        ]

        assert portions == [["s0", "s1"], ["s2", "s3"], ["s4"], []]

    def test_two_claimers_share(self, log: EventLog, other: EventLog) -> None:
        """No stream is claimed by two live processes."""
        log.write([create(hold(f"s{i}"), release=True) for i in range(4)])
        mine = log.claim_abandoned("execution", ALL, status="running", limit=2)
        theirs = other.claim_abandoned("execution", ALL, status="running", limit=9)

        assert sorted(names(mine + theirs)) == ["s0", "s1", "s2", "s3"]


class InboxContract(_Fixtures):
    """Commands from processes that do not own the stream."""

    def test_order(self, log: EventLog, other: EventLog) -> None:
        """Commands arrive in the order of posting, whole."""
        created(log)
        ids = [other.post("execution", "one", "signal", {"n": n}) for n in range(3)]
        rows = log.inbox()

        assert [row.id for row in rows] == ids == sorted(ids, key=lambda i: i or 0)
        assert [row.data for row in rows] == [{"n": n} for n in range(3)]
        assert {(r.kind, r.name, r.command, r.key, r.posted_at) for r in rows} == {
            ("execution", "one", "signal", None, EPOCH)
        }

    def test_pages(self, log: EventLog) -> None:
        """The inbox is read in portions after an id."""
        created(log)
        ids = [log.post("execution", "one", "signal", {}) for _ in range(3)]

        assert [r.id for r in log.inbox(limit=2)] == ids[:2]
        assert [r.id for r in log.inbox(after=ids[1] or 0)] == ids[2:]

    def test_known_key(self, log: EventLog) -> None:
        """A command whose key waits in the inbox already is not stored again."""
        created(log, "one")
        created(log, "two")

        assert log.post("execution", "one", "signal", {"n": 1}, key="k") is not None
        assert log.post("execution", "one", "signal", {"n": 2}, key="k") is None
        assert log.post("execution", "two", "signal", {"n": 3}, key="k") is not None
        assert [row.data["n"] for row in log.inbox()] == [1, 3]

    def test_post_to_nothing(self, log: EventLog) -> None:
        """A command needs a stream."""
        with pytest.raises(errors.StreamNotFoundError):
            log.post("execution", "ghost", "signal", {})

    def test_consumed_with_the_events(self, log: EventLog) -> None:
        """A consumed command goes with the write that records it."""
        stream = created(log)
        first = log.post("execution", "one", "signal", {})
        second = log.post("execution", "one", "signal", {})
        assert first is not None
        log.write([write(stream, done(), consumed=[first])])

        assert [row.id for row in log.inbox()] == [second]

    def test_refused_write_consumes_nothing(self, log: EventLog) -> None:
        """A command whose recording was refused is still there."""
        stream = created(log)
        posted = log.post("execution", "one", "signal", {})
        log.claim("execution", "one")
        assert posted is not None
        log.write([write(stream, done(), consumed=[posted])])

        assert [row.id for row in log.inbox()] == [posted]

    def test_posted_with_the_events(self, log: EventLog) -> None:
        """A write may leave commands for other streams, in their order."""
        one, two = created(log, "one"), created(log, "two")
        posts = [Post("execution", "two", "signal", {"n": n}) for n in range(3)]
        log.write([write(one, done(), posts=posts)])

        assert [(row.name, row.data["n"]) for row in log.inbox()] == [
            ("two", 0),
            ("two", 1),
            ("two", 2),
        ]
        assert seqs(log, two) == [1]

    def test_posted_to_what_the_batch_creates(self, log: EventLog) -> None:
        """A stream that comes into being in the same transaction is there."""
        one = created(log, "one")
        post = Post("execution", "new", "signal", {})
        log.write([write(one, done(), posts=[post]), create(hold("new"))])

        assert [row.name for row in log.inbox()] == ["new"]

    def test_posted_to_nobody(self, log: EventLog) -> None:
        """A command for a stream that does not exist is dropped."""
        one = created(log, "one")
        post = Post("execution", "nobody", "signal", {})
        log.write([write(one, done(), posts=[post])])

        assert log.inbox() == []
        assert seqs(log, one) == [1, 2]

    def test_posted_twice_under_one_key(self, log: EventLog) -> None:
        """A key that waits already is not posted again."""
        one = created(log, "one")
        posts = [Post("execution", "one", "signal", {"n": n}, "k") for n in range(2)]
        log.write([write(one, done(), posts=posts)])

        assert [row.data["n"] for row in log.inbox()] == [0]

    def test_refused_write_posts_nothing(self, log: EventLog) -> None:
        """What was not recorded tells nobody."""
        one, two = created(log, "one"), created(log, "two")
        two.head = 7
        post = Post("execution", "one", "signal", {})
        log.write([write(two, done(), posts=[post])])

        assert isinstance(two.lost, errors.FencedError)
        assert log.inbox() == []
        assert one.lost is None

    def test_ids_are_not_used_again(self, log: EventLog) -> None:
        """A new command never gets the id of a consumed one."""
        stream = created(log)
        first = log.post("execution", "one", "signal", {})
        assert first is not None
        log.write([Write(stream, consumed=[first])])

        assert (log.post("execution", "one", "signal", {}) or 0) > first

    def test_only_for_ones_own(self, log: EventLog, other: EventLog) -> None:
        """Commands for what another live process owns are not shown."""
        created(log, "mine")
        created(other, "theirs")
        log.post("execution", "mine", "signal", {})
        log.post("execution", "theirs", "signal", {})

        assert [row.name for row in log.inbox()] == ["mine"]
        assert [row.name for row in other.inbox()] == ["theirs"]
        for each in (log, other):
            assert [row.name for row in each.inbox(everyone=True)] == ["mine", "theirs"]
        assert [r.name for r in log.inbox(after=1, everyone=True)] == ["theirs"]
        assert [r.name for r in log.inbox(limit=1, everyone=True)] == ["mine"]

    def test_for_what_nobody_owns(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """Commands for released streams and for those of the dead are shown."""
        dead = open_log(clock=clock)
        created(dead, "orphan")
        log.write([create(hold("released"), release=True)])
        for name in ("orphan", "released"):
            log.post("execution", name, "signal", {})
        self.kill(dead)
        clock.advance(100.0)
        log.renew()

        assert [row.name for row in log.inbox()] == ["orphan", "released"]

    def test_changed(self, log: EventLog, other: EventLog) -> None:
        """Others' commits are noticed once, one's own never."""
        log.changed()
        created(log)
        assert not log.changed()
        other.post("execution", "one", "signal", {})

        assert log.changed()
        assert not log.changed()

    @pytest.mark.parametrize(
        "change",
        [
            lambda log: created(log, "new"),
            lambda log: log.post("execution", "free", "signal", {}),
            lambda log: log.claim("execution", "free"),
            lambda log: log.claim_abandoned("execution", ALL, status="queued", limit=1),
            lambda log: log.claim_queued("execution", ALL, limit=1),
            lambda log: log.delete("execution", ["free"], reason="test"),
            lambda log: log.close(),
        ],
        ids=["write", "post", "claim", "abandoned", "queued", "delete", "close"],
    )
    def test_every_change_is_noticed(
        self, log: EventLog, other: EventLog, change: Callable[[EventLog], object]
    ) -> None:
        """Whatever another does that may concern somebody, once."""
        summary = Summary("queued", rank=1.0)
        log.write([create(hold("free"), summary=summary, release=True)])
        log.changed()
        change(other)

        assert log.changed()
        assert not log.changed()

    def test_a_look_is_no_change(self, log: EventLog, other: EventLog) -> None:
        """Who has found nothing to do, or was refused, has not disturbed anybody."""
        stream = created(log)
        log.post("execution", "one", "signal", {}, key="k")
        log.changed()
        other.claim_abandoned("execution", ALL, status="running", limit=1)
        other.claim_queued("execution", ALL, limit=1)
        other.delete("execution", ["one"], reason="test")
        other.write([write(Stream("execution", "one", "flow", stream.id, 1), done())])
        other.post("execution", "one", "signal", {}, key="k")
        other.rows("execution")
        other.inbox()

        assert not log.changed()


class ReadingContract(_Fixtures):
    """Reading, listing, waking."""

    def test_bounds(self, log: EventLog) -> None:
        """Reading starts after one number and ends with another."""
        stream = created(log)
        log.write([write(stream, *map(done, range(9)))])

        assert seqs(log, stream, after=3, until=6) == [4, 5, 6]
        assert seqs(log, stream, after=8) == [9, 10]
        assert seqs(log, stream, until=2) == [1, 2]
        assert seqs(log, stream, after=10) == seqs(log, stream, until=0) == []
        assert seqs(log, stream, until=99) == list(range(1, 11))

    def test_unknown_stream(self, log: EventLog) -> None:
        """A stream nobody wrote to has no events and no row."""
        assert list(log.read(10**9)) == []
        assert log.find("execution", "nobody") is None

    def test_follow(self, log: EventLog, other: EventLog) -> None:
        """Events of all streams of a kind come in the order of commit, page by page."""
        one, actor = created(log, "one"), created(log, "an actor", kind="actor")
        two = created(other, "two")
        log.write([write(one, done(1)), write(actor, done(2))])
        other.write([write(two, done(3))])
        pages, after = [], 0
        while page := log.follow("execution", after=after, limit=2):
            assert len(page) <= 2
            pages += [(each.name, each.recorded.seq) for each in page]
            after = page[-1].position

        assert pages == [("one", 1), ("two", 1), ("one", 2), ("two", 2)]
        assert {each.kind for each in log.follow("actor")} == {"actor"}

    def test_follow_from_the_end(self, log: EventLog) -> None:
        """Who begins at the end is told what comes after, and nothing else."""
        assert log.end() == 0
        stream = created(log)
        end = log.end()
        assert log.follow("execution", after=end) == []
        log.write([write(stream, done("late"))])
        (followed,) = log.follow("execution", after=end)

        assert followed.recorded.event == done("late")
        assert followed.position == log.end() > end

    def test_stream_without_events(self, log: EventLog) -> None:
        """A stream may be nothing but its row, which is kept and claimed like any."""
        stream = hold("cursor", kind="subscriber")
        for position in (3, 5):
            summary = Summary("active", attributes={"position": position})
            log.write([Write(stream, summary=summary, create=position == 3)])
        row = log.find("subscriber", "cursor")

        assert stream.lost is None
        assert row is not None
        assert (row.head, row.attributes) == (0, {"position": 5})
        assert log.claim("subscriber", "cursor").head == log.end() == 0

    def test_long_stream(self, log: EventLog) -> None:
        """A long stream is read whole and in order."""
        stream = created(log)
        log.write([write(stream, *map(done, range(4_321)))])

        assert seqs(log, stream) == list(range(1, 4_323))

    def test_bounds_of_pages(self, log: EventLog) -> None:
        """A stream may end where a page of whatever length does."""
        stream = created(log)
        log.write([write(stream, *map(done, range(999)))])

        for until in (None, 999, 1_000, 1_001, 5_000):
            expected = list(range(1, min(until or 1_000, 1_000) + 1))
            assert seqs(log, stream, until=until) == expected

    def test_reading_while_writing(self, log: EventLog) -> None:
        """A reader that has begun is not disturbed by appends, nor holds them up."""
        stream = created(log)
        log.write([write(stream, *map(done, range(2_500)))])
        assert stream.id is not None
        reader = log.read(stream.id)
        begun = [next(reader).seq for _ in range(3)]
        log.write([write(stream, done("late"))])
        rest = [each.seq for each in reader]

        assert (begun + rest)[:2_501] == list(range(1, 2_502))

    def test_threads(self, log: EventLog) -> None:
        """Any thread may read while another writes; none sees a gap or half a batch."""
        streams = [created(log, f"s{i}") for i in range(3)]
        seen: list[bool] = []

        def read() -> None:
            for stream in streams * 10:
                numbers = seqs(log, stream)
                seen.append(numbers == list(range(1, len(numbers) + 1)))
                seen.append(len(numbers) % 10 == 1)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            log.write([write(s, *map(done, range(10))) for s in streams])
        for thread in threads:
            thread.join()

        assert len(seen) == 180
        assert all(seen)

    def test_rows_newest_first(self, log: EventLog, clock: Ticker) -> None:
        """Lists show the newest first; of the same moment, the last created."""
        log.write([create(hold("a")), create(hold("b"))])
        clock.advance(1)
        created(log, "c")

        assert names(log.rows("execution")) == ["c", "b", "a"]

    def test_a_clock_that_is_set_back(self, log: EventLog, clock: Ticker) -> None:
        """Lists go by the time that was told, and miss nothing."""
        for name, attributes in (("a", {"k": 1}), ("b", {"k": 1}), ("c", {})):
            created(log, name, summary=Summary("s", attributes=attributes))
            clock.advance(-5)

        assert names(log.rows("execution")) == ["a", "b", "c"]
        assert {*names(log.rows("execution", where={"k": 1}))} == {"a", "b"}
        for where in ({}, {"k": 1}):
            found: list[StreamRow] = []
            while page := log.rows(
                "execution",
                where=where,
                limit=1,
                before=(found[-1].created_at, found[-1].id) if found else None,
            ):
                found += page
            assert len({*names(found)}) == len(found) == (2 if where else 3)

    def test_rows_filters(self, log: EventLog) -> None:
        """Filters are joined by AND; several statuses by OR."""
        for name, type_, status in (
            ("a", "x", "running"), ("b", "y", "running"), ("c", "x", "failed"),
        ):  # fmt: skip
            stream = hold(name, type_=type_)
            log.write([create(stream, summary=Summary(status))])
        created(log, "d", kind="actor")

        assert names(log.rows("execution", status="running")) == ["b", "a"]
        assert names(log.rows("execution", status=["running", "failed"])) == list("cba")
        assert names(log.rows("execution", status=[])) == []
        assert names(log.rows("execution", status="running, failed")) == []
        assert names(log.rows("execution", type="x", status="running")) == ["a"]
        assert names(log.rows("actor")) == ["d"]

    def test_parents_of_the_unknown(self, log: EventLog) -> None:
        """Those are told whose children, at work still, are of other types."""
        statuses = {"a": "suspended", "b": "completed", "c": "running"}
        for name, status in statuses.items():
            child = hold(f"child of {name}", type_="low" if name != "c" else "known")
            child.parent = name
            created(log, name)
            log.write([create(child, summary=Summary(status))])

        assert log.parents("execution", ["flow", "known"]) == ["a"]
        assert log.parents("execution", ["flow"]) == ["a", "c"]

    def test_rows_of_a_parent(self, log: EventLog) -> None:
        """A stream may be listed with others of the same parent."""
        child = hold("child")
        child.parent = "one"
        created(log, "one")
        log.write([create(child)])

        assert names(log.rows("execution", parent="one")) == ["child"]
        assert row_of(log, child).parent == "one"
        assert log.rows("execution", parent="child") == []

    def test_rows_by_attributes(self, log: EventLog) -> None:
        """Search attributes match by JSON equality: true is not 1, 1 is 1.0."""
        key = "a.b\"'[0] é"
        values: list[Any] = [1, 1.5, True, None, "1", "é'"]
        for n, value in enumerate(values):
            summary = Summary("running", attributes={key: value, "n": n})
            created(log, str(n), summary=summary)

        found = [names(log.rows("execution", where={key: value})) for value in values]
        assert found == [[str(n)] for n in range(len(values))]
        assert names(log.rows("execution", where={key: 1.0})) == ["0"]
        assert names(log.rows("execution", where={key: 1, "n": 1})) == []
        assert names(log.rows("execution", where={"absent": None})) == []

    @pytest.mark.parametrize("value", [[1], {"a": 1}], ids=["list", "dict"])
    def test_rows_by_what_is_no_scalar(self, log: EventLog, value: Any) -> None:
        """Search attributes are compared with single values only."""
        created(log, summary=Summary("running", attributes={"k": [1]}))

        with pytest.raises(TypeError, match="'k'"):
            log.rows("execution", where={"k": value})

    def test_rows_in_pages(self, log: EventLog, clock: Ticker) -> None:
        """Pages follow on one another without doubles, whatever is created between."""
        for n in range(7):
            created(log, str(n))
            clock.advance(n % 2)
        page = log.rows("execution", limit=3)
        found = names(page)
        created(log, "new")
        while page:
            last = page[-1]
            page = log.rows("execution", limit=3, before=(last.created_at, last.id))
            found += names(page)

        assert found == list("6543210")

    def test_filters_of_time(self, log: EventLog, clock: Ticker) -> None:
        """Rows are found by when they were created, and last written."""
        streams = []
        for n in range(4):
            streams.append(created(log, str(n)))
            clock.advance(10)
        log.write([write(streams[0], done())])

        assert names(log.rows("execution", since=EPOCH + 10)) == ["3", "2", "1"]
        assert names(log.rows("execution", until=EPOCH + 20)) == ["1", "0"]
        assert names(log.rows("execution", quiet_since=EPOCH + 20)) == ["2", "1"]

    def test_several_statuses_in_pages(self, log: EventLog, clock: Ticker) -> None:
        """Pages of several statuses are as those of all: in order, without doubles."""
        for n in range(9):
            created(log, str(n), summary=Summary(["a", "b", "c"][n % 3]))
            clock.advance(n % 2)
        found: list[StreamRow] = []
        while True:
            before = (found[-1].created_at, found[-1].id) if found else None
            page = log.rows("execution", status=["a", "c", "a"], before=before, limit=2)
            found += page
            if not page:
                break

        assert names(found) == ["8", "6", "5", "3", "2", "0"]

    def test_pages_of_an_attribute(self, log: EventLog, clock: Ticker) -> None:
        """Pages of what has an attribute follow on one another, newest first."""
        for n in range(9):
            summary = Summary("s", attributes={"even": n % 2 == 0, "n": n})
            created(log, str(n), summary=summary)
            clock.advance(n % 3)
        first = log.rows("execution", where={"even": True}, limit=3)
        last = first[-1]
        rest = log.rows(
            "execution", where={"even": True}, before=(last.created_at, last.id)
        )

        assert names(first + rest) == ["8", "6", "4", "2", "0"]
        assert names(log.rows("execution", where={"even": True, "n": 4})) == ["4"]
        assert log.rows("execution", where={"even": True}, status="other") == []

    def test_attributes_change(self, log: EventLog) -> None:
        """What is found is what the attributes are now."""
        stream = created(log, summary=Summary("s", attributes={"k": "old", "l": 1}))
        log.write(
            [write(stream, done(), summary=Summary("s", attributes={"k": "é\n"}))]
        )
        log.write([write(stream, done(), summary=Summary("t"))])

        assert log.rows("execution", where={"k": "old"}) == []
        assert log.rows("execution", where={"l": 1}) == []
        assert names(log.rows("execution", where={"k": "é\n"})) == ["one"]

    def test_count(self, log: EventLog, clock: Ticker) -> None:
        """Everything that can be listed can be counted."""
        for n in range(9):
            summary = Summary(["a", "b", "c"][n % 3], attributes={"even": n % 2 == 0})
            created(log, str(n), summary=summary)
            clock.advance(1)

        assert log.count("execution") == 9
        assert log.count("actor") == 0
        assert log.count("execution", status=["a", "b"]) == 6
        assert log.count("execution", status="a", where={"even": True}) == 2
        assert log.count("execution", type="flow", since=EPOCH + 7) == 2
        assert log.count("execution", type="other") == 0

    def test_delete(self, log: EventLog) -> None:
        """A deleted stream is gone with all that was its own; others stay."""
        stream = created(log, summary=Summary("s", attributes={"k": 1}))
        other = created(log, "other", summary=Summary("s", attributes={"k": 1}))
        created(log, "one", kind="actor")
        log.write([write(stream, done(), snapshot=Snapshot(2, "v", {}))])
        log.post("execution", "one", "signal", {})
        deleted = log.delete("execution", ["one", "nobody"], reason="test")

        assert deleted == ["one"]
        assert log.find("execution", "one") is None
        assert names(log.rows("execution", where={"k": 1})) == ["other"]
        assert (log.inbox(), log.count("actor")) == ([], 1)
        assert stream.id is not None
        assert list(log.read(stream.id)) == []
        assert log.snapshot(stream.id) is None
        late = write(stream, done())
        log.write([late, write(other, done())])
        assert isinstance(late.error, errors.StreamNotFoundError)
        assert seqs(log, other) == [1, 2]

    def test_name_of_a_deleted_stream(self, log: EventLog) -> None:
        """The name of a deleted stream is free; what comes under it is another."""
        stream = created(log)
        log.delete("execution", ["one"], reason="test")
        again = created(log)

        assert again.id != stream.id
        assert seqs(log, again) == [1]

    def test_delete_leaves_what_is_owed(self, log: EventLog) -> None:
        """What has a command in the inbox that must be done is not deleted before."""
        for name in ("owing", "done"):
            created(log, name)
        log.post("execution", "owing", "follow_up", {})
        log.post("execution", "done", "signal", {})
        names_ = ["owing", "done"]

        assert log.delete("execution", names_, reason="r", unless=["follow_up"]) == [
            "done"
        ]
        assert [row.name for row in log.inbox()] == ["owing"]

    def test_delete_leaves_what_was_written_since(
        self, log: EventLog, clock: Ticker
    ) -> None:
        """Whoever deletes what is old does not meet what has gone on meanwhile."""
        stream = created(log, "young")
        created(log, "old")
        clock.advance(1)
        log.write([write(stream, done())])
        listed, both = EPOCH, ["old", "young"]

        assert log.delete("execution", both, reason="r", quiet_since=listed - 1) == []
        assert log.delete("execution", both, reason="r", quiet_since=listed) == ["old"]
        assert names(log.rows("execution")) == ["young"]

    def test_delete_leaves_what_others_hold(
        self, log: EventLog, other: EventLog
    ) -> None:
        """What another live process owns is not deleted under its hands."""
        created(log)

        assert other.delete("execution", ["one"], reason="test") == []
        assert names(log.rows("execution")) == ["one"]

    def test_due(self, log: EventLog) -> None:
        """Streams that nobody owns are due in the order of their wake times."""
        for name, wake_at in (("b", 2.0), ("a", 1.0), ("late", 9.0), ("never", None)):
            at = None if wake_at is None else EPOCH + wake_at
            log.write([create(hold(name), release=True, summary=Summary("s", at))])
        created(log, "owned", summary=Summary("s", EPOCH))

        assert names(log.due("execution", ALL, now=EPOCH + 2, limit=9)) == ["a", "b"]
        assert names(log.due("execution", ALL, now=EPOCH + 2, limit=1)) == ["a"]
        assert names(log.due("actor", ALL, now=EPOCH + 2, limit=9)) == []
        assert log.next_wake("execution", ALL) == EPOCH + 1
        assert log.next_wake("actor", ALL) is None

    def test_due_of_the_dead(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """What a dead process would have woken is due too."""
        dead = open_log(clock=clock)
        created(dead, summary=Summary("suspended", EPOCH + 1))
        assert log.next_wake("execution", ALL) is None
        self.kill(dead)
        clock.advance(100)

        assert names(log.due("execution", ALL, now=clock(), limit=9)) == ["one"]
        assert log.next_wake("execution", ALL) == EPOCH + 1

    def test_started_event_comes_back(self, log: EventLog) -> None:
        """An event with many fields comes back equal."""
        event = ActivationStarted("activity", "fetch", input={"args": [1, None, "é"]})
        stream = hold()
        log.write([create(stream, event, ValueEmitted([1.5]))])

        assert stream.id is not None
        assert [each.event for each in log.read(stream.id)] == [
            event,
            ValueEmitted([1.5]),
        ]


class QueueContract(_Fixtures):
    """The queue, and what a process may take from it, and else."""

    def test_lowest_rank_first(self, log: EventLog) -> None:
        """The queue is in order of rank, and of creation where that is equal."""
        for name, rank in (("c", 3.0), ("a", -1.5), ("b", 2.0), ("b2", 2.0)):
            queue(log, name, rank)

        first = log.claim_queued("execution", ALL, limit=3)

        assert names(first) == ["a", "b", "b2"]
        assert [row.rank for row in first] == [-1.5, 2.0, 2.0]
        assert {row.owner for row in first} == {log.owner.id}
        assert names(log.claim_queued("execution", ALL, limit=9)) == ["c"]

    def test_each_is_claimed_once(self, log: EventLog, other: EventLog) -> None:
        """What one process has claimed is not in the queue for another."""
        for n in range(5):
            queue(log, str(n), n)
        mine = log.claim_queued("execution", ALL, limit=2)
        theirs = other.claim_queued("execution", ALL, limit=9)

        assert names(mine + theirs) == list("01234")

    def test_claimed_by_one_who_died(
        self, log: EventLog, open_log: OpenLog, clock: Ticker
    ) -> None:
        """A claim that came to nothing leaves the stream in the queue."""
        dead = open_log(clock=clock)
        queue(log, "one", 1)
        dead.claim_queued("execution", ALL, limit=1)
        assert log.claim_queued("execution", ALL, limit=1) == []
        self.kill(dead)
        clock.advance(100)

        assert names(log.claim_queued("execution", ALL, limit=1)) == ["one"]

    def test_begun_is_out_of_the_queue(self, log: EventLog) -> None:
        """A summary without a rank takes a stream out of the queue; its tags stay."""
        queue(log, "one", 1, tags=["gpu"])
        reach = Reach({"flow": ()}, {"gpu"})
        (row,) = log.claim_queued("execution", reach, limit=1)
        stream = Stream(row.kind, row.name, row.type, row.id, row.head, row.epoch)
        log.write([write(stream, done(), summary=Summary("running"), release=True)])
        after = row_of(log, stream)

        assert log.claim_queued("execution", reach, limit=1) == []
        assert (after.rank, list(after.tags)) == (None, ["gpu"])

    def test_tags(self, log: EventLog) -> None:
        """Only who has all its tags may take a stream; equal sets are equal."""
        for n, tags in enumerate(([], ["gpu"], ["gpu", "eu"], ["eu", "gpu", "eu"])):
            queue(log, str(n), n, tags=tags)

        def waiting(*tags: str) -> list[str]:
            return names(
                log.claim_queued("execution", Reach({"flow": ()}, tags), limit=9)
            )

        assert waiting("eu") == ["0"]
        assert waiting("gpu") == ["1"]
        assert waiting("gpu", "eu", "big") == ["2", "3"]

    @pytest.mark.parametrize(
        ("reach", "covered"),
        [
            (Reach({"flow": ("f1",)}), True),
            (Reach({"flow": ("f0", "f1")}), True),
            (Reach({"flow": ("f2",)}), False),
            (Reach({"flow": ()}), False),
            (Reach({"other": ("f1",)}), False),
            (Reach({}), False),
        ],
    )
    def test_reach(self, log: EventLog, reach: Reach, *, covered: bool) -> None:
        """Only who has the definition takes over, wakes, or begins."""
        summary = Summary("running", EPOCH, fingerprint="f1", rank=1.0)
        log.write([create(hold(), summary=summary, release=True)])
        expected = ["one"] if covered else []

        assert log.next_wake("execution", reach) == (EPOCH if covered else None)
        assert names(log.due("execution", reach, now=EPOCH, limit=9)) == expected
        claims = [
            log.claim_queued("execution", reach, limit=9),
            log.claim_abandoned("execution", reach, status="running", limit=9),
        ]
        assert [row.name for rows in claims for row in rows] == expected

    def test_reach_of_tags(self, log: EventLog) -> None:
        """What is tagged is taken over and woken only where the tags are."""
        summary = Summary("running", EPOCH, tags=["gpu"])
        log.write([create(hold(), summary=summary, release=True)])
        without, having = Reach({"flow": ()}), Reach({"flow": ()}, ["gpu"])

        assert log.next_wake("execution", without) is None
        assert log.due("execution", without, now=EPOCH, limit=9) == []
        assert (
            log.claim_abandoned("execution", without, status="running", limit=9) == []
        )
        assert log.next_wake("execution", having) == EPOCH
        assert names(log.due("execution", having, now=EPOCH, limit=9)) == ["one"]
        assert names(
            log.claim_abandoned("execution", having, status="running", limit=9)
        ) == ["one"]

    def test_foreign_streams_are_not_in_the_way(self, log: EventLog) -> None:
        """However many come first that nobody here knows, ours are found."""
        for n in range(20):
            stream = hold(f"foreign {n}", type_="foreign")
            summary = Summary("running", EPOCH, rank=0.0)
            log.write([create(stream, summary=summary, release=True)])
        queue(log, "ours", 9)

        assert names(log.claim_queued("execution", ALL, limit=1)) == ["ours"]


def queue(log: EventLog, name: str, rank: float, tags: Sequence[str] = ()) -> None:
    """Put a stream into the queue of *log*."""
    summary = Summary("queued", rank=rank, tags=tags)
    log.write([create(hold(name), summary=summary, release=True)])


class EventLogContract(
    WritingContract,
    SummaryContract,
    SnapshotContract,
    OwnershipContract,
    InboxContract,
    QueueContract,
    ReadingContract,
):
    """Everything an event log must do."""
