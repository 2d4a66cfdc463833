"""A graph as a picture: in Mermaid's flowchart language, and in Graphviz's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actorflow.model.definition import Workflow
from actorflow.model.steps import Edge, Step

_WHOLE, _WAIT, _CHOICE = ("[[", "]]"), ("([", "])"), ("{", "}")
_MERMAID = {
    "activity": ("[", "]"),
    "dynamic": ("[/", "/]"),
    **dict.fromkeys(("map", "flow", "child", "parallel", "loop"), _WHOLE),
    **dict.fromkeys(("route", "decide"), _CHOICE),
    **dict.fromkeys(("wait_signal", "ask", "sleep", "pause"), _WAIT),
    "join": ("{{", "}}"),
}
_DOT = {
    "activity": "box",
    "dynamic": "parallelogram",
    **dict.fromkeys(("map", "flow", "child", "parallel", "loop"), "box3d"),
    **dict.fromkeys(("route", "decide"), "diamond"),
    **dict.fromkeys(("wait_signal", "ask", "sleep", "pause"), "ellipse"),
    "join": "hexagon",
}


class Arrow(NamedTuple):
    """A way from one step to another; *label* is empty where nothing is to be said."""

    source: str
    target: str
    label: str
    dotted: bool = False


def arrows(workflow: Workflow) -> Iterator[Arrow]:
    """Yield every way that control may take."""
    for step in workflow.steps:
        for edge in step.next:
            yield Arrow(step.name, edge.step, _label(edge))
        for catch in step.catch:
            yield Arrow(step.name, catch.goto, "on error", dotted=True)
        wait = step.wait_signal
        if wait and wait.on_timeout:
            yield Arrow(step.name, wait.on_timeout, "on timeout", dotted=True)


def _label(edge: Edge) -> str:
    branch = f"[{edge.branch}]" if edge.branch else ""
    when = (
        "" if edge.when is None else edge.when if isinstance(edge.when, str) else "if"
    )
    return _line(f"{branch} {when}")


def _line(text: str) -> str:
    return " ".join(text.split())


# --- Mermaid -------------------------------------------------------------------------


def mermaid(workflow: Workflow) -> str:
    """Return *workflow* as a Mermaid flowchart, one line per step and edge."""
    ids = {step.name: f"s{number}" for number, step in enumerate(workflow.steps)}
    lines = ["flowchart TD"]
    lines += [f"    {ids[step.name]}{_mermaid_box(step)}" for step in workflow.steps]
    for source, target, label, dotted in arrows(workflow):
        text = f'|"{_escaped(label)}"|' if label else ""
        way = f"-. {label} .->" if dotted else f"-->{text}"
        lines.append(f"    {ids[source]} {way} {ids[target]}")
    return "\n".join(lines) + "\n"


def _mermaid_box(step: Step) -> str:
    left, right = _MERMAID[step.kind]
    return f'{left}"{_escaped(_line(step.name))}"{right}'


def _escaped(text: str) -> str:
    # A number sign begins an entity of Mermaid's own.
    text = text.replace("&", "&amp;").replace("#", "&#35;")
    return text.replace('"', "&quot;").replace("<", "&lt;")


# --- Graphviz ------------------------------------------------------------------------


def dot(workflow: Workflow) -> str:
    """Return *workflow* in the DOT language, as `dot` and others draw it."""
    ids = {step.name: f"s{number}" for number, step in enumerate(workflow.steps)}
    lines = [f"digraph {_quoted(workflow.name)} {{", "    node [shape=box]"]
    for step in workflow.steps:
        box = f"label={_quoted(_line(step.name))}, shape={_DOT[step.kind]}"
        lines.append(f"    {ids[step.name]} [{box}]")
    for source, target, label, dotted in arrows(workflow):
        style = ["style=dashed"] if dotted else []
        told = ", ".join([f"label={_quoted(label)}", *style]) if label else ""
        lines.append(
            f"    {ids[source]} -> {ids[target]}" + (f" [{told}]" * bool(told))
        )
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    # A backslash begins an escape of DOT's own, as in \N.
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
