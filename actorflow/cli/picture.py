"""Pictures of graphs, drawn by Graphviz's `dot`, if it is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from actorflow.cli.failures import Refusal
from actorflow.model.definition import Workflow

FORMATS = ("mermaid", "dot", "svg", "png")
PATIENCE = 60
"""Seconds for a picture; a graph that needs more is not one to look at."""


def picture(workflow: Workflow, form: str) -> bytes:
    """Return *workflow* in one of `FORMATS`.

    Raises:
        Refusal: `dot` is not there, or cannot draw it.
    """
    if form == "mermaid":
        return workflow.to_mermaid().encode()
    text = workflow.to_dot().encode()
    return text if form == "dot" else _drawn(text, form)


def format_of(path: Path | None) -> str:
    """Return the format that a file's name asks for; without a file, Mermaid."""
    suffix = path.suffix.removeprefix(".") if path else ""
    return {"gv": "dot"}.get(suffix, suffix if suffix in FORMATS else "mermaid")


def _drawn(text: bytes, form: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the user's, named by us
            ["dot", f"-T{form}"],  # noqa: S607 - wherever he has installed it
            input=text,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
    except FileNotFoundError:
        hint = "install Graphviz, or take --format mermaid or dot, which need nothing"
        raise Refusal(
            f"a picture is drawn by `dot`, which is not there; {hint}"
        ) from None
    except subprocess.TimeoutExpired:
        raise Refusal(f"`dot` has drawn for {PATIENCE} s without an end") from None
    if done.returncode:
        raise Refusal(f"`dot` cannot draw it: {done.stderr.decode(errors='replace')}")
    return done.stdout
