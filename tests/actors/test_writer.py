"""The log writer: order, group commit, refusals, and a log that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter, WriterThread
from actorflow.errors import FencedError, LogUnavailableError
from actorflow.log.memory import MemoryLog
from actorflow.log.port import Stream, Summary, Write
from actorflow.model.events import Recorded, ValueEmitted
from tests.actors.conftest import PATIENCE, Note


class NotedLog(MemoryLog):
    """A memory log that notes its batches, and fails when told to."""

    def __init__(self) -> None:
        super().__init__(lease=1e9)
        self.batches: list[list[Write]] = []
        self.failing: Exception | None = None
        self.failures = 0

    def write(self, batch: Sequence[Write]) -> None:
        """Fail as often as told; then write, and note it."""
        if self.failing is not None and self.failures:
            self.failures -= 1
            raise self.failing
        super().write(batch)
        self.batches.append(list(batch))


class Book:
    """One stream, and writes to it."""

    def __init__(self, name: str) -> None:
        self.stream = Stream("actor", name, "Book")

    def next(self, count: int = 1) -> Write:
        """Return a write of the next *count* events."""
        head = self.stream.head
        self.stream.head += count
        events = [
            Recorded(head + n, 1.0, "", ValueEmitted(head + n))
            for n in range(1, count + 1)
        ]
        if head:
            return Write(self.stream, events)
        return Write(self.stream, events, summary=Summary("active"), create=True)


@pytest.fixture
def log() -> NotedLog:
    """A log."""
    return NotedLog()


@pytest.fixture
def book() -> Book:
    """A stream."""
    return Book("book")


@pytest.fixture
def errors() -> list[Exception]:
    """What the writer gave up with."""
    return []


@pytest.fixture
def writer(manual: ActorSystem, log: NotedLog, errors: list[Exception]) -> LogWriter:
    """A writer in virtual time."""
    return LogWriter(manual, log, on_failure=errors.append)


def values(log: NotedLog, book: Book) -> list[Any]:
    """Return what is recorded in *book*."""
    row = log.find("actor", book.stream.name)
    return [] if row is None else [each.event.value for each in log.read(row.id)]


def test_what_is_appended_is_written(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """After a flush, it is in the log."""
    writer.append(book.next(3))
    writer.flush()

    assert values(log, book) == [1, 2, 3]


def test_effects_come_after_the_commit(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """When an effect runs, its write can be read."""
    seen: list[Any] = []
    writer.append(book.next(), (lambda: seen.append(values(log, book)),))
    assert seen == []
    writer.flush()

    assert seen == [[1]]


def test_effects_run_in_order(writer: LogWriter, book: Book) -> None:
    """Those of one write as given, those of several as handed in."""
    seen: list[int] = []
    for n in range(0, 30, 3):
        writer.append(book.next(), *((seen.append, n + i) for i in range(3)))
    writer.flush()

    assert seen == list(range(30))


def test_writes_that_gathered_share_a_commit(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """A hundred appends, one transaction."""
    for _ in range(100):
        writer.append(book.next())
    writer.flush()

    assert [len(batch) for batch in log.batches] == [100]


def test_writes_of_several_actors_share_a_commit(
    manual: ActorSystem, dispatcher: ManualDispatcher, writer: LogWriter, log: NotedLog
) -> None:
    """The writer lets everybody who is ready go first."""

    class Author(PooledActor):
        def on_receive(self, message: Book) -> None:
            writer.append(message.next())

    for n in range(50):
        manual.spawn(Author).tell(Book(str(n)))
    dispatcher.run_until_idle()

    assert [len(batch) for batch in log.batches] == [50]


def test_much_is_urgent(
    manual: ActorSystem, dispatcher: ManualDispatcher, log: NotedLog, book: Book
) -> None:
    """With enough events waiting, the writer no longer waits for the others."""
    writer = LogWriter(manual, log, urgent_at=10)
    done = False

    class Endless(PooledActor):
        def on_receive(self, message: str) -> None:
            if not done:
                self.actor_ref.tell(message)

    manual.spawn(Endless).tell("again")
    writer.append(book.next(9))
    for _ in range(20):
        dispatcher.step()
    assert log.batches == []
    writer.append(book.next(1))
    for _ in range(2):
        dispatcher.step()

    assert len(log.batches) == 1
    done = True


def test_an_effect_may_append(writer: LogWriter, log: NotedLog, book: Book) -> None:
    """It goes into the next commit."""
    writer.append(book.next(), (lambda: writer.append(book.next()),))
    writer.flush()
    writer.flush()

    assert values(log, book) == [1, 2]


def test_a_failing_effect_concerns_nobody_else(
    writer: LogWriter, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the next ones run; the writer goes on."""
    seen: list[str] = []
    writer.append(book.next(), (lambda: 1 // 0,), (seen.append, "next"))
    writer.append(book.next(), (seen.append, "later"))
    writer.flush()

    assert seen == ["next", "later"]
    assert "effect failed" in caplog.text


def test_then_waits_for_what_was_handed_in(writer: LogWriter, book: Book) -> None:
    """It runs behind the writes, and what was handed in later runs behind it."""
    seen: list[str] = []
    writer.append(book.next(), (seen.append, "before"))
    writer.then((seen.append, "then"))
    writer.append(book.next(), (seen.append, "after"))
    assert seen == []
    writer.flush()

    assert seen == ["before", "then", "after"]


def test_then_runs_at_once_when_nothing_is_pending(writer: LogWriter) -> None:
    """Nothing to wait for, no detour."""
    seen: list[str] = []
    writer.then((seen.append, "now"))

    assert seen == ["now"]


def test_then_from_an_effect_waits_for_its_siblings(
    writer: LogWriter, book: Book
) -> None:
    """While a commit's effects run, not everything is settled yet."""
    seen: list[str] = []
    writer.append(book.next(), (writer.then, (seen.append, "then")))
    writer.append(book.next(), (seen.append, "sibling"))
    writer.flush()
    writer.flush()

    assert seen == ["sibling", "then"]


def test_a_call_comes_between_the_commits(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """What was appended before is durable when the function runs."""
    replies: list[Any] = []
    writer.append(book.next())
    writer.call(lambda: values(log, book), lambda *reply: replies.append(reply))
    writer.append(book.next())
    writer.flush()

    assert replies == [([1], None)]
    assert [len(batch) for batch in log.batches] == [1, 1]


def test_a_failing_call_is_answered(writer: LogWriter) -> None:
    """The error goes to whoever called, and nowhere else."""
    replies: list[Any] = []
    writer.call(lambda: 1 // 0, lambda *reply: replies.append(reply))
    writer.flush()

    ((result, error),) = replies
    assert (result, type(error)) == (None, ZeroDivisionError)


def lose(log: NotedLog, book: Book) -> None:
    """Let somebody else take the stream over."""
    log.claim("actor", book.stream.name)


def test_a_refused_write_has_no_effects(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """Its on_lost is called instead, with the stream and the reason."""
    writer.append(book.next())
    writer.flush()
    lose(log, book)
    seen: list[Any] = []
    writer.append(
        book.next(), (seen.append, "effect"), on_lost=lambda *a: seen.append(a)
    )
    writer.flush()

    ((stream, error),) = seen
    assert (stream, type(error)) == (book.stream, FencedError)


def test_what_follows_on_a_lost_stream_is_lost(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """Later writes, and what depends on them, do not happen either."""
    writer.append(book.next())
    writer.flush()
    lose(log, book)
    seen: list[str] = []
    for n in range(3):
        writer.append(book.next(), on_lost=lambda *_, n=n: seen.append(f"lost {n}"))
    writer.then(
        (seen.append, "then"),
        stream=book.stream,
        on_lost=lambda *_: seen.append("then lost"),
    )
    writer.flush()

    assert seen == ["lost 0", "lost 1", "lost 2", "then lost"]
    assert values(log, book) == [1]


def test_other_streams_are_not_concerned(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """A refused write does not hold the rest of its batch up."""
    other = Book("other")
    writer.append(book.next())
    writer.flush()
    lose(log, book)
    writer.append(book.next())
    writer.append(other.next())
    writer.flush()

    assert values(log, other) == [1]


def test_a_watcher_hears_once_of_a_lost_stream(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """However many writes are refused."""
    seen: list[Stream | None] = []
    writer.watch(book.stream, lambda stream, _: seen.append(stream))
    writer.append(book.next())
    writer.flush()
    lose(log, book)
    for _ in range(3):
        writer.append(book.next())
    writer.flush()

    assert seen == [book.stream]


def test_nobody_hears_who_stopped_watching(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """A watcher can go away."""
    seen: list[Any] = []
    writer.watch(book.stream, lambda *_: seen.append("lost"))
    writer.unwatch(book.stream)
    writer.append(book.next())
    writer.flush()
    lose(log, book)
    writer.append(book.next())
    writer.flush()

    assert seen == []


def test_a_passing_failure_loses_nothing(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """The batch is tried again, and the order stays."""
    log.failing, log.failures = LogUnavailableError("busy", transient=True), 5
    seen: list[int] = []
    for n in range(10):
        writer.append(book.next(), (seen.append, n))
    writer.flush()

    assert values(log, book) == list(range(1, 11))
    assert seen == list(range(10))


def test_retries_come_slower_and_slower(
    manual: ActorSystem,
    dispatcher: ManualDispatcher,
    writer: LogWriter,
    log: NotedLog,
    book: Book,
) -> None:
    """A log in trouble is not hammered: a dozen tries in the first six seconds."""
    log.failing, log.failures = LogUnavailableError("busy", transient=True), 1_000
    writer.append(book.next())
    dispatcher.run_until_idle()
    dispatcher.advance(6.0)

    assert 8 <= 1_000 - log.failures <= 14
    log.failures = 0


def test_what_comes_during_a_failure_joins_in(
    dispatcher: ManualDispatcher, writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """It is written behind what is already waiting, in the same commit."""
    log.failing, log.failures = LogUnavailableError("busy", transient=True), 2
    writer.append(book.next())
    dispatcher.run_until_idle()
    writer.append(book.next())
    writer.flush()

    assert [len(batch) for batch in log.batches] == [2]


def test_the_writer_gives_up_in_the_end(
    dispatcher: ManualDispatcher,
    writer: LogWriter,
    log: NotedLog,
    book: Book,
    errors: list[Exception],
) -> None:
    """After its patience, effects are dropped and the failure is reported, once."""
    log.failing, log.failures = LogUnavailableError("disk full"), 10_000
    seen: list[str] = []
    writer.append(
        book.next(), (seen.append, "effect"), on_lost=lambda *_: seen.append("lost")
    )
    dispatcher.run_until_idle()
    dispatcher.advance(60.0)

    assert seen == ["lost"]
    assert errors == [log.failing]
    assert writer.failed is log.failing


def test_a_failed_writer_takes_nothing_more(
    dispatcher: ManualDispatcher, writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """Whatever is handed in later is lost at once, and flush says why."""
    log.failing, log.failures = LogUnavailableError("disk full"), 10_000
    writer.append(book.next())
    dispatcher.run_until_idle()
    dispatcher.advance(60.0)
    log.failures = 0
    lost: list[Any] = []
    writer.append(book.next(), on_lost=lambda *_: lost.append("lost"))

    with pytest.raises(LogUnavailableError, match="disk full"):
        writer.flush()
    assert lost == ["lost"]
    assert log.batches == []


def test_recovering_resets_the_patience(
    dispatcher: ManualDispatcher,
    writer: LogWriter,
    log: NotedLog,
    book: Book,
    errors: list[Exception],
) -> None:
    """Each trouble has its own thirty seconds."""
    log.failing = LogUnavailableError("busy", transient=True)
    for _ in range(5):
        log.failures = 20
        writer.append(book.next())
        writer.flush()

    assert errors == []
    assert values(log, book) == [1, 2, 3, 4, 5]


def test_an_unexpected_error_hits_only_its_cause(
    writer: LogWriter, log: NotedLog, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """A log that chokes on one write gets the others one by one."""
    choking = Book("choking")
    original = log.write

    def write(batch: Sequence[Write]) -> None:
        if any(each.stream is choking.stream for each in batch):
            raise OverflowError
        original(batch)

    log.write = write  # type: ignore[method-assign]
    seen: list[Any] = []
    writer.append(book.next(), (seen.append, "first"))
    writer.append(choking.next(), on_lost=lambda _, error: seen.append(type(error)))
    writer.append(book.next(), (seen.append, "second"))
    writer.flush()

    assert seen == ["first", OverflowError, "second"]
    assert values(log, book) == [1, 2]
    assert "Cannot write to choking" in caplog.text


def test_closing_writes_what_is_left(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """Nothing that was handed in is forgotten at the end."""
    writer.append(book.next())
    writer.close()

    assert values(log, book) == [1]


def test_a_closed_writer_takes_nothing_more(
    writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """What comes too late is lost at once, and flush says why."""
    lost: list[str] = []
    writer.close()
    writer.append(book.next(), on_lost=lambda *_: lost.append("lost"))

    assert lost == ["lost"]
    assert log.batches == []


def test_closing_while_the_log_fails_loses_what_is_left(
    dispatcher: ManualDispatcher,
    writer: LogWriter,
    log: NotedLog,
    book: Book,
    errors: list[Exception],
) -> None:
    """Nobody waits for a log that is not coming back; those concerned are told."""
    log.failing, log.failures = LogUnavailableError("busy", transient=True), 10_000
    lost: list[str] = []
    writer.append(book.next(), on_lost=lambda *_: lost.append("early"))
    dispatcher.run_until_idle()
    writer.append(book.next(), on_lost=lambda *_: lost.append("late"))
    writer.close()

    assert lost == ["early", "late"]
    assert [type(error) for error in errors] == [LogUnavailableError]


def test_what_slips_in_behind_the_stop_is_written(
    manual: ActorSystem, writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """Between the request to stop and the end, the writer still takes everything."""
    stopping = writer._ref.stop(block=False)
    writer.append(book.next())
    again = writer._ref.stop(block=False)

    assert (manual.wait(stopping), manual.wait(again)) == (True, True)
    assert values(log, book) == [1]


def test_stopping_the_system_stops_a_writer_on_its_own_thread(
    log: NotedLog, book: Book
) -> None:
    """It writes what is left first."""
    with ActorSystem() as system:
        writer = LogWriter(system, log, thread=WriterThread.OWN)
        for _ in range(100):
            writer.append(book.next())

    assert values(log, book) == list(range(1, 101))
    assert writer.idle


def test_a_thread_beside_virtual_time_is_refused(
    manual: ActorSystem, log: NotedLog
) -> None:
    """A simulation has no threads."""
    with pytest.raises(ValueError, match="manual dispatcher"):
        LogWriter(manual, log, thread=WriterThread.OWN)


def test_stopping_the_system_writes_what_actors_say_last(
    manual: ActorSystem, writer: LogWriter, log: NotedLog, book: Book
) -> None:
    """The writer is there until every other actor has stopped."""

    class Author(PooledActor):
        def on_stop(self) -> None:
            writer.append(book.next())

    manual.spawn(Author)
    manual.stop()

    assert values(log, book) == [1]


def test_nothing_is_written_after_a_crash(
    manual: ActorSystem, dispatcher: ManualDispatcher, log: NotedLog, book: Book
) -> None:
    """A simulated crash in the log leaves the log as it was."""

    class Crash(BaseException):
        pass

    def crash(batch: Sequence[Write]) -> None:
        raise Crash

    original = log.write
    writer = LogWriter(manual, log)
    log.write = crash  # type: ignore[method-assign]
    writer.append(book.next())
    with pytest.raises(Crash):
        dispatcher.run_until_idle()
    log.write = original  # type: ignore[method-assign]
    manual.stop()

    assert log.batches == []


@pytest.fixture(params=WriterThread)
def threaded(
    request: pytest.FixtureRequest, system: ActorSystem, log: NotedLog
) -> Iterator[LogWriter]:
    """A writer on real threads, shared or its own."""
    writer = LogWriter(system, log, thread=request.param)
    yield writer
    writer.close(PATIENCE)


def together(count: int, work: Callable[[int], None]) -> None:
    """Run *work* on *count* threads at the same time."""
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def test_any_thread_may_append(threaded: LogWriter, log: NotedLog) -> None:
    """Each thread's writes arrive, in its order, with all their effects."""
    books = [Book(str(n)) for n in range(4)]
    effects: list[int] = []

    def append(n: int) -> None:
        for _ in range(250):
            threaded.append(books[n].next(), (effects.append, n))

    together(4, append)
    threaded.flush(PATIENCE)

    assert all(values(log, book) == list(range(1, 251)) for book in books)
    assert len(effects) == 1_000


def test_an_idle_writer_writes_without_being_asked(
    threaded: LogWriter, book: Book, note: Note
) -> None:
    """Nobody has to flush."""
    threaded.append(book.next(), (note.set,))

    note.arrives()


def test_then_from_another_thread_waits_for_that_threads_writes(
    threaded: LogWriter, book: Book
) -> None:
    """Once `then` has run, what its caller appended before is durable."""
    early: list[int] = []

    def work(number: int) -> None:
        mine = Book(str(number))  # not the thread's ident: that is used again
        for n in range(100):
            durable: list[int] = []
            done = Note()
            threaded.append(mine.next(), (durable.append, n))
            threaded.then((done.set,))
            done.arrives()
            if not durable:
                early.append(n)

    together(3, work)

    assert early == []


def test_flush_from_within_an_actor(
    system: ActorSystem, threaded: LogWriter, log: NotedLog, book: Book
) -> None:
    """An actor may wait for the log, even on the only thread."""

    class Impatient(PooledActor):
        def on_receive(self, message: str) -> list[Any]:
            threaded.append(book.next())
            threaded.flush(PATIENCE)
            return values(log, book)

    assert system.spawn(Impatient).ask("go", timeout=PATIENCE) == [1]
