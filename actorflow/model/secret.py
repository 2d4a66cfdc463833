"""Values that nobody is to read by accident."""

from __future__ import annotations

import hmac
from typing import Any

MASK = "**********"


class Secret:
    """Holds a value that shows in no text: not printed, formatted, logged or listed.

    In a log it is sealed by the payload codec of the runtime, by itself, so that
    nothing that is read back or shown holds it in clear either; without such a codec
    it is refused.

    Args:
        value: what is secret; anything that can be recorded.
    """

    __slots__ = ("_value", "sealed")

    def __init__(self, value: Any) -> None:
        if isinstance(value, Secret):
            raise TypeError("it is secret already")
        self._value = value
        self.sealed: Any = None
        """How it is written in the log, once it has been: always the same way."""

    def reveal(self) -> Any:
        """Return the value; use it where it is needed, and keep it nowhere."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        one, two = self._value, other._value
        if isinstance(one, str) and isinstance(two, str):
            one, two = (text.encode("utf-8", "surrogatepass") for text in (one, two))
            return hmac.compare_digest(one, two)
        return bool(one == two)

    __hash__ = None  # type: ignore[assignment]  # a key of a mapping is shown
