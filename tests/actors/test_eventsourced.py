"""Event-sourced actors by key: what they remember, and what nobody sees too early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import singledispatchmethod
from typing import Any, ClassVar

import attrs
import pytest
from pykka.messages import ProxyCall, ProxySetAttr

from actorflow.actors.clock import VirtualClock
from actorflow.actors.declared import event, events_of
from actorflow.actors.entities import Entities, EntityRef
from actorflow.actors.eventsourced import EventSourcedActor
from actorflow.actors.future import PooledFuture
from actorflow.actors.manager import Leave
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.system import ActorSystem
from actorflow.actors.writer import LogWriter
from actorflow.errors import (
    FencedError,
    LogUnavailableError,
    OwnedError,
    UnreadableError,
    UnrecordableError,
)
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.log.port import Write


@event
class Deposited:
    """Money came in."""

    amount: int


@event(name="Withdrawn")
class TookMoneyOut:
    """Money went out."""

    amount: int


@event
class Stray:
    """An event that no actor declares."""


class Account(EventSourcedActor):
    """The account of the public documentation, and some ways to go wrong."""

    replayed: ClassVar[list[int]] = []

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.balance = 0

    def deposit(self, amount: int) -> int:
        """Take money."""
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.persist(Deposited(amount))
        return self.balance

    def withdraw(self, amount: int) -> int:
        """Give money."""
        self.persist(TookMoneyOut(amount))
        if self.balance < 0:
            raise ValueError("not enough")
        return self.balance

    def stray(self) -> None:
        """Persist what is not declared."""
        self.persist(Stray())

    def hide(self) -> None:
        """Persist what cannot be recorded."""
        self.persist(Deposited(object()))  # type: ignore[arg-type]

    def leave(self) -> None:
        """Leave memory."""
        self.stop()

    def apply(self, event: Deposited | TookMoneyOut) -> None:
        """Add and subtract."""
        match event:
            case Deposited(amount=amount):
                self.balance += amount
            case TookMoneyOut(amount=amount):
                self.balance -= amount


class SnapshottedAccount(Account):
    """An account with snapshots, which notes how many events it folds."""

    snapshot_every = 10
    folded: ClassVar[list[Any]] = []

    def apply(self, event: Deposited | TookMoneyOut) -> None:
        """Note it, too."""
        self.folded.append(event)
        super().apply(event)

    def to_snapshot(self) -> int:
        """Give the balance."""
        return self.balance

    def from_snapshot(self, value: int) -> None:
        """Take the balance."""
        self.balance = value


class FlakyLog(MemoryLog):
    """A memory log that fails when told to."""

    failures = 0
    batches: list[int]

    def write(self, batch: Any) -> None:
        """Fail, or write and note how much."""
        if self.failures:
            self.failures -= 1
            raise LogUnavailableError("busy", transient=True)
        super().write(batch)
        self.__dict__.setdefault("batches", []).append(len(batch))


@attrs.define
class Bank:
    """One process that keeps accounts."""

    store: MemoryStore
    clock: VirtualClock
    seed: int | None = None
    dispatcher: ManualDispatcher = attrs.field(init=False)
    system: ActorSystem = attrs.field(init=False)
    log: FlakyLog = attrs.field(init=False)
    writer: LogWriter = attrs.field(init=False)
    entities: Entities = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.dispatcher = ManualDispatcher(self.clock, seed=self.seed)
        self.system = ActorSystem(self.dispatcher)
        self.log = FlakyLog(store=self.store, clock=self.clock.time, lease=1e9)
        self.writer = LogWriter(self.system, self.log)
        self.entities = Entities(self.system, self.log, self.writer)

    def account(
        self, name: str = "alice", actor_class: type[EventSourcedActor] = Account
    ) -> EntityRef[Any]:
        """Return an account."""
        return self.entities.ref(actor_class, name)

    def recorded(self, name: str = "Account/alice") -> list[Any]:
        """Return the events in the log."""
        row = self.log.find("actor", name)
        return [] if row is None else [each.event for each in self.log.read(row.id)]

    def close(self) -> None:
        """End the process in an orderly way."""
        self.system.stop()
        self.log.close()

    def die(self) -> None:
        """End the process at once."""
        self.dispatcher.stop()
        self.log.abandon()


@pytest.fixture
def store() -> MemoryStore:
    """What outlasts processes."""
    return MemoryStore()


@pytest.fixture
def clock() -> VirtualClock:
    """The time."""
    return VirtualClock()


@pytest.fixture
def bank(store: MemoryStore, clock: VirtualClock) -> Iterator[Bank]:
    """A process that keeps accounts."""
    bank = Bank(store, clock)
    yield bank
    bank.close()


def test_a_command_returns_what_follows_from_its_event(bank: Bank) -> None:
    """Right after persist(), the state has the event in it."""
    assert bank.account().ask("deposit", 10) == 10


def test_what_was_persisted_is_in_the_log(bank: Bank) -> None:
    """The reply comes after the event is durable."""
    bank.account().ask("deposit", 10)

    assert bank.recorded() == [Deposited(10)]


def test_a_told_command_is_recorded_too(bank: Bank) -> None:
    """Tell persists as ask does."""
    bank.account().tell("deposit", 5)

    assert bank.account().ask("deposit", 1) == 6


def test_a_proxy_gives_futures(bank: Bank) -> None:
    """Commands and attributes are there as in Pykka."""
    proxy = bank.account().proxy()

    assert proxy.deposit(3).get() == 3
    assert proxy.balance.get() == 3


def test_actors_of_different_keys_are_different(bank: Bank) -> None:
    """Each key has its own state."""
    bank.account("alice").ask("deposit", 10)

    assert bank.account("bob").ask("deposit", 1) == 1


def test_a_reply_waits_for_the_commit(bank: Bank) -> None:
    """While the log cannot write, nobody learns what was decided."""
    bank.log.failures = 1
    reply = bank.account().call("deposit", (10,))
    bank.dispatcher.run_until_idle()

    assert not reply.done
    bank.clock.advance(1.0)
    assert reply.get() == 10


def test_a_read_waits_for_the_commit_of_what_it_saw(bank: Bank) -> None:
    """A reply without events of its own does not leak unrecorded ones."""
    bank.account().ask("deposit", 1)
    bank.log.failures = 1
    bank.account().tell("deposit", 10)
    reply = bank.account().proxy().balance
    bank.dispatcher.run_until_idle()

    assert not reply.done
    bank.clock.advance(1.0)
    assert reply.get() == 11


def test_a_refusal_waits_for_the_commit_of_what_it_saw(bank: Bank) -> None:
    """An error that follows from unrecorded events does not leave early either."""
    bank.account().ask("deposit", 1)
    bank.log.failures = 1
    bank.account().tell("deposit", 10)
    refusal = bank.account().call("withdraw", (100,))
    bank.dispatcher.run_until_idle()

    assert not refusal.done
    bank.clock.advance(1.0)
    with pytest.raises(ValueError, match="not enough"):
        refusal.get()


def test_concurrent_commands_share_a_commit(bank: Bank) -> None:
    """Replies to many askers cost few transactions."""
    replies = [bank.account().call("deposit", (1,)) for _ in range(100)]
    bank.dispatcher.run_until_idle()

    assert [reply.get() for reply in replies] == list(range(1, 101))
    assert len(bank.log.batches) <= 3


def test_a_refused_command_records_nothing(bank: Bank) -> None:
    """The caller gets the exception, the log gets nothing."""
    with pytest.raises(ValueError, match="must be positive"):
        bank.account().ask("deposit", -1)

    assert bank.recorded() == []


def test_a_refused_tell_leaves_the_actor_as_it_was(bank: Bank) -> None:
    """Nobody is there to get the exception; the actor goes on."""
    bank.account().ask("deposit", 10)
    bank.account().tell("deposit", -1)

    assert bank.account().ask("deposit", 1) == 11


def test_an_exception_after_persist_takes_the_events_back(bank: Bank) -> None:
    """A message is all or nothing: its events are neither recorded nor in the state."""
    bank.account().ask("deposit", 10)
    with pytest.raises(ValueError, match="not enough"):
        bank.account().ask("withdraw", 11)

    assert bank.recorded() == [Deposited(10)]
    assert bank.account().ask("deposit", 1) == 11


def test_messages_behind_a_taken_back_one_are_handled(bank: Bank) -> None:
    """Folding the state again loses no mail."""
    bank.account().ask("deposit", 10)
    failed = bank.account().call("withdraw", (11,))
    replies = [bank.account().call("deposit", (1,)) for _ in range(3)]
    bank.dispatcher.run_until_idle()

    assert [reply.get() for reply in replies] == [11, 12, 13]
    with pytest.raises(ValueError, match="not enough"):
        failed.get()


def test_an_undeclared_event_is_refused(bank: Bank) -> None:
    """What apply() does not know could never be read back."""
    with pytest.raises(UnrecordableError, match="Account does not declare it"):
        bank.account().ask("stray")


def test_an_unrecordable_event_is_refused(bank: Bank) -> None:
    """The caller hears what is wrong; the actor goes on."""
    with pytest.raises(UnrecordableError, match="amount"):
        bank.account().ask("hide")

    assert bank.account().ask("deposit", 1) == 1


def test_private_methods_are_no_commands(bank: Bank) -> None:
    """Only what the class offers itself can be called."""
    for name in ("_commit", "persist", "apply", "balance", "nothing"):
        with pytest.raises(AttributeError, match=name):
            bank.account().tell(name)


def test_state_survives_an_orderly_end(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """The next process replays the stream."""
    bank.account().ask("deposit", 10)
    bank.account().ask("withdraw", 3)
    bank.close()

    assert Bank(store, clock).account().ask("deposit", 1) == 8


def test_state_survives_a_crash(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """What was answered is there after a crash; what was not durable is not."""
    bank.account().ask("deposit", 10)
    bank.log.failures = 1
    unanswered = bank.account().call("deposit", (5,))
    bank.dispatcher.run_until_idle()
    bank.die()

    assert not unanswered.done
    assert Bank(store, clock).account().ask("deposit", 1) == 11


def test_a_crash_between_append_and_reply_keeps_the_event(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """What is durable has happened, whether or not anybody was told."""

    class Crash(BaseException):
        pass

    def write_and_die(batch: list[Write]) -> None:
        MemoryLog.write(bank.log, batch)
        raise Crash

    bank.log.write = write_and_die  # type: ignore[method-assign]
    unanswered = bank.account().call("deposit", (5,))
    with pytest.raises(Crash):
        bank.dispatcher.run_until_idle()
    bank.die()

    assert not unanswered.done
    assert Bank(store, clock).account().ask("deposit", 1) == 6


def test_an_actor_of_another_live_process_is_out_of_reach(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """The caller hears who has it."""
    bank.account().ask("deposit", 10)

    with pytest.raises(OwnedError):
        Bank(store, clock).account().ask("deposit", 1)


def test_a_passivated_actor_can_move_to_another_process(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """Leaving memory gives the stream back."""
    bank.account().ask("deposit", 10)
    bank.account().passivate()

    assert Bank(store, clock).account().ask("deposit", 1) == 11


def test_an_actor_that_was_taken_over_says_so(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """A stale owner's append is refused, and its caller is told."""
    bank.account().ask("deposit", 10)
    store.owners[int(bank.log.owner.id)].expires_at = 0.0
    other = Bank(store, clock)
    other.account().ask("deposit", 1)
    store.owners[int(bank.log.owner.id)].expires_at = clock.time() + 100

    with pytest.raises(FencedError):
        bank.account().ask("deposit", 5)
    with pytest.raises(OwnedError):
        bank.account().ask("deposit", 5)
    assert other.account().ask("deposit", 1) == 12


def take_over(bank: Bank, store: MemoryStore, clock: VirtualClock) -> None:
    """Let another process take alice's account, add 100, and leave it."""
    store.owners[int(bank.log.owner.id)].expires_at = 0.0
    other = Bank(store, clock)
    other.account().ask("deposit", 100)
    other.account().passivate()
    store.owners[int(bank.log.owner.id)].expires_at = clock.time() + 1e6


def test_a_lost_append_throws_what_ran_ahead_away(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """After a refused write, the state is what the log says."""
    bank.account().ask("deposit", 10)
    take_over(bank, store, clock)
    replies = [bank.account().call("deposit", (5,)) for _ in range(3)]
    bank.dispatcher.run_until_idle()

    for reply in replies:
        with pytest.raises(FencedError):
            reply.get()
    assert bank.account().ask("deposit", 1) == 111


def test_an_idle_actor_leaves_memory(bank: Bank) -> None:
    """After its patience without a message, nobody owns the stream."""
    bank.account().ask("deposit", 10)
    bank.clock.advance(Account.passivate_after)

    row = bank.log.find("actor", "Account/alice")
    assert row is not None
    assert row.owner is None


def test_a_busy_actor_stays_in_memory(bank: Bank) -> None:
    """Every message starts its patience anew."""
    for _ in range(10):
        bank.account().ask("deposit", 1)
        bank.clock.advance(Account.passivate_after - 1)

    row = bank.log.find("actor", "Account/alice")
    assert row is not None
    assert row.owner is not None


def test_a_message_brings_a_passivated_actor_back(bank: Bank) -> None:
    """Nobody notices that it was away."""
    bank.account().ask("deposit", 10)
    bank.clock.advance(1_000)

    assert bank.account().ask("deposit", 1) == 11


def test_messages_during_passivation_are_not_lost(bank: Bank) -> None:
    """What comes while the actor is leaving waits for its next life, in order."""
    bank.account().ask("deposit", 10)
    bank.account().tell("leave")
    replies = [bank.account().call("deposit", (1,)) for _ in range(5)]
    bank.dispatcher.run_until_idle()

    assert [reply.get() for reply in replies] == [11, 12, 13, 14, 15]


def test_the_least_recently_used_leaves_when_there_are_too_many(bank: Bank) -> None:
    """The number of actors in memory has a bound."""
    entities = Entities(bank.system, bank.log, bank.writer, max_active=2)
    for name in ("a", "b", "c"):
        entities.ref(Account, name).ask("deposit", 1)
    bank.dispatcher.run_until_idle()

    owners = {row.name: row.owner is not None for row in bank.log.rows("actor")}
    assert owners == {"Account/a": False, "Account/b": True, "Account/c": True}


def test_snapshots_shorten_replay(bank: Bank) -> None:
    """Only what came after the snapshot is folded again."""
    ref = bank.account("alice", SnapshottedAccount)
    for _ in range(25):
        ref.ask("deposit", 1)
    bank.die()
    SnapshottedAccount.folded.clear()
    later = Bank(bank.store, bank.clock).account("alice", SnapshottedAccount)

    assert later.ask("deposit", 1) == 26
    assert len(SnapshottedAccount.folded) == 6


def test_passivation_takes_a_snapshot(bank: Bank) -> None:
    """Who left in peace folds nothing when it comes back."""
    ref = bank.account("alice", SnapshottedAccount)
    ref.ask("deposit", 3)
    ref.passivate()
    SnapshottedAccount.folded.clear()

    assert ref.ask("deposit", 1) == 4
    assert SnapshottedAccount.folded == [Deposited(1)]


def test_a_snapshot_of_another_format_is_ignored(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class whose state changed its shape folds everything."""
    ref = bank.account("alice", SnapshottedAccount)
    ref.ask("deposit", 3)
    ref.passivate()
    monkeypatch.setattr(SnapshottedAccount, "snapshot_format", "2")
    SnapshottedAccount.folded.clear()

    assert ref.ask("deposit", 1) == 4
    assert SnapshottedAccount.folded == [Deposited(3), Deposited(1)]


def test_a_failing_snapshot_costs_no_events(
    bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    """Snapshots are a convenience: without one, more is replayed."""

    class Shy(SnapshottedAccount):
        snapshot_every = 1

        def to_snapshot(self) -> int:
            raise OverflowError

    ref = bank.account("alice", Shy)

    assert (ref.ask("deposit", 1), ref.ask("deposit", 1)) == (1, 2)
    assert "No snapshot of Shy/alice" in caplog.text


def test_an_event_nobody_knows_stops_the_replay(bank: Bank) -> None:
    """A history that today's class cannot fold is reported, not skipped."""

    class Narrow(Account):
        type_name = "Account"

        def apply(self, event: Deposited) -> None:  # type: ignore[override]
            super().apply(event)

    bank.account().ask("deposit", 10)
    bank.account().ask("withdraw", 1)
    bank.close()
    later = Bank(bank.store, bank.clock)

    with pytest.raises(UnreadableError, match="event 2 of 'Account/alice'"):
        later.account("alice", Narrow).ask("deposit", 1)


def test_persist_in_apply_is_refused(bank: Bank) -> None:
    """The fold decides nothing."""

    class Confused(Account):
        def apply(self, event: Deposited | TookMoneyOut) -> None:
            self.persist(event)

    with pytest.raises(RuntimeError, match="only folds"):
        bank.account("alice", Confused).ask("deposit", 1)


def test_a_failing_apply_records_nothing_even_if_caught(bank: Bank) -> None:
    """An event that cannot be folded must not get into the log."""

    class Careless(Account):
        def try_it(self) -> str:
            with suppress(ZeroDivisionError):
                self.persist(Deposited(1))
            return "fine"

        def apply(self, event: Deposited | TookMoneyOut) -> None:
            _ = 1 // 0

    with pytest.raises(ZeroDivisionError):
        bank.account("alice", Careless).ask("try_it")
    assert bank.recorded("Careless/alice") == []


def test_on_start_runs_after_the_replay(bank: Bank) -> None:
    """The hook sees the state, and may persist."""

    class Welcoming(Account):
        def on_start(self) -> None:
            if not self.balance:
                self.persist(Deposited(100))

    ref = bank.account("alice", Welcoming)
    assert ref.ask("deposit", 1) == 101
    ref.passivate()
    assert ref.ask("deposit", 1) == 102


def test_a_class_without_events_is_refused(bank: Bank) -> None:
    """The mistake is reported where the reference is taken."""

    class Empty(EventSourcedActor):
        events = ()

        def apply(self, event: int) -> None:
            """Fold nothing."""

    Empty.__module__ = "elsewhere"
    with pytest.raises(TypeError, match="declares no events"):
        bank.entities.ref(Empty, "x")


def test_two_classes_cannot_share_a_name(bank: Bank) -> None:
    """Their streams would be mixed up."""
    original = Account
    bank.account()
    other = type("Account", (original,), {})

    with pytest.raises(ValueError, match="type_name"):
        bank.entities.ref(other, "x")


def test_two_events_cannot_share_a_tag(bank: Bank) -> None:
    """One of them would be read back as the other."""

    @event(name="Deposited")
    class Other:
        amount: int

    class Rival(EventSourcedActor):
        events = (Other,)

    bank.account()
    with pytest.raises(ValueError, match="'Deposited'"):
        bank.entities.ref(Rival, "x")


def test_apply_may_be_a_singledispatchmethod(bank: Bank) -> None:
    """One method per event is as good as one match."""

    class Counter(EventSourcedActor):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def add(self, amount: int) -> int:
            self.persist(Deposited(amount))
            return self.count

        @singledispatchmethod
        def apply(self, event: Any) -> None:
            raise NotImplementedError

        @apply.register
        def _(self, event: Deposited) -> None:
            self.count += event.amount

    assert bank.account("x", Counter).ask("add", 2) == 2


def test_a_message_for_an_actor_that_is_leaving_waits(bank: Bank) -> None:
    """It is handled in the actor's next life."""
    bank.account().ask("deposit", 10)
    gone: PooledFuture[None] = PooledFuture()
    bank.entities.manager.tell(Leave((Account, "alice"), gone))
    replies = [bank.account().call("deposit", (1,)) for _ in range(5)]
    bank.dispatcher.run_until_idle()

    assert gone.done
    assert [reply.get() for reply in replies] == [11, 12, 13, 14, 15]


def test_passivating_who_is_not_in_memory_is_fine(bank: Bank) -> None:
    """There is nothing to do."""
    bank.account().passivate()
    bank.account().ask("deposit", 1)
    bank.account().stop()
    bank.account().stop()

    assert bank.account().ask("deposit", 1) == 2


def test_an_actor_that_recorded_nothing_leaves_nothing(bank: Bank) -> None:
    """Reading an account does not open it."""
    assert bank.account().proxy().balance.get() == 0
    bank.account().passivate()

    assert bank.log.find("actor", "Account/alice") is None


def test_an_actor_that_lost_its_stream_can_leave(
    bank: Bank, store: MemoryStore, clock: VirtualClock
) -> None:
    """Passivation does not wait for what will never be durable."""
    bank.account().ask("deposit", 10)
    take_over(bank, store, clock)
    lost = bank.account().call("deposit", (5,))
    bank.account().passivate()

    with pytest.raises(FencedError):
        lost.get()


def test_attributes_cannot_be_set_from_outside(bank: Bank) -> None:
    """The state changes by events only."""
    with pytest.raises(AttributeError, match="events only"):
        bank.account().request(ProxySetAttr(("balance",), 1_000)).get()


def test_a_deferred_call_persists(bank: Bank) -> None:
    """proxy.command.defer() is a tell."""
    proxy = bank.account().proxy()
    proxy.deposit.defer(2)

    assert proxy.balance.get() == 2


def test_a_proxy_has_no_private_attributes(bank: Bank) -> None:
    """As in Pykka."""
    with pytest.raises(AttributeError):
        _ = bank.account().proxy()._unrecorded


def test_on_receive_persists_as_commands_do(bank: Bank) -> None:
    """Messages of any kind are handled with the same guarantees."""

    class Listening(Account):
        def on_receive(self, message: Any) -> int:
            self.persist(
                Deposited(message[0] if isinstance(message, tuple) else message)
            )
            return self.balance

    ref = bank.account("alice", Listening)

    assert (ref.request(5).get(), ref.request((2,)).get()) == (5, 7)
    assert bank.recorded("Listening/alice") == [Deposited(5), Deposited(2)]


def test_an_actor_can_send_itself_messages(bank: Bank) -> None:
    """A timer leads to events like anything else."""

    class Saver(Account):
        def save_later(self) -> None:
            self.system.timers.after(5.0, self.actor_ref.tell, "save")

        def on_receive(self, message: str) -> None:
            self.persist(Deposited(1))

    ref = bank.account("alice", Saver)
    ref.ask("save_later")
    bank.clock.advance(5.0)

    assert bank.recorded("Saver/alice") == [Deposited(1)]


def test_a_constructor_that_fails_is_reported(bank: Bank) -> None:
    """The caller gets what it raised."""

    class Broken(Account):
        def __init__(self) -> None:
            super().__init__()
            raise OverflowError

    with pytest.raises(OverflowError):
        bank.account("alice", Broken).ask("deposit", 1)


def test_a_failing_on_start_is_reported(bank: Bank) -> None:
    """The caller gets what it raised; the next message tries again."""

    class Moody(Account):
        moods: ClassVar[list[str]] = ["bad", "good"]

        def on_start(self) -> None:
            if self.moods.pop(0) == "bad":
                self.persist(Deposited(1))
                raise OverflowError

    ref = bank.account("alice", Moody)
    with pytest.raises(OverflowError):
        ref.ask("deposit", 1)

    assert ref.ask("deposit", 1) == 1


def test_a_class_without_apply_says_so(bank: Bank) -> None:
    """The first event is refused with the name of what is missing."""

    class Forgetful(EventSourcedActor):
        events = (Deposited,)

        def deposit(self) -> None:
            self.persist(Deposited(1))

    with pytest.raises(TypeError, match="does not define apply"):
        bank.account("x", Forgetful).ask("deposit")


def test_what_is_no_event_cannot_be_declared(bank: Bank) -> None:
    """The mistake is reported where the reference is taken."""

    class Confused(EventSourcedActor):
        events = (int,)

    with pytest.raises(TypeError, match="@event"):
        bank.entities.ref(Confused, "x")


def test_events_may_be_declared_by_a_base_class(bank: Bank) -> None:
    """apply(event: Base) takes every event that derives from Base."""

    class Change:
        pass

    @event
    class Raised(Change):
        by: int

    class Level(EventSourcedActor):
        def __init__(self) -> None:
            super().__init__()
            self.level = 0

        def lift(self, by: int) -> int:
            self.persist(Raised(by))
            return self.level

        def apply(self, event: Change) -> None:
            assert isinstance(event, Raised)
            self.level += event.by

    Level.apply.__annotations__["event"] = Change

    assert bank.account("x", Level).ask("lift", 3) == 3


def test_without_an_annotation_the_modules_events_are_taken(bank: Bank) -> None:
    """A class that says nothing folds what is declared beside it."""

    class Silent(EventSourcedActor):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def note(self) -> int:
            self.persist(Stray())
            return len(self.seen)

        def apply(self, event):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            self.seen.append(event)

    assert Stray in events_of(Silent)


def test_an_actor_not_made_by_key_cannot_persist(manual: ActorSystem) -> None:
    """It has no stream, and says where to get one."""
    ref = manual.spawn(Account)

    with pytest.raises(RuntimeError, match="Entities"):
        ref.ask(ProxyCall(("deposit",), (1,), {}))


def test_references_to_the_same_actor_are_equal(bank: Bank) -> None:
    """They can be put into sets."""
    same = {bank.account("a"), bank.account("a")}

    assert [repr(ref) for ref in same] == ["<EntityRef for Account/a>"]


def test_a_renamed_event_keeps_its_tag(bank: Bank) -> None:
    """The log has the name given, not the class's."""
    bank.account().ask("deposit", 5)
    bank.account().ask("withdraw", 1)

    assert [bank.log.codec.encode(each)[0] for each in bank.recorded()] == [
        "Deposited",
        "Withdrawn",
    ]


def test_an_event_is_frozen() -> None:
    """Facts do not change."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Deposited(1).amount = 2  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(10))
def test_any_order_of_turns_gives_the_same_end(
    store: MemoryStore, clock: VirtualClock, seed: int
) -> None:
    """However the dispatcher interleaves, every command is applied once, in order."""
    bank = Bank(store, clock, seed=seed)
    replies = []
    for n in range(20):
        replies.append(bank.account("alice").call("deposit", (n + 1,)))
        bank.account("bob").tell("deposit", 1)
        if n % 7 == 6:
            bank.account("alice").tell("leave")
    bank.dispatcher.run_until_idle()

    assert [reply.get() for reply in replies] == [sum(range(n + 2)) for n in range(20)]
    assert bank.account("bob").ask("deposit", 1) == 21
