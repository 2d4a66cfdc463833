"""What tests of the log do to a file, or to what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


class Reversed:
    """A payload codec."""

    name = "reversed"

    def encode(self, payload: bytes) -> bytes:
        """Turn it round."""
        return payload[::-1]

    decode = encode


def tamper(path: Path, *statements: str) -> None:
    """Change a file as no log would, and leave its guards as they were."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guards = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, text in guards:
            connection.execute(text)
