"""Printing, failing, the time, chance, and JSON."""

from __future__ import annotations

import string
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from json import JSONDecodeError, dumps, loads
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from actorflow.errors import ActivityError
from actorflow.model.activities import activity
from actorflow.runtime.context import ActivityContext

MAX_COUNT = 100_000
INVALID = "invalid_input"


@activity(name="print")
def print_(message: Any = "", file: Literal["stdout", "stderr"] = "stdout") -> str:
    """Write *message* and a line end to the standard output, or error; return it."""
    text = message if isinstance(message, str) else str(message)
    stream = sys.stderr if file == "stderr" else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()
    return text


@activity
def fail(
    message: str = "failed on purpose",
    type: str = "activity_failed",
    details: Any = None,
) -> None:
    """Fail, with an error class that retries and catches can match."""
    raise ActivityError(message, type=type, details=details)


@activity
def now(ctx: ActivityContext, timezone: str = "UTC") -> datetime:
    """Return the time, in a zone such as ``Europe/Berlin``."""
    if timezone == "UTC":
        return ctx.now()
    try:
        return ctx.now().astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _invalid(f"no time zone is called {timezone!r}") from error


@activity
def random(
    ctx: ActivityContext,
    kind: Literal["integer", "float", "boolean", "choice", "text", "uuid"] = "float",
    *,
    low: float = 0,
    high: float = 1,
    choices: Sequence[Any] = (),
    length: int = 16,
    alphabet: str = string.ascii_letters + string.digits,
    count: int | None = None,
) -> Any:
    """Return something random; as its result is recorded, it is chosen once.

    Args:
        ctx: filled in.
        kind: an integer from *low* to *high*, both included; a float between them; a
            boolean; one of *choices*; text of *length* from *alphabet*; or a UUID.
        low: the least number.
        high: the greatest.
        choices: what to choose from.
        length: how many characters.
        alphabet: which ones.
        count: return a list of so many.
    """
    if count is not None and not 0 <= count <= MAX_COUNT:
        raise _invalid(f"count must be 0 to {MAX_COUNT:,}, not {count}")
    if kind in ("integer", "float") and low > high:
        raise _invalid(f"low is {low}, which is more than high, {high}")
    if kind == "choice" and not choices:
        raise _invalid("there is nothing to choose from")
    if kind == "text" and (not 0 <= length <= MAX_COUNT or not alphabet):
        raise _invalid(f"text needs an alphabet, and a length of 0 to {MAX_COUNT:,}")
    chance = ctx.random

    ways: dict[str, Callable[[], Any]] = {
        "integer": lambda: chance.randint(round(low), round(high)),
        "float": lambda: chance.uniform(low, high),
        "boolean": lambda: chance.random() < 0.5,  # noqa: PLR2004 - a coin
        "choice": lambda: chance.choice(choices),
        "text": lambda: "".join(chance.choices(alphabet, k=length)),
        "uuid": lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    }
    one = ways[kind]
    return one() if count is None else [one() for _ in range(count)]


@activity
def json(
    operation: Literal["parse", "write", "query", "merge", "is_valid"],
    value: Any,
    *,
    path: str = "",
    other: Mapping[str, Any] | None = None,
    indent: int | None = None,
) -> Any:
    """Parse, write, query, merge or check JSON.

    Args:
        operation: ``parse`` text; ``write`` a value as text; ``query`` a value (or
            text) by a *path* such as ``orders.0.id``; ``merge`` *other* into a mapping,
            mapping by mapping; or tell whether text ``is_valid``.
        value: what to work on.
        path: keys and indices with dots between them; empty is the whole.
        other: wins where both have a value.
        indent: spaces to write nested values with.
    """
    if operation == "is_valid":
        return _is_json(value)
    if operation == "write":
        return _written(value, indent)
    if operation == "parse":
        return _parsed(value)
    if operation == "query":
        return _found(_parsed(value) if isinstance(value, str) else value, path)
    if not isinstance(value, Mapping) or not isinstance(other, Mapping):
        raise _invalid("merge needs two mappings")
    return _merged(value, other)


def _invalid(message: str) -> ActivityError:
    return ActivityError(message, type=INVALID)


def _parsed(text: Any) -> Any:
    if not isinstance(text, str | bytes):
        raise _invalid(f"only text can be parsed, not {type(text).__name__}")
    try:
        return loads(text)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(f"is no JSON: {error}") from error


def _is_json(text: Any) -> bool:
    try:
        _parsed(text)
    except ActivityError:
        return False
    return True


def _written(value: Any, indent: int | None) -> str:
    try:
        return dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(f"cannot be written as JSON: {error}") from error


def _found(value: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            kind = type(value).__name__
            raise _invalid(f"{path!r}: there is no {part!r} in this {kind}") from None
    return value


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        mine = merged.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            value = _merged(mine, value)  # noqa: PLW2901 - what it becomes
        merged[key] = value
    return merged
