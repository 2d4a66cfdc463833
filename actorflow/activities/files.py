"""Reading and writing files, in one directory.  Import it on purpose."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from actorflow.errors import ActivityError
from actorflow.model.activities import Activity, activity

MAX_BYTES = 10 * 1024 * 1024
Operation = Literal["read", "write", "append", "delete", "exists", "list", "make"]


def file_in(root: str | os.PathLike[str], *, name: str = "file") -> Activity[..., Any]:
    """Return an activity that works on the files under *root*, and on no others.

    Called with an operation and a path, it will ``read`` text (``encoding=None``:
    bytes), ``write`` or ``append`` *content*, ``delete`` a file or an empty directory,
    tell whether something ``exists``, ``list`` names (directories end in ``/``), or
    ``make`` a directory. A path that leads out of *root*, by dots or by links, is
    refused. Writing is all or nothing, and may be repeated; so may deleting.

    Args:
        root: the directory.
        name: under which graphs know the activity.
    """
    base = Path(root).resolve()

    @activity(name=name)
    def file(
        operation: Operation,
        path: str = ".",
        content: str | bytes = "",
        *,
        encoding: str | None = "utf-8",
    ) -> Any:
        """Work on a file of one directory; see `file_in`."""
        return _OPERATIONS[operation](_inside(base, path), content, encoding)

    return file


def _inside(base: Path, path: str) -> Path:
    try:
        found = (base / path).resolve()
    except (OSError, ValueError) as error:
        raise ActivityError(f"{path!r}: {error}", type="invalid_input") from error
    if not found.is_relative_to(base):
        raise ActivityError(f"{path!r} leads out of the directory", type="fatal")
    return found


def _read(path: Path, _: str | bytes, encoding: str | None) -> str | bytes:
    if path.stat().st_size > MAX_BYTES:
        problem = f"{path.name} is larger than {MAX_BYTES:,} bytes"
        raise ActivityError(problem, type="too_large")
    content = path.read_bytes()
    return content if encoding is None else content.decode(encoding)


def _write(path: Path, content: str | bytes, encoding: str | None) -> int:
    data = _bytes(content, encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.write_bytes(data)
    draft.replace(path)
    return len(data)


def _append(path: Path, content: str | bytes, encoding: str | None) -> int:
    data = _bytes(content, encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.write(data)
    return len(data)


def _delete(path: Path, _: str | bytes, __: str | None) -> bool:
    if path.is_dir():
        path.rmdir()
        return True
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def _exists(path: Path, _: str | bytes, __: str | None) -> bool:
    return path.exists()


def _list(path: Path, _: str | bytes, __: str | None) -> list[str]:
    return sorted(p.name + ("/" if p.is_dir() else "") for p in path.iterdir())


def _make(path: Path, _: str | bytes, __: str | None) -> None:
    path.mkdir(parents=True, exist_ok=True)


def _bytes(content: str | bytes, encoding: str | None) -> bytes:
    return content if isinstance(content, bytes) else content.encode(encoding or "utf8")


_OPERATIONS: dict[str, Callable[[Path, str | bytes, str | None], Any]] = {
    "read": _read,
    "write": _write,
    "append": _append,
    "delete": _delete,
    "exists": _exists,
    "list": _list,
    "make": _make,
}
