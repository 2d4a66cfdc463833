"""The log in memory keeps the contract, and is as strict as one in a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actorflow.errors import LogUnavailableError, OwnedError
from actorflow.log.blobs import MemoryBlobs
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.testing.log_contract import (
    ALL,
    EventLogContract,
    OpenLog,
    Ticker,
    created,
    done,
    hold,
    row_of,
    write,
)


class TestMemoryLog(EventLogContract):
    """The log in memory keeps the contract."""

    @pytest.fixture
    def open_log(self) -> OpenLog:
        """Open one store again and again."""
        store = MemoryStore()

        def open_log(**options: Any) -> MemoryLog:
            return MemoryLog(store=store, **options)

        return open_log


@pytest.fixture(name="store")
def _store() -> MemoryStore:
    """What several logs share."""
    return MemoryStore()


@pytest.fixture(name="log")
def _log(store: MemoryStore) -> MemoryLog:
    """One of them."""
    return MemoryLog(store=store, clock=Ticker())


@pytest.fixture(name="other")
def _other(store: MemoryStore, log: MemoryLog) -> MemoryLog:
    """Another, opened later."""
    assert log.store is store
    return MemoryLog(store=store, clock=Ticker(), owner_label="the other")


def test_others_are_told_who_has_it(log: MemoryLog, other: MemoryLog) -> None:
    """By the label that it has, or was given."""
    created(other, "theirs")
    created(log, "mine")
    with pytest.raises(OwnedError) as theirs:
        log.claim("execution", "theirs")
    with pytest.raises(OwnedError) as mine:
        other.claim("execution", "mine")

    assert theirs.value.owner == other.owner.label == "the other"
    assert mine.value.owner == log.owner.label == f"memory:{log.owner.id}"


def test_a_lease_is_over_when_its_time_is(store: MemoryStore) -> None:
    """To the instant; and not before."""
    clock = Ticker()
    silent = MemoryLog(store=store, clock=clock, lease=10.0)
    log = MemoryLog(store=store, clock=clock, lease=99.0)
    created(silent)
    clock.advance(9.999)
    with pytest.raises(OwnedError):
        log.claim("execution", "one")
    clock.advance(0.001)

    assert log.claim("execution", "one").epoch == 2


def test_what_a_killed_process_had_is_free_at_once(
    log: MemoryLog, other: MemoryLog
) -> None:
    """As in a file, whose lock it has lost; its lease need not run out."""
    created(log)
    log.abandon()

    assert other.claim("execution", "one").epoch == 2


def _look(log: MemoryLog) -> object:
    return MemoryLog(store=log.store)


@pytest.mark.parametrize(
    "bury",
    [
        _look,
        lambda log: log.claim("execution", "one"),
        lambda log: log.claim_abandoned("execution", ALL, status="running", limit=1),
        lambda log: log.claim_queued("execution", ALL, limit=1),
    ],
    ids=["opening", "claim", "abandoned", "queued"],
)
def test_the_dead_are_buried(
    log: MemoryLog, other: MemoryLog, bury: Callable[[MemoryLog], object]
) -> None:
    """Whoever opens the log, or takes something, gives back all that they held."""
    created(log, "one")
    last = created(log, "last")
    log.abandon()
    assert row_of(other, last).owner == log.owner.id
    bury(other)

    assert row_of(other, last).owner is None
    assert int(log.owner.id) not in other.store.owners


def test_a_killed_process_gives_nothing_up(log: MemoryLog, other: MemoryLog) -> None:
    """Whatever it still does in its death; and it is used no more."""
    stream = created(log)
    other.changed()
    log.abandon()
    log.close()
    log.abandon()

    assert row_of(other, stream).owner == log.owner.id
    assert not other.changed()
    with pytest.raises(LogUnavailableError):
        log.find("execution", "one")


def test_what_is_closed_cannot_be_killed(log: MemoryLog, other: MemoryLog) -> None:
    """It has left in good order, once."""
    log.close()
    other.changed()
    log.abandon()
    log.close()

    assert not other.changed()
    assert int(log.owner.id) not in log.store.owners


def test_a_block_closes_it(store: MemoryStore) -> None:
    """With all that it had."""
    with MemoryLog(store=store) as log:
        stream = created(log)

    assert row_of(MemoryLog(store=store), stream).owner is None


@pytest.mark.parametrize(
    "change", [_look, lambda log: log.renew()], ids=["opening", "renewal"]
)
def test_that_somebody_lives_is_a_change(
    log: MemoryLog, other: MemoryLog, change: Callable[[MemoryLog], object]
) -> None:
    """As it is in a file, where it is written down."""
    log.changed()
    change(other)

    assert log.changed()


def test_large_values_are_shared(store: MemoryStore) -> None:
    """What one process keeps apart, another reads."""
    codecs = [Codec(), Codec()]
    one, two = (MemoryLog(store=store, codec=codec) for codec in codecs)
    assert one.codec.blobs is two.codec.blobs is store.blobs
    codecs[0].keep_large(store.blobs, over=100)
    large = codecs[0].to_record("x" * 300)

    assert codecs[1].redeemed(large) == "x" * 300


def test_a_place_for_large_values_that_was_given(store: MemoryStore) -> None:
    """It is used, and no other."""
    codec, blobs = Codec(), MemoryBlobs()
    codec.keep_large(blobs)

    assert MemoryLog(store=store, codec=codec).codec.blobs is blobs


def test_two_stores_are_two_logs() -> None:
    """What one process does by itself concerns nobody else."""
    one, two = MemoryLog(), MemoryLog()
    created(one)

    assert one.find("execution", "one") is not None
    assert two.find("execution", "one") is None
    late = write(hold(), done())
    two.write([late])
    assert late.error is not None
