"""Faults: what can go wrong, how often, and where exactly it did in one run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from random import Random
from typing import Any

from attrs import fields, frozen

from actorflow.errors import SettingError
from actorflow.log.memory import MemoryLog
from actorflow.log.port import Write


class Crash(BaseException):
    """The process has died, here and now.  Not an `Exception`: nobody survives it."""


class CrashingLog(MemoryLog):
    """A `MemoryLog` whose process dies at its *at*-th write, before or after it.

    Args:
        at: the number of the write, from 1; None never crashes.
        after: die when the write is durable, and not just before.
        settings: what `MemoryLog` takes.
    """

    def __init__(
        self, *, at: int | None = None, after: bool = False, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.writes = 0
        self._at, self._after = at, after

    def write(self, batch: Sequence[Write]) -> None:
        """Write, and die if it is time."""
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise Crash
        super().write(batch)
        if self.writes == self._at:
            raise Crash


def _check_chance(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingError(name, value, "a chance, from 0 to 1")


@frozen
class Faults:
    """How often what goes wrong: chances, from 0 to 1, each time that it could.

    Those of the last three change *when* things happen. A definition whose end depends
    on that (a race, a timeout) may rightly end otherwise under them: set them to 0.

    Attributes:
        crash: the process dies, before a write, after it, or between two turns.
        log: a write fails, because the log is busy, or full, or its disk is broken.
        steal: in the middle of a write the process stands still until its lease has
            run out; another process takes over, and goes on while the first wakes.
        lost: the result of an activity never comes.
        double: the result of an activity comes twice.
        nudge: an actor is told to look around although nothing has happened.
        late: the result of an activity takes its time.
        stall: the process stands still for a while.
        jump: somebody sets the machine's clock.
        seconds: how late at most, how long, how far.
        most: faults in one run, so that it comes to an end.
        deaths: of them, those that end a process: what runs in one that dies for the
            fifth time is given up.
    """

    crash: float = 0.03
    log: float = 0.05
    steal: float = 0.02
    lost: float = 0.02
    double: float = 0.1
    nudge: float = 0.1
    late: float = 0.1
    stall: float = 0.02
    jump: float = 0.02
    seconds: float = 5.0
    most: int = 12
    deaths: int = 4

    def __attrs_post_init__(self) -> None:
        for attribute in fields(Faults):
            if attribute.name not in ("seconds", "most", "deaths"):
                _check_chance(attribute.name, getattr(self, attribute.name))


KINDS = {
    "crash before write": "crash",
    "crash after write": "crash",
    "crash after turn": "crash",
    "failing write": "log",
    "steal at write": "steal",
    "lost result": "lost",
    "double result": "double",
    "late result": "late",
    "nudge after turn": "nudge",
    "stall after turn": "stall",
    "jump after turn": "jump",
}
"""What can be made to happen, and which chance of `Faults` it has."""

_DEADLY = ("crash", "steal", "lost")

_RARELY = 0.2
"""There are so many more turns than writes: how much rarer their faults are."""


class Fate:
    """Decides at every opportunity whether a fault strikes there.

    The opportunities of each kind are numbered, and each has an amount of its own (how
    late, how long), so that a run can be repeated with some of its faults left out.

    Args:
        seed: where chance comes from.
        faults: chances; or the very faults to have, as `struck` names them.
    """

    def __init__(
        self,
        seed: int | str,
        faults: Faults | Iterable[str] = (),
        seconds: float | None = None,
    ) -> None:
        self.struck: list[str] = []
        self.amount = 0.0
        chances = faults if isinstance(faults, Faults) else Faults()
        self.seconds = chances.seconds if seconds is None else seconds
        self._deaths = 0
        self._faults = faults if isinstance(faults, Faults) else None
        self._plan: Collection[str] = (
            () if isinstance(faults, Faults) else planned(faults)
        )
        self._counts = dict.fromkeys(KINDS, 0)
        self._random = {kind: Random(f"{seed}/{kind}") for kind in KINDS}

    def strikes(self, kind: str) -> bool:
        """Return whether the next opportunity for *kind* is taken; see `amount`."""
        self._counts[kind] = number = self._counts[kind] + 1
        random = self._random[kind]
        chance, amount = random.random(), random.random()
        name = f"{kind} {number}"
        if not self._wants(kind, name, chance):
            return False
        self.amount = amount
        self._deaths += KINDS[kind] in _DEADLY
        self.struck.append(name)
        return True

    def rest(self) -> None:
        """Let nothing go wrong any more."""
        self._faults, self._plan = None, ()

    def _wants(self, kind: str, name: str, chance: float) -> bool:
        faults = self._faults
        if faults is None:
            return name in self._plan
        if len(self.struck) >= faults.most:
            return False
        if KINDS[kind] in _DEADLY and self._deaths >= faults.deaths:
            return False
        share = _RARELY if kind.endswith("turn") else 1.0
        return chance < float(getattr(faults, KINDS[kind])) * share


def planned(faults: Iterable[str]) -> frozenset[str]:
    """Return a plan, checked.

    Raises:
        SettingError: there is no such fault.
    """
    plan = frozenset(faults)
    for name in plan:
        kind, _, number = name.rpartition(" ")
        if kind not in KINDS or not number.isdigit():
            kinds = ", ".join(f"'{kind} N'" for kind in KINDS)
            raise SettingError("faults", name, f"one of {kinds}")
    return plan
