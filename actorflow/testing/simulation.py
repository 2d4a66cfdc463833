"""`Simulation`: the whole runtime in one thread, in virtual time, from a seed.

The same seed gives the same run, to the last event and the last turn. A simulation can
be crashed at every write to its log, and plagued by whatever else `Faults` has; the
execution must end as it would have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from actorflow.actors.clock import VirtualClock
from actorflow.log.codec import Codec
from actorflow.model.events import Recorded
from actorflow.testing.drive import EXECUTION, Driver, Outside
from actorflow.testing.faults import Fate, Faults
from actorflow.testing.laws import SimulationError, check_history
from actorflow.testing.outside import Action
from actorflow.testing.world import Setup, World

__all__ = ["CrashReport", "End", "FaultReport", "Simulation", "SimulationError"]


@frozen
class End:
    """How a simulated execution ended.

    Attributes:
        attempts: how often an activity was begun, by (address, visit).
        writes: how many writes the log took, crashes included.
        faults: what went wrong, in order; `Simulation.run` takes it as ``faults=``.
        trace: every turn, write, fault and jump of time.
        compared: how often the state in memory was compared with the log's.
        replies: what updates were answered with, by their key (``name-0``, ...).
        others: how the other executions stand that came of it, by id.
    """

    status: str
    output: Any
    error: str | None
    events: tuple[Recorded, ...]
    attempts: Mapping[tuple[str, int], int]
    writes: int
    faults: tuple[str, ...] = ()
    trace: tuple[str, ...] = field(default=(), repr=False)
    compared: int = 0
    replies: Mapping[str, Any] = field(factory=dict)
    others: Mapping[str, str] = field(factory=dict)

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What must be the same whatever went wrong: all but when something was."""
        others = sorted(self.others.items())
        output, replies = _timeless(self.output), _timeless(self.replies)
        return (self.status, output, self.error, replies, *others)


def _timeless(data: Any) -> Any:
    """Return *data* without the times of the simulation: what goes wrong takes some."""
    if isinstance(data, Mapping):
        if data.get("$") in ("datetime", "date", "time"):
            return "a time"
        return {key: _timeless(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_timeless(value) for value in data]
    return "a time" if isinstance(data, float) and data >= _BEGINNING else data


_BEGINNING = VirtualClock().time()


@frozen
class CrashReport:
    """What `Simulation.crash_everywhere` has tried: every one ended the same."""

    points: int
    end: End


@frozen
class FaultReport:
    """What `Simulation.survive` has tried: every run ended the same.

    Attributes:
        runs: how many.
        faults: how often what went wrong, by kind.
        end: of the run without faults.
    """

    runs: int
    faults: Mapping[str, int]
    end: End


class Simulation:
    """One execution of *definition*, to be run as often as you like.

    Args:
        definition: what is executed.
        definitions: others, which it runs as children by their names.
        inputs: its inputs by name.
        activities: for graphs that name their activities.
        seed: who is next, whenever several could be, and what chance has.
        signals: what the outside sends when the execution waits for nothing else: one
            payload, or a list of them, by topic.
        answers: what people answer, by the id of the question; that of ``"*"`` to every
            question that is not named.
        updates: what callers ask, in this order: one value, or a list, by name. A
            refusal is a reply, too.
        script: what else the outside does, and when: see `Action`.
        codec: makes the codec of every process, for classes of your own.
        settings: anything else that `Runtime` takes.

    Waits for a time are over when nothing else can happen; pauses are resumed.
    """

    def __init__(
        self,
        definition: Any,
        *,
        definitions: Iterable[Any] = (),
        inputs: Mapping[str, Any] | None = None,
        activities: Iterable[Any] = (),
        seed: int = 0,
        signals: Mapping[str, Any] | None = None,
        answers: Mapping[str, Any] | None = None,
        updates: Mapping[str, Any] | None = None,
        script: Iterable[Action] = (),
        codec: Callable[[], Codec] = Codec,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        given = dict(settings or {})
        self._setup = Setup(
            [definition, *definitions], list(activities), seed, codec, given
        )
        self._outside = Outside(
            definition,
            dict(inputs or {}),
            dict(signals or {}),
            dict(answers or {}),
            dict(updates or {}),
            tuple(script),
        )

    def run(self, *, faults: Faults | Iterable[str] = ()) -> End:
        """Run to the end.

        Args:
            faults: chances of what may go wrong; or what shall, as `End.faults` has it.

        Raises:
            SimulationError: an invariant was broken, or nothing leads to an end.
        """
        return self._run(self._setup.seed, faults)

    def crash_everywhere(self, *, turns: bool = False) -> CrashReport:
        """Die before and after every write, each time resume, and compare the ends.

        Args:
            turns: die after every turn of every actor and activity as well.

        Raises:
            SimulationError: an execution ended in another way than without the crash,
                something recorded ran again, or live and replayed state differ.
        """
        expected = self.run()
        kinds = [("crash before write", expected.writes)]
        kinds += [("crash after write", expected.writes)]
        if turns:
            count = sum(" p1 " in line for line in expected.trace)
            kinds += [("crash after turn", count)]
        points = 0
        for kind, count in kinds:
            for number in range(1, count + 1):
                points += 1
                plan = (f"{kind} {number}",)
                self._compare(expected, self._run(self._setup.seed, plan))
        return CrashReport(points, expected)

    def survive(self, runs: int = 100, *, faults: Faults | None = None) -> FaultReport:
        """Run again and again, each time with other faults and in another order.

        Args:
            runs: how often.
            faults: chances of what may go wrong.

        Raises:
            SimulationError: a run ended in another way than without faults, or broke an
                invariant; with the fewest of its faults that suffice for that.
        """
        expected, faults = self.run(), faults or Faults()
        happened: Counter[str] = Counter()
        for seed in range(self._setup.seed, self._setup.seed + runs):
            fate = Fate(seed, faults)
            try:
                self._compare(expected, self._meet(seed, fate))
            except SimulationError as error:
                raise self._shortest(expected, seed, fate, error) from error
            happened.update(name.rpartition(" ")[0] for name in fate.struck)
        return FaultReport(runs, happened, expected)

    # -- a run -------------------------------------------------------------------------

    def _run(self, seed: int, faults: Faults | Iterable[str]) -> End:
        fate = Fate(seed, faults)
        try:
            return self._meet(seed, fate)
        except SimulationError as error:
            raise SimulationError(self._how_to_see(error, seed, fate.struck)) from error

    def _meet(self, seed: int, fate: Fate) -> End:
        """Let *fate* have its way with a run."""
        world = World(evolve(self._setup, seed=seed), fate)
        driver = Driver(world, self._outside)
        with world.closing():
            try:
                driver.drive()
            except SimulationError as error:
                last = "\n  ".join(world.trace[-12:])
                raise SimulationError(f"{error}\nthe last turns:\n  {last}") from error
            return evolve(_end(world, fate), replies=driver.replies)

    def _compare(self, expected: End, end: End) -> None:
        if end.outcome != expected.outcome:
            raise SimulationError(
                self._how_to_see(
                    f"ended as {end.outcome}, not as {expected.outcome}",
                    self._setup.seed,
                    end.faults,
                )
            )

    def _shortest(
        self, expected: End, seed: int, fate: Fate, error: SimulationError
    ) -> SimulationError:
        """Leave out one fault after the other, as long as the run goes wrong."""
        plan = list(fate.struck)
        for name in list(plan):
            fewer = [other for other in plan if other != name]
            try:
                self._compare(expected, self._meet(seed, Fate(seed, fewer)))
            except SimulationError as still:
                plan, error = fewer, still
        return SimulationError(self._how_to_see(error, seed, plan))

    def _how_to_see(self, what: Any, seed: int, plan: Sequence[str]) -> str:
        text = str(what).partition("\nto see it again")[0]
        return (
            f"{text}\nto see it again: Simulation(..., seed={seed})"
            f".run(faults={list(plan)!r})"
        )


def _end(world: World, fate: Fate) -> End:
    account = world.ledger.of(world.processes[0].log, EXECUTION)
    assert account is not None
    for each in world.ledger.accounts.values():
        check_history(each.events)
    state = account.state
    error = (
        None if state.error is None else f"{state.error.type}: {state.error.message}"
    )
    return End(
        state.status,
        state.output,
        error,
        tuple(account.events),
        world.ledger.attempts,
        world.ledger.writes,
        tuple(fate.struck),
        tuple(world.trace),
        world.ledger.compared,
        others={
            name: each.state.status
            for name, each in world.executions().items()
            if name != EXECUTION
        },
    )
