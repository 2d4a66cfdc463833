"""What every command shares: which log, which form of output, how much of an error."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import define

F = TypeVar("F", bound=Callable[..., Any])

VARIABLE = "ACTORFLOW_DB"
DEFAULT = "actorflow.db"


@define
class Settings:
    """The options that every command takes, before its name or after it.

    Attributes:
        given: the log as `--db` named it.
        json: write for programs.
        debug: show where an error comes from.
    """

    given: str | None = None
    json: bool = False
    debug: bool = False

    @property
    def db(self) -> Path:
        """The log file: `--db`, else the environment's, else the one that is here."""
        return Path(self.given or os.environ.get(VARIABLE) or DEFAULT)

    def command(self, *words: str) -> str:
        """Return a command on this log, for a person to paste into a shell."""
        db = ["--db", self.given] if self.given else []
        name, *rest = words
        if rest and rest[0].startswith("-"):  # an id, which looks like an option
            return shlex.join(["actorflow", name, *db, "--", *rest])
        return shlex.join(["actorflow", *words, *db])


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings of the invocation that *ctx* is part of."""
    return ctx.find_root().ensure_object(Settings)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        setattr(settings_of(ctx), str(param.name), value)


def common(command: F) -> F:
    """Let *command* take the options that all take."""
    for option in _OPTIONS:
        command = option(command)
    return command


_OPTIONS: list[Callable[[F], F]] = [
    click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Show the traceback of an error.",
    ),
    click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Write JSON: one document, or one per line for what is a stream.",
    ),
    click.option(
        "--db",
        "given",
        metavar="PATH",
        expose_value=False,
        callback=_remember,
        help=f"The log.  [default: ${VARIABLE}, else ./{DEFAULT}]",
    ),
]

pass_settings = click.make_pass_decorator(Settings, ensure=True)
