"""How a command says that it could not do its work: one line, one exit code."""

from __future__ import annotations

import errno
import logging
import traceback
from typing import Any

import click

from actorflow import errors

GENERAL, USAGE, RESTS, NOT_FOUND, NO_LOG = 1, 2, 3, 4, 5
INTERRUPTED = 130

EXIT_CODES = """\b
Exit codes:
  0    done; of `run` and `watch`: the execution has completed
  1    it went wrong; of `run` and `watch`: it failed or was cancelled;
       of `replay`: a history differs
  2    the command line, a definition or its inputs are wrong
  3    of `run`: the execution is suspended or paused
  4    there is no such execution, branch or event
  5    the log is missing, unreadable, damaged, newer, or no log
  130  stopped from the keyboard"""

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.StreamNotFoundError, NOT_FOUND),
    (errors.ExecutionNotFoundError, NOT_FOUND),
    (errors.BranchNotFoundError, NOT_FOUND),
    (errors.EventNotFoundError, NOT_FOUND),
    (errors.ScheduleNotFoundError, NOT_FOUND),
    (errors.OwnedError, GENERAL),
    (errors.FencedError, GENERAL),
    (errors.LogError, NO_LOG),
    (errors.UnreadableError, NO_LOG),
    (errors.DefinitionError, USAGE),
    (errors.DefinitionMismatch, USAGE),
    (errors.UnknownDefinitionError, USAGE),
    (errors.InputError, USAGE),
    (errors.ExpressionError, USAGE),
)


class Refusal(Exception):  # noqa: N818 - it says what the command will not do
    """The command cannot do what was asked."""

    def __init__(self, message: str, exit_code: int = GENERAL) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self) -> None:
        """Write the one line."""
        click.secho(f"error: {self}", fg="red", err=True)


def exit_code_of(error: Exception) -> int:
    """Return the exit code that stands for *error*."""
    return next((code for cls, code in _CODES if isinstance(error, cls)), GENERAL)


def refusal_of(error: Exception, *, debug: bool) -> Refusal:
    """Return *error* as what a person is told of it."""
    if isinstance(error, Refusal):
        return error
    if debug:
        traceback.print_exception(error)
    if isinstance(error, errors.ActorflowError):
        return Refusal(str(error), exit_code_of(error))
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Refusal(f"{where}{error.strerror}")
    if isinstance(error, UnicodeEncodeError):
        return Refusal(f"{error.object!r:.60} is no text: it is not UTF-8", USAGE)
    hint = "" if debug else " (--debug shows where)"
    return Refusal(f"{type(error).__name__}: {error}{hint}")


def is_lost_reader(error: Exception) -> bool:
    """Return whether whoever read our output has gone, as `head` does."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


class OneLine(logging.Formatter):
    """Log records without their tracebacks."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - named by logging
        """Return the exception in a few words."""
        return f"  {ei[0].__name__}: {ei[1]}"


def show_warnings(*, debug: bool) -> None:
    """Let the runtime's warnings be seen, in a line each."""
    logger = logging.getLogger("actorflow")
    handler = logging.StreamHandler()
    form = "%(levelname)s: %(message)s"
    handler.setFormatter(logging.Formatter(form) if debug else OneLine(form))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO if debug else logging.WARNING)
