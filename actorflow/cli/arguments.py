"""What people type as values: JSON where it is JSON, text where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from actorflow.cli.failures import USAGE, Refusal
from actorflow.model.policy import seconds


def pairs(given: Iterable[str], option: str) -> dict[str, Any]:
    """Return ``key=value`` arguments as a mapping.

    Raises:
        Refusal: one of them has no key, or a key comes twice.
    """
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Refusal(f"{option} wants KEY=VALUE, not {text!r}", USAGE)
        if key in found:
            raise Refusal(f"{option} {key!r} is given twice", USAGE)
        found[key] = json_or_text(value)
    return found


def searched(given: Iterable[str]) -> dict[str, Any]:
    """Return what ``--where`` asks for.

    Raises:
        Refusal: a value is none that can be searched for.
    """
    wanted = pairs(given, "--where")
    for key, value in wanted.items():
        if isinstance(value, list | dict):
            problem = "search attributes are text, numbers, true or null"
            raise Refusal(f"--where {key}: {problem}", USAGE)
    return wanted


def json_or_text(text: str) -> Any:
    """Return what *text* means as JSON, or else itself."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def strict_json(text: str, what: str) -> Any:
    """Return what *text* means as JSON.

    Raises:
        Refusal: it is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        hint = f"; for text write '{json.dumps(text)}'" if text.isprintable() else ""
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}"
        problem = f"{what} is not JSON: {error.msg} at {place}{hint}"
        raise Refusal(problem, USAGE) from None
    except ValueError as error:
        raise Refusal(f"{what} is not JSON: {error}", USAGE) from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def duration(text: str, option: str) -> float:
    """Return the seconds of ``90``, ``1.5`` or ``1h30m``, as *option* was given."""
    try:
        return seconds(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise Refusal(f"{option}: {error}", USAGE) from None
