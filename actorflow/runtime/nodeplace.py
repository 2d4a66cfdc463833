"""Where in a user's code a dynamic node is, for errors and warnings that tell."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_OTHERS = tuple(
    str(file.resolve().parent)
    for file in (Path(__file__).parent, Path(str(asyncio.__file__)))
)
"""Where code lies that is nobody's own: this package, and asyncio."""


def calling(inside: CodeType) -> str | None:
    """Return the line of the user's, called by *inside*, that led to this call."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as `traceback` does
    found = None
    while frame is not None and frame.f_code is not inside:
        if found is None and is_users(frame):
            found = _shown(frame)
        frame = frame.f_back
    return None if frame is None else found


def working(thread: int | None) -> str | None:
    """Return the line of the user's that a thread is in."""
    frame = sys._current_frames().get(thread or 0)  # noqa: SLF001 - it is documented
    while frame is not None and not is_users(frame):
        frame = frame.f_back
    return None if frame is None else _shown(frame)


def awaiting(coroutine: Any) -> str | None:
    """Return the line of the user's at which a suspended coroutine waits."""
    found = None
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", getattr(coroutine, "gi_frame", None))
        if frame is not None and is_users(frame):
            found = _shown(frame)
        coroutine = getattr(
            coroutine, "cr_await", getattr(coroutine, "gi_yieldfrom", None)
        )
    return found


def defined(fn: Any) -> str | None:
    """Return the line at which a function begins."""
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    return f"{code.co_filename}:{code.co_firstlineno} in {code.co_name}"


def is_users(frame: FrameType) -> bool:
    """Whether it is the user's code that a frame runs, or a library's of theirs."""
    return not frame.f_code.co_filename.startswith(_OTHERS)


def _shown(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
