"""An audit trail that misses nothing: a subscriber of the log, over restarts.

Run it with ``python examples/audit.py``: letters are written in one process, and told
to the auditor in the next, each once, in order.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import actorflow as af


class Audit(af.Lifecycle):
    """Keeps a line for every end."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def step_ended(self, step: af.Occurrence) -> None:
        """A step is over."""
        why = f": {step.error.message}" if step.error else ""
        self.lines.append(f"{step.execution_id} {step.node} {step.status}{why}")

    def attempt_failed(self, step: af.Occurrence) -> None:
        """There will be another try."""
        self.lines.append(f"{step.execution_id} {step.node} tries again")


@af.activity(retry=af.Retry(max_attempts=2, initial=0))
def write(ctx: af.ActivityContext, to: str) -> str:
    """Write a letter; the first pen is always dry."""
    if ctx.attempt == 1:
        raise RuntimeError("the pen is dry")
    return f"Dear {to}"


@af.activity
def send(letter: str) -> str:
    """Send it."""
    return f"sent: {letter}"


letters = (
    af.Flow("letters", inputs=["to"])
    .then(write, into="letter")
    .then(send, into="sent")
    .build()
)


def write_letters(log: Path, *names: str) -> None:
    """Write and send letters; nobody looks."""
    with af.Runtime(log, definitions=[letters]) as runtime:
        for name in names:
            runtime.start(letters, to=name, execution_id=name).result(timeout=10)


def audited(log: Path) -> list[str]:
    """Return what has happened since the last audit."""
    audit = Audit()
    with af.Runtime(log, definitions=[letters]) as runtime:
        runtime.subscribe("audit", audit, start="beginning").catch_up(timeout=10)
    return audit.lines


def main() -> None:
    """Write, audit, write more, audit again."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "letters.db")
        for names in (["Ada"], ["Grace", "Alan"]):
            write_letters(log, *names)
            print(*audited(log), sep="\n")
            print("-- the next audit")


if __name__ == "__main__":
    main()
