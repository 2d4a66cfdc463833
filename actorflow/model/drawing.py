"""A graph as a picture, in Mermaid's flowchart language."""

from __future__ import annotations

from actorflow.model.definition import Workflow
from actorflow.model.steps import Edge, Step

_SHAPES = {
    "activity": ("[", "]"),
    "map": ("[[", "]]"),
    "flow": ("[[", "]]"),
    "dynamic": ("[/", "/]"),
    "parallel": ("[[", "]]"),
    "loop": ("[[", "]]"),
    "route": ("{", "}"),
    "decide": ("{", "}"),
    "join": ("{{", "}}"),
    "wait_signal": ("([", "])"),
    "ask": ("([", "])"),
    "sleep": ("([", "])"),
    "pause": ("([", "])"),
}


def mermaid(workflow: Workflow) -> str:
    """Return *workflow* as a Mermaid flowchart, one line per step and edge."""
    ids = {step.name: f"s{number}" for number, step in enumerate(workflow.steps)}
    lines = ["flowchart TD"]
    lines += [f"    {ids[step.name]}{_box(step)}" for step in workflow.steps]
    for step in workflow.steps:
        here = ids[step.name]
        lines += [f"    {here} -->{_label(e)} {ids[e.step]}" for e in step.next]
        lines += [f"    {here} -. on error .-> {ids[c.goto]}" for c in step.catch]
        wait = step.wait_signal
        if wait and wait.on_timeout:
            lines.append(f"    {here} -. on timeout .-> {ids[wait.on_timeout]}")
    return "\n".join(lines) + "\n"


def _box(step: Step) -> str:
    left, right = _SHAPES[step.kind]
    return f'{left}"{_escape(step.name)}"{right}'


def _label(edge: Edge) -> str:
    parts = []
    if edge.branch:
        parts.append(f"[{edge.branch}]")
    if edge.when is not None:
        parts.append(edge.when if isinstance(edge.when, str) else "if")
    return f'|"{_escape(" ".join(parts))}"|' if parts else ""


def _escape(text: str) -> str:
    # A line end would end the box; a number sign begins an entity of Mermaid's own.
    text = " ".join(text.split()).replace("&", "&amp;").replace("#", "&#35;")
    return text.replace('"', "&quot;").replace("<", "&lt;")
