"""Where in an SQLite file the cells of its tables and indexes are.

https://www.sqlite.org/fileformat2.html, as far as a test needs it: what lies in the
pages of a tree themselves, not what overflows them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from attrs import frozen

_INTERIOR_INDEX, _INTERIOR_TABLE, _LEAF_INDEX, _LEAF_TABLE = 0x02, 0x05, 0x0A, 0x0D
_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}


@frozen
class Cell:
    """One value of one row: which bytes of the file it takes.

    Attributes:
        tree: the table or the index.
        column: its name; ``"(header)"`` for the sizes and types of all columns.
    """

    tree: str
    column: str
    start: int
    end: int


class Trees:
    """The tables and indexes of a file.

    Attributes:
        content: the bytes of the file.
        names: of its tables and indexes.
    """

    def __init__(self, path: Path) -> None:
        self.content = path.read_bytes()
        self._size = int.from_bytes(self.content[16:18], "big")
        self._usable = self._size - self.content[20]
        with closing(sqlite3.connect(path)) as connection:
            self._roots = dict(
                connection.execute(
                    "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0"
                ).fetchall()
            )
            self._columns = {name: _columns(connection, name) for name in self._roots}

    @property
    def names(self) -> list[str]:
        """The names of all tables and indexes, in order."""
        return sorted(self._roots)

    def cells(self, name: str) -> list[Cell]:
        """Return every cell that takes room in a tree."""
        return [cell for cell in self._cells(name) if cell.start < cell.end]

    def _cells(self, name: str) -> Iterator[Cell]:
        pages = [self._roots[name]]
        while pages:
            number = pages.pop()
            base = (number - 1) * self._size
            header = base + (100 if number == 1 else 0)
            kind = self.content[header]
            interior = kind in (_INTERIOR_INDEX, _INTERIOR_TABLE)
            if interior:
                pages.append(self._int(header + 8, 4))
            array = header + (12 if interior else 8)
            for n in range(self._int(header + 3, 2)):
                at = base + self._int(array + 2 * n, 2)
                if interior:
                    pages.append(self._int(at, 4))
                    at += 4
                yield from self._row(name, kind, at)

    def _row(self, name: str, kind: int, at: int) -> Iterator[Cell]:
        if kind == _INTERIOR_TABLE:
            yield Cell(name, "(key)", at, self._varint(at)[1])
            return
        length, at = self._varint(at)
        if kind == _LEAF_TABLE:
            start = at
            _, at = self._varint(at)
            yield Cell(name, "(rowid)", start, at)
        end = at + self._local(length, kind)
        size, place = self._varint(at)
        body = at + size
        yield Cell(name, "(header)", at, body)
        for column in self._columns[name]:
            if place >= at + size:
                return
            type_, place = self._varint(place)
            taken = _SIZES.get(type_, 0 if type_ < 12 else (type_ - 12) // 2)
            yield Cell(name, column, body, min(body + taken, end))
            body += taken

    def _local(self, length: int, kind: int) -> int:
        """Return how much of a payload lies in its page."""
        leaf = kind == _LEAF_TABLE
        most = self._usable - 35 if leaf else (self._usable - 12) * 64 // 255 - 23
        if length <= most:
            return length
        least = (self._usable - 12) * 32 // 255 - 23
        kept = least + (length - least) % (self._usable - 4)
        return kept if kept <= most else least

    def _int(self, at: int, size: int) -> int:
        return int.from_bytes(self.content[at : at + size], "big")

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for n in range(9):
            byte = self.content[at + n]
            if n == 8:
                return value << 8 | byte, at + 9
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, at + n + 1
        raise AssertionError


def _columns(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return the columns of a tree, in the order in which they are stored."""
    index = connection.execute(
        "SELECT name FROM pragma_index_xinfo(?) ORDER BY seqno", (name,)
    ).fetchall()
    if index:
        return [column or "(rowid)" for (column,) in index]
    rows = connection.execute(
        "SELECT name FROM pragma_table_info(?) ORDER BY pk = 0, pk, cid", (name,)
    ).fetchall()
    if not _without_rowid(connection, name):
        rows = connection.execute(
            "SELECT name FROM pragma_table_info(?) ORDER BY cid", (name,)
        ).fetchall()
    return [column for (column,) in rows]


def _without_rowid(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT wr FROM pragma_table_list WHERE name = ?", (name,)
    ).fetchone()
    return bool(found and found[0])
