"""The two logs are one: whatever is done to both, both answer alike."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from actorflow.errors import LogError
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.log.port import (
    EventLog,
    Filters,
    Reach,
    Snapshot,
    Stream,
    Summary,
    Write,
)
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import Recorded
from actorflow.testing.log_contract import Ticker, done

NAMES = st.sampled_from(["x", "y", "z"])
WHO = st.sampled_from(["a", "b"])
SUMMARIES = st.none() | st.builds(
    Summary,
    st.sampled_from(["running", "suspended", "completed"]),
    st.none() | st.integers(0, 40).map(lambda n: 1_700_000_000.0 + n),
    st.lists(st.dictionaries(st.text(max_size=3), st.integers()), max_size=1),
    st.none() | st.dictionaries(st.sampled_from(["k", "l"]), st.integers(0, 2)),
    st.none() | st.sampled_from(["f1", "f2"]),
    st.none() | st.integers(0, 3).map(float),
    st.none() | st.lists(st.sampled_from(["gpu", "eu"]), max_size=2),
)
REACH = Reach({"t": ("f1",), "none": ()}, ("gpu",))


@frozen
class Pair:
    """The same thing in both logs."""

    memory: Any
    sqlite: Any

    def each(self) -> tuple[Any, Any]:
        """Return both."""
        return self.memory, self.sqlite


class TwoLogs(RuleBasedStateMachine):
    """Does everything twice and compares."""

    holds: Bundle[Pair] = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.clock = Ticker()
        self.store = MemoryStore()
        self.batch: list[Pair] = []
        self.logs = {who: self.opened() for who in "ab"}

    def opened(self) -> Pair:
        """Open both logs once more."""
        return Pair(
            MemoryLog(store=self.store, clock=self.clock, owner_label="x"),
            SQLiteLog(
                self.directory / "log.db",
                clock=self.clock,
                owner_label="x",
                durability="process",
            ),
        )

    def both(self, who: str, ask: Callable[[EventLog], Any]) -> Pair:
        """Ask both logs the same, and require the same answer."""
        answers = []
        for log in self.logs[who].each():
            try:
                answers.append(ask(log))
            except LogError as error:
                answers.append(error)
        one, other = answers
        assert shown(one) == shown(other), (shown(one), shown(other))
        return Pair(one, other)

    @rule(target=holds, name=NAMES)
    def hold(self, name: str) -> Pair:
        """Wish for a stream."""
        return Pair(Stream("e", name, "t"), Stream("e", name, "t"))

    @rule(
        hold=holds,
        count=st.integers(0, 3),
        skip=st.sampled_from([0, 0, 0, 0, 1]),
        summary=SUMMARIES,
        snapshot=st.booleans(),
        create=st.booleans(),
        release=st.sampled_from([False, False, True]),
        consumed=st.lists(st.integers(1, 5), max_size=1),
    )
    def stage(
        self, hold: Pair, *, count: int, skip: int, snapshot: bool, **options: Any
    ) -> None:
        """Put a write into the batch; a skipped number makes a gap."""
        writes = []
        for stream in hold.each():
            first = stream.head + 1 + skip
            stream.head += count
            events = [
                Recorded(n, 1.5 + n, f"é{n}", done(n))
                for n in range(first, first + count)
            ]
            taken = Snapshot(stream.head, "v", [count]) if snapshot else None
            writes.append(Write(stream, events, snapshot=taken, **options))
        self.batch.append(Pair(*writes))

    @rule(who=WHO)
    def write(self, who: str) -> None:
        """Write the batch."""
        batch, self.batch = self.batch, []
        memory, sqlite = self.logs[who].each()
        memory.write([pair.memory for pair in batch])
        sqlite.write([pair.sqlite for pair in batch])
        for pair in batch:
            one, other = pair.each()
            assert shown(one.error) == shown(other.error)
            assert shown(one.stream) == shown(other.stream)

    @rule(target=holds, who=WHO, name=NAMES)
    def claim(self, who: str, name: str) -> Any:
        """Claim a stream."""
        pair = self.both(who, lambda log: log.claim("e", name))
        return pair if isinstance(pair.memory, Stream) else multiple()

    @rule(target=holds, who=WHO, limit=st.integers(1, 3), queued=st.booleans())
    def claim_free(self, who: str, limit: int, *, queued: bool) -> Any:
        """Claim what nobody owns."""

        def claim(log: EventLog) -> Any:
            if queued:
                return log.claim_queued("e", REACH, limit=limit)
            return log.claim_abandoned("e", REACH, status="running", limit=limit)

        found = self.both(who, claim)
        return multiple(
            *(
                Pair(
                    Stream("e", r.name, "t", r.id, r.head, r.epoch),
                    Stream("e", r.name, "t", r.id, r.head, r.epoch),
                )
                for r in found.memory
            )
        )

    @rule(who=WHO, name=NAMES, key=st.sampled_from([None, "k"]))
    def post(self, who: str, name: str, key: str | None) -> None:
        """Leave a command."""
        self.both(who, lambda log: log.post("e", name, "signal", {"k": key}, key=key))

    @rule(who=WHO, name=NAMES)
    def delete(self, who: str, name: str) -> None:
        """Delete a stream, if nobody else holds it."""
        self.both(who, lambda log: log.delete("e", [name], reason="test"))

    @rule(who=WHO)
    def renew(self, who: str) -> None:
        """Extend a lease."""
        self.both(who, lambda log: log.renew())

    @rule(who=WHO, name=NAMES)
    def changed(self, who: str, name: str) -> None:
        """Leave a command, and let the other one notice."""
        posted = self.both(who, lambda log: log.post("e", name, "signal", {}))
        if isinstance(posted.memory, int):
            other = "b" if who == "a" else "a"
            self.both(other, lambda log: log.changed())

    @rule(seconds=st.integers(1, 12))
    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(who=WHO, clean=st.booleans())
    def restart(self, who: str, *, clean: bool) -> None:
        """End a process, one way or the other, and start another."""
        for log in self.logs[who].each():
            if clean:
                log.close()
            else:
                log.abandon()
        self.logs[who] = self.opened()

    @invariant()
    def nothing_differs(self) -> None:
        """Both logs show the same."""
        self.both("a", lambda log: log.owner)
        found = self.both("a", lambda log: log.rows("e"))
        wanted: Filters = {"status": ["running", "suspended"], "where": {"k": 1}}
        self.both("b", lambda log: log.rows("e", **wanted))
        self.both("b", lambda log: log.count("e", **wanted))
        self.both("a", lambda log: log.inbox())
        self.both("a", lambda log: log.due("e", REACH, now=self.clock(), limit=2))
        self.both("b", lambda log: log.next_wake("e", REACH))
        for row in found.memory:
            self.both("a", lambda log, id_=row.id: list(log.read(id_)))  # type: ignore[misc]
            self.both("b", lambda log, id_=row.id: log.snapshot(id_))  # type: ignore[misc]

    def teardown(self) -> None:
        """Close everything, and require that the file is sound."""
        assert [
            f for f in self.logs["a"].sqlite.diagnose() if f.severity != "note"
        ] == []
        for pair in self.logs.values():
            for log in pair.each():
                log.close()
        shutil.rmtree(self.directory)


def shown(answer: Any) -> Any:
    """Return an answer so that two logs' answers can be compared."""
    if isinstance(answer, Exception):
        return type(answer), answer.args
    if isinstance(answer, list):
        return [shown(each) for each in answer]
    if isinstance(answer, Stream):
        lost = shown(answer.lost)
        return answer.name, answer.id, answer.head, answer.epoch, lost
    if hasattr(answer, "waits"):
        return evolve(
            answer,
            waits=list(answer.waits),
            attributes={**answer.attributes},
            tags=list(answer.tags),
        )
    return answer


TestTwoLogs = TwoLogs.TestCase
TestTwoLogs.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
