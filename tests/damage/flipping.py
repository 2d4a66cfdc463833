"""Changes bytes of a log, one at a time, and judges what is said of it then.

What is read has to be exactly what was written, or an error of actorflow's; only what
is left out, and what the row of a stream says beside its events, is left to the doctor
to find. And whatever goes on must not end otherwise than it would have.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from actorflow.actors.clock import VirtualClock
from actorflow.cli.checkup import examine
from actorflow.errors import ActorflowError
from actorflow.log.sqlite import SQLiteLog
from tests.damage.building import answers, build, go_on, questions
from tests.damage.cells import Trees

FILE = "(file)"
"""In the place of a tree: any byte of the file."""

HARMLESS = {
    "inbox.posted_at": "for people",
    "owner.label": "for people",
    "owner.opened_at": "for people",
    "owner.expires_at": "a lease that has run out",
    "owner.host": "nobody knows whether it is dead before its lease has run out",
    "snapshot.created_at": "for people",
    "stream.updated_at": "what seems younger is pruned later",
}


class Wrong(AssertionError):  # noqa: N818 - what a byte has done
    """A log said what was never written, or kept quiet about what it has lost."""


class Flipper:
    """A log with everything in it, whole; copies of it are damaged.

    Args:
        folder: where the log is made.
        seed: which bytes are changed.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._path = folder / "log.db"
        self._random = Random(seed)
        clock = VirtualClock()
        build(self._path, clock)
        self._now = clock.time() + 72_000  # all leases have run out
        self._asked = questions(self._path)
        self.trees = Trees(self._path)
        self._before = self._said()
        self._expected = self._gone_on(self.trees.content)
        self._known = self._found()

    @property
    def all_trees(self) -> list[str]:
        """All tables and indexes that have something in them, and the whole file."""
        return [FILE, *(name for name in self.trees.names if self.trees.cells(name))]

    def flip(self, tree: str, *, drive: bool = False) -> str:
        """Change one byte of a tree; return how it was noticed.

        With *drive*, executions go on on the damaged log as well.

        Raises:
            Wrong: it was not noticed, and not harmless.
        """
        place, at = self._choose(tree)
        content = bytearray(self.trees.content)
        change = 1 << self._random.randrange(8)
        content[at] ^= self._random.choice([change, self._random.randrange(1, 256)])
        self._put(bytes(content))
        try:
            end = self._judge(place, self._said(), self._found())
            if drive:
                self._compare(self._gone_on(bytes(content)), noticed=end != "harmless")
        except Exception as error:
            what = f"byte {at} ({place}) from {self.trees.content[at]} to {content[at]}"
            raise Wrong(f"{what}: {type(error).__name__}: {error}") from error
        return end

    def _choose(self, tree: str) -> tuple[str, int]:
        if tree == FILE:
            return FILE, self._random.randrange(len(self.trees.content))
        cell = self._random.choice(self.trees.cells(tree))
        return f"{tree}.{cell.column}", self._random.randrange(cell.start, cell.end)

    def _put(self, content: bytes) -> None:
        for beside in self._path.parent.glob("log.db-*"):
            if beside.is_file() and not beside.name.startswith("log.db-owner"):
                beside.unlink()
        self._path.unlink()  # another file, whoever may have that one open still
        self._path.write_bytes(content)

    def _said(self) -> dict[str, Any]:
        return answers(self._path, self._now, self._asked)

    def _found(self) -> set[str]:
        try:
            with SQLiteLog(self._path, read_only=True, clock=lambda: self._now) as log:
                findings = examine(log).findings
        except ActorflowError as error:
            return {str(error)}
        told = [f"{f.stream} {f.message}" for f in findings if f.severity != "note"]
        return set(told)

    def _gone_on(self, content: bytes) -> dict[str, Any]:
        self._put(content)
        return go_on(self._path, self._now)

    def _judge(self, place: str, said: dict[str, Any], found: set[str]) -> str:
        """Return how it was noticed."""
        noticed = bool(found - self._known) if self._known else bool(found)
        for name, answer in said.items():
            right = self._before[name]
            if answer == right or isinstance(answer, ActorflowError):
                continue
            if not noticed and place not in HARMLESS:
                raise Wrong(f"{name} is {answer!r}, not {right!r}; nobody says so")
            if not name.startswith("row") and not _is_part(answer, right):
                raise Wrong(f"{name} is {answer!r}, not {right!r}")
        errors = any(isinstance(each, ActorflowError) for each in said.values())
        if errors and not noticed:
            raise Wrong("it cannot be read, and the doctor finds nothing")
        return "an error" if errors else "the doctor" if noticed else "harmless"

    def _compare(self, ends: dict[str, Any], *, noticed: bool) -> None:
        for name, right in self._expected.items():
            end = ends.get(name)
            if end == right or (
                noticed and (end is None or isinstance(end, Exception))
            ):
                continue
            raise Wrong(f"{name} ends with {end!r}, not {right!r}")


def _is_part(answer: Any, right: Any) -> bool:
    """Whether an answer has nothing in it that the right one has not."""
    if answer is None or isinstance(answer, int):
        return True
    if isinstance(answer, list) and isinstance(right, list):
        return all(each in right for each in answer)
    return False
