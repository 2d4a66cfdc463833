"""What the documents run: every execution that a page starts, to be run again."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import attrs

import actorflow as af
from actorflow.log.codec import Codec
from actorflow.runtime.registry import as_workflow
from actorflow.testing import Cancel, Simulation, runtimes

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if ".start(" in path.read_text(encoding="utf-8")
    and BLOCK.search(path.read_text(encoding="utf-8"))
    and path.stem != "first-execution"  # it is about a process that really is killed
]


@attrs.define
class Started:
    """One execution that a page has started, and what the page did to it."""

    definition: Any
    inputs: dict[str, Any]
    activities: Sequence[Any]
    known: Mapping[str, Any]
    codec: Codec | None = None
    signals: dict[str, list[Any]] = attrs.field(factory=dict)
    answers: dict[str, list[Any]] = attrs.field(factory=dict)

    @property
    def is_repeatable(self) -> bool:
        """Whether it ends the same each time: `errand` tosses a coin."""
        return self.name != "errand"

    @property
    def name(self) -> str:
        """The name of what was started."""
        return as_workflow(self.definition).name

    def simulation(self, seed: int = 0) -> Simulation:
        """Simulate it; what the page leaves waiting is cancelled."""
        return Simulation(
            self.definition,
            inputs=self.inputs,
            activities=self.activities,
            definitions=[d for d in self.known.values() if d.name != self.name],
            signals=self.signals,
            answers=self.answers,
            script=[Cancel()],
            codec=lambda: self.codec or Codec(),
            seed=seed,
        )


_OPTIONS = ("execution_id", "on_conflict", "attributes")


class NotingRuntime(af.Runtime):
    """A runtime that notes what it is asked to start, to signal and to answer."""

    found: ClassVar[dict[str, Started]] = {}

    def __init__(
        self,
        log: Any,
        definitions: Any = (),
        activities: Iterable[Any] = (),
        **settings: Any,
    ) -> None:
        self.given, self.own = list(activities), settings.get("codec")
        super().__init__(log, definitions, self.given, **settings)

    def start(self, definition: Any, /, *args: Any, **given: Any) -> Any:
        """Note it, and do it."""
        run = super().start(definition, *args, **given)
        workflow = self._workflow(definition)
        inputs = dict(zip([i.name for i in workflow.inputs], args, strict=False))
        inputs |= {k: v for k, v in given.items() if k not in _OPTIONS}
        plain = workflow if isinstance(definition, str) else definition
        self.found.setdefault(
            run.id, Started(plain, inputs, self.given, self.definitions, self.own)
        )
        return run

    def signal(
        self, execution_id: str, topic: str, payload: Any = None, **more: Any
    ) -> None:
        """Note it, and do it."""
        super().signal(execution_id, topic, payload, **more)
        if execution_id in self.found:  # else it is a child, which nobody started
            self.found[execution_id].signals.setdefault(topic, []).append(payload)

    def answer(self, execution_id: str, question: str, value: Any, **more: Any) -> None:
        """Note it, and do it."""
        super().answer(execution_id, question, value, **more)
        if execution_id in self.found:
            self.found[execution_id].answers.setdefault(question, []).append(value)


def started_by(page: Path) -> list[Started]:
    """Run the blocks of a page; return what it has started."""
    namespace: dict[str, Any] = {"__name__": f"page_{page.stem}"}
    text = page.read_text(encoding="utf-8")
    NotingRuntime.found.clear()
    with (
        tempfile.TemporaryDirectory() as scratch,
        contextlib.chdir(scratch),
        mock.patch.object(af, "Runtime", NotingRuntime),
        mock.patch.object(runtimes, "Runtime", NotingRuntime),
    ):
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start(1))
            code = compile("\n" * line + block[1], str(page), "exec")
            exec(code, namespace)  # noqa: S102 - the project's own pages
    return [each for each in NotingRuntime.found.values() if each.is_repeatable]
