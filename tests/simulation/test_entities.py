"""Actors of users, by key, under crashes and stolen leases."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from attrs import define, field

import actorflow as af
from actorflow.errors import ActorflowError
from actorflow.log.port import ACTOR
from actorflow.testing.faults import Crash, Fate, Faults
from actorflow.testing.world import Setup, World

FAULTS = Faults(crash=0.05, log=0.05, steal=0.08, nudge=0.1, stall=0.05, most=15)
COMMANDS, ACCOUNTS, TRIES = 30, 3, 100
"""Of one run; how often a command is sent again before that is a failure."""


@af.event
class Paid:
    """Somebody has paid in."""

    slip: str
    amount: int


class Account(af.EventSourcedActor):
    """Has what was paid in, once for each slip."""

    snapshot_every = 4

    def __init__(self) -> None:
        super().__init__()
        self.slips: list[str] = []
        self.balance = 0

    def apply(self, event: Paid) -> None:
        """Have more."""
        self.slips.append(event.slip)
        self.balance += event.amount

    def to_snapshot(self) -> Any:
        """Return what it has."""
        return [self.slips, self.balance]

    def from_snapshot(self, snapshot: Any) -> None:
        """Have it again."""
        slips, self.balance = snapshot
        self.slips = list(slips)

    def pay(self, slip: str, amount: int) -> int:
        """Pay in, unless that has been done."""
        if slip not in self.slips:
            self.persist(Paid(slip, amount))
        return self.balance

    def told(self) -> tuple[list[str], int]:
        """Tell what there is."""
        return list(self.slips), self.balance


@define
class Bank:
    """What was asked of accounts in a simulated world, and what they said."""

    world: World
    random: Random
    accepted: dict[str, list[str]] = field(factory=dict)

    def serve(self) -> None:
        """Pay in and look, at any process, until everything was accepted."""
        for number in range(COMMANDS):
            account = f"a{self.random.randrange(ACCOUNTS)}"
            slip = f"slip {number}"
            self._ask(account, "pay", slip, number)
            self.accepted.setdefault(account, []).append(slip)
            if self.random.random() < 0.5:
                self._look(account)

    def _look(self, account: str) -> None:
        """Look at an account; who has just lost it may be behind, but not for long."""
        accepted = self.accepted[account]
        slips, balance = self._ask(account, "told")
        assert slips == accepted[: len(slips)], "it tells nothing that was not"
        assert balance == sum(int(each[5:]) for each in slips)
        struck = len(self.world.fate.struck)
        self.world.wait_for_leases()
        self.world.settle(0)
        slips, _ = self._ask(account, "told")
        if len(self.world.fate.struck) == struck:
            assert slips == accepted, "it tells all that was accepted"

    def _ask(self, account: str, command: str, *args: Any) -> Any:
        """Ask until there is an answer, as a caller would that gives a key."""
        for _ in range(TRIES):
            process = self.world.someone()
            assert process.rt is not None
            try:
                return process.rt.actor(Account, account).ask(command, *args)
            except Crash:
                continue
            except (ActorflowError, TimeoutError) as error:
                self.world.note(f"not yet: {error}")
                self.world.wait_for_leases()
                self.world.look_around()
                self.world.step()
        raise AssertionError(f"{command} was never answered")

    def recorded(self) -> dict[str, list[str]]:
        """Return the slips that are in the log, by account."""
        log = self.world.someone().log
        return {
            row.name.partition("/")[2]: [
                recorded.event.slip for recorded in log.read(row.id)
            ]
            for row in log.rows(ACTOR)
        }


def simulated(seed: int, faults: Faults = FAULTS) -> tuple[Bank, Fate]:
    """Run a bank under faults, to the last command."""
    fate = Fate(seed, faults)
    world = World(Setup([], [], seed), fate)
    bank = Bank(world, Random(seed))
    with world.closing():
        bank.serve()
        fate.rest()
        # Who has just lost an account tells of it from memory, until it is told so.
        world.wait_for_leases()
        world.settle(0)
        for account, slips in bank.accepted.items():
            assert bank._ask(account, "told")[0] == slips
        recorded = bank.recorded()
    assert recorded == bank.accepted, "once each, in order, and nothing else"
    return bank, fate


@pytest.mark.parametrize("seed", range(25))
def test_what_an_actor_has_accepted_is_there_once(seed: int) -> None:
    """In order, whoever owns it; what it tells is what the log has, always."""
    simulated(seed)


def test_faults_did_happen() -> None:
    """Else this would prove little."""
    struck = {
        name.rpartition(" ")[0]
        for seed in range(20)
        for name in simulated(seed)[1].struck
    }

    assert struck >= {"crash before write", "crash after write", "steal at write"}


def test_the_same_seed_is_the_same_run() -> None:
    """To the last turn."""
    assert simulated(7)[0].world.trace == simulated(7)[0].world.trace
