"""Writing to the terminal: tables and colours for people, bare lines for pipes.

The only module that decides between the two; rich is imported when it is needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {
    "queued": "blue",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
    "running": "cyan",
    "waiting": "yellow",
    "suspended": "yellow",
    "paused": "magenta",
}
MARKS = {
    "completed": "✓",
    "failed": "✗",
    "cancelled": "-",
    "running": "•",
    "waiting": "…",
}


def is_terminal(*, err: bool = False) -> bool:
    """Return whether a person reads standard output (or error)."""
    stream = sys.stderr if err else sys.stdout
    return bool(stream.isatty())


def console(*, err: bool = False) -> Console:
    """Return rich's door to standard output (or error)."""
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def say(text: str = "", **style: Any) -> None:
    """Write a line; colours are left out where nobody sees them."""
    click.secho(text, **style)


def tell(text: str = "", **style: Any) -> None:
    """Write a line beside the output, on standard error."""
    click.secho(text, err=True, **style)


def document(value: Any) -> None:
    """Write a JSON document for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def line(value: Any) -> None:
    """Write one line of a JSON stream, at once."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def pretty(value: Any) -> None:
    """Write a value for people: text as it is, everything else as JSON, in colour."""
    if isinstance(value, str):
        click.echo(value)
    elif is_terminal():
        text = json.dumps(value, ensure_ascii=False, default=str)
        console().print_json(text)
    else:
        document(value)


def coloured(status: str) -> str:
    """Return a status in its colour."""
    return click.style(status, fg=COLOURS.get(status))


def mark(status: str) -> str:
    """Return the one character that stands for a step's status."""
    return click.style(MARKS.get(status, "?"), fg=COLOURS.get(status))


def heading(text: str) -> None:
    """Begin a part of what a command shows."""
    say()
    say(text, bold=True)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0
) -> None:
    """Write rows under their columns; cells may be styled.

    A column whose name begins with ``>`` is aligned to the right. Nothing is cut off:
    a terminal wraps what is too long, a pipe gets it whole.
    """
    right = [name.startswith(">") for name in columns]
    names = [click.style(name.lstrip(">"), dim=True) for name in columns]
    lines = [names, *rows] if any(columns) else [*rows]
    widths = [
        max((_width(each[n]) for each in lines), default=0) for n in range(len(columns))
    ]
    for each in lines:
        cells = [
            _padded(cell, width, right=to_right)
            for cell, width, to_right in zip(each, widths, right, strict=True)
        ]
        click.echo(" " * indent + "  ".join(cells).rstrip())


def _width(cell: str) -> int:
    return len(click.unstyle(cell))


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space
