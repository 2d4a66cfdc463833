"""Where in a file a problem of the whole graph is written.

The checks of a graph know nothing of files: their sentences name steps, branches,
inputs and outputs, and here those names become places.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from actorflow.model.nodes import Node, Path, Place
from actorflow.model.steps import Step

_QUOTED = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_NAMED = re.compile(rf"(?:\d+ )?(step|input|output)s?(?: name| are named)? {_QUOTED}")
_NUMBERED = re.compile(r"step number (\d+)")
_BRANCH = re.compile(rf"(?:\d+ edges start )?branch(?: name)? {_QUOTED}")
_TARGET = re.compile(rf" goes to {_QUOTED}")
_JOINED = re.compile(rf" joins {_QUOTED}")
_INNER = re.compile(r": ([a-z_]+)(?:\[(\d+)\])?(?:(?:\.|: )([a-z_]+))?")


class Locator:
    """Finds the places of a workflow's problems.

    Args:
        root: what the file holds.
        steps: the steps that were read from it.
    """

    def __init__(self, root: Node, steps: Sequence[Step]) -> None:
        self._root = root
        self._steps = steps
        # Of two with one name, the second is the one to change.
        self._paths: dict[tuple[str, str], Path] = {
            ("step", repr(step.name)): ("steps", number)
            for number, step in enumerate(steps)
        }
        self._branches: dict[str, Path] = {
            repr(edge.branch): ("steps", number, "next", index)
            for number, step in enumerate(steps)
            for index, edge in enumerate(step.next)
        }
        result = root.find(("result",)).value
        if isinstance(result, str):
            self._paths["output", repr(result)] = ("result",)
        for kind in ("input", "output"):
            entries = root.find((f"{kind}s",)).value
            for number, node in enumerate(entries if type(entries) is tuple else ()):
                name = node.find(("name",)).value
                self._paths[kind, repr(name)] = (f"{kind}s", number)

    def place(self, path: Path) -> Place:
        """Return where *path*, or what there is of it, is written."""
        return self._root.find(path).place

    def path(self, problem: str) -> Path:
        """Return what *problem* is about; an empty path is the whole."""
        if match := _NUMBERED.match(problem):
            return ("steps", int(match[1]) - 1)
        if match := _NAMED.match(problem):
            path = self._paths.get((match[1], match[2]), ())
            rest = problem[match.end() :]
            return self._inside(path, rest) if match[1] == "step" else path
        if match := _BRANCH.match(problem):
            return self._branches.get(match[1], ())
        return ("start_at",) if problem.startswith("start_at") else ()

    def _inside(self, path: Path, problem: str) -> Path:
        if not path:
            return path
        step = self._steps[int(path[1])]
        if match := _TARGET.match(problem):
            return (*path, *_way_to(match[1], step))
        if match := _JOINED.match(problem):
            assert step.join is not None
            names = [repr(branch) for branch in step.join.branches]
            return (*path, "join", "branches", *_indices(match[1], names))
        if match := _INNER.match(problem):
            inner = (match[3],) if match[3] else ()
            return (*path, match[1], int(match[2] or 0), *inner)
        return path


def _way_to(target: str, step: Step) -> Path:
    edges = [repr(edge.step) for edge in step.next]
    for index in _indices(target, edges):
        return ("next", index, "step")
    for index in _indices(target, [repr(catch.goto) for catch in step.catch]):
        return ("catch", index, "goto")
    return ("wait_signal", "on_timeout")


def _indices(name: str, names: Sequence[str]) -> tuple[int, ...]:
    return (names.index(name),) if name in names else ()
