"""``${templates}``: text with expressions in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from actorflow.errors import ExpressionError
from actorflow.runtime.interpreter import compiled, evaluate

_A_VARIABLE = len(("state", "x"))
Part = str | tuple[str]
"""Literal text, or a one-tuple with the source of an expression."""


@lru_cache(maxsize=4096)
def parts_of(text: str) -> tuple[Part, ...]:
    """Split a template into literal text and expressions; ``$${`` is a literal ``${``.

    Raises:
        ExpressionError: a ``${`` is not closed, is empty, or does not compile.
    """
    parts: list[Part] = []
    literal, at = "", 0
    while (start := text.find("${", at)) >= 0:
        if start > at and text[start - 1] == "$":
            literal += text[at : start - 1] + "${"
            at = start + 2
            continue
        end = _closing(text, start + 2)
        source = text[start + 2 : end]
        if not source.strip():
            raise ExpressionError(text, "malformed template expression: it is empty")
        compiled(source)
        parts += [literal + text[at:start], (source,)]
        literal, at = "", end + 1
    return tuple(part for part in [*parts, literal + text[at:]] if part)


@lru_cache(maxsize=4096)
def variable_in(template: str) -> tuple[str, str] | None:
    """Return ``("state", "x")`` for ``${state.x}``; None for all that is more.

    Raises:
        ExpressionError: as `parts_of` does.
    """
    parts = parts_of(template.strip())
    path = compiled(parts[0][0]).path if _is_token(parts) else ()
    return (path[0], path[1]) if len(path) == _A_VARIABLE else None


def _is_token(parts: tuple[Part, ...]) -> bool:
    """Whether a template is one whole expression, and keeps the type of its value."""
    return len(parts) == 1 and isinstance(parts[0], tuple)


def _closing(text: str, at: int) -> int:
    """Return where the brace opened before *at* closes; quotes and nesting count."""
    depth, quote = 1, ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return at
        at += 1
    raise ExpressionError(text, "unclosed template expression: a '${' needs its '}'")


def sources_in(template: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) for every string inside a template."""
    if isinstance(template, str):
        yield path, template
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from sources_in(value, f"{path}.{key}" if path else str(key))
    elif isinstance(template, list | tuple):
        for index, value in enumerate(template):
            yield from sources_in(value, f"{path}[{index}]")


def interpolate(text: str, names: Mapping[str, Any]) -> Any:
    """Return the value of a template; one that is a single token keeps its type."""
    if "${" not in text:
        return text
    whole = parts_of(text.strip())
    if _is_token(whole):
        return evaluate(whole[0][0], names)
    values = [
        part if isinstance(part, str) else evaluate(part[0], names)
        for part in parts_of(text)
    ]
    return "".join("" if value is None else str(value) for value in values)
