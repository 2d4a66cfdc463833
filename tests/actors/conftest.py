"""What the tests of the actor layer share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pykka
import pytest

from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.pooled import PooledActor
from actorflow.actors.system import ActorSystem

PATIENCE = 10.0
"""Seconds after which something that should have happened has not."""


class Note(threading.Event):
    """An event whose `arrives` fails the test if it never does."""

    def arrives(self) -> None:
        """Wait, and complain after `PATIENCE`."""
        assert self.wait(PATIENCE), "it never happened"


@pytest.fixture(params=[PooledActor, pykka.ThreadingActor], ids=["pooled", "threading"])
def base(request: pytest.FixtureRequest) -> Iterator[type[pykka.Actor]]:
    """Each kind of actor a Pykka user may subclass; all stopped at the end."""
    yield request.param
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)


@pytest.fixture
def note() -> Note:
    """One thing that is to happen on another thread."""
    return Note()


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    """An actor system on one thread."""
    with ActorSystem() as system:
        yield system


@pytest.fixture
def dispatcher() -> ManualDispatcher:
    """A dispatcher that runs when told to."""
    return ManualDispatcher()


@pytest.fixture
def manual(dispatcher: ManualDispatcher) -> Iterator[ActorSystem]:
    """An actor system in virtual time."""
    with ActorSystem(dispatcher) as system:
        yield system
