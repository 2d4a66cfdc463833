"""How values of the standard library are written: one row of a table for each type.

A row is the tag on the wire, the class, and the way there and back. Tags and payloads
are a file format: never change one, add another.
"""

from __future__ import annotations

import base64
import datetime as dt
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from attrs import frozen

_FRACTION = re.compile(r"-?\d+(/\d+|\.\d+)?", re.ASCII)

TAG = "$"
"""The key that marks a mapping as the writing of something else."""


class Refused(Exception):  # noqa: N818 - never leaves the codec
    """A value cannot be recorded; gathers the path to it on its way up.

    Attributes:
        reason: what is wrong, and what to do.
        trail: (id of the container, step into it), innermost first.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.trail: list[tuple[int, str]] = []


FACTORIES: dict[str, Any] = {
    each.__name__: each for each in (list, dict, set, int, float, str, tuple)
}
"""What a `defaultdict` may make its defaults with; None is possible too."""


@frozen
class Kind:
    """How one class is written: as ``{"$": tag, ...}`` with what *encode* returns."""

    tag: str
    cls: type[Any]
    encode: Callable[[Any], dict[str, Any]]
    decode: Callable[[dict[str, Any]], Any]


def plain(
    tag: str,
    cls: type[Any],
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
) -> Kind:
    """Return a kind whose whole content is one JSON value, under ``v``."""
    return Kind(
        tag, cls, lambda value: {"v": encode(value)}, lambda data: decode(data["v"])
    )


def _write_zone(zone: zoneinfo.ZoneInfo) -> str:
    if zone.key is None:
        raise Refused("the time zone has no name; use ZoneInfo(key)")
    return zone.key


def _zone(value: dt.datetime | dt.time) -> dict[str, Any]:
    # isoformat() tells neither which zone an offset came from, nor the fold.
    extra: dict[str, Any] = {}
    if isinstance(value.tzinfo, zoneinfo.ZoneInfo):
        extra["z"] = _write_zone(value.tzinfo)
    if value.fold:
        extra["fold"] = 1
    return extra


def _in_zone(value: Any, data: dict[str, Any]) -> Any:
    if "z" in data:
        value = value.replace(tzinfo=zoneinfo.ZoneInfo(data["z"]))
    return value.replace(fold=1) if data.get("fold") else value


def _write_moment(value: dt.datetime | dt.time) -> dict[str, Any]:
    return {"v": value.isoformat(), **_zone(value)}


def _write_delta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _write_bytes(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _write_path(value: pathlib.PurePath) -> str:
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(
            "the path is not valid Unicode; record os.fsencode(...)"
        ) from None
    return text


def read_fraction(text: str) -> Fraction:
    """Return a fraction; `Fraction` takes "1e999999999" too, and works it out."""
    if not _FRACTION.fullmatch(text):
        raise ValueError(f"{text!r:.40} is no fraction")
    return Fraction(text)


def _write_range(value: range) -> list[int]:
    return [value.start, value.stop, value.step]


KINDS = (
    Kind(
        "datetime",
        dt.datetime,
        _write_moment,
        lambda data: _in_zone(dt.datetime.fromisoformat(data["v"]), data),
    ),
    Kind(
        "time",
        dt.time,
        _write_moment,
        lambda data: _in_zone(dt.time.fromisoformat(data["v"]), data),
    ),
    plain("date", dt.date, dt.date.isoformat, dt.date.fromisoformat),
    plain("timedelta", dt.timedelta, _write_delta, lambda v: dt.timedelta(*v)),
    plain("zone", zoneinfo.ZoneInfo, _write_zone, zoneinfo.ZoneInfo),
    plain("decimal", Decimal, str, Decimal),
    plain("fraction", Fraction, str, read_fraction),
    plain("complex", complex, repr, complex),
    plain("uuid", uuid.UUID, str, uuid.UUID),
    plain("bytes", bytes, _write_bytes, base64.b64decode),
    plain(
        "bytearray", bytearray, _write_bytes, lambda v: bytearray(base64.b64decode(v))
    ),
    plain("path", type(pathlib.Path()), _write_path, pathlib.Path),
    plain("path.posix", pathlib.PurePosixPath, _write_path, pathlib.PurePosixPath),
    plain(
        "path.windows", pathlib.PureWindowsPath, _write_path, pathlib.PureWindowsPath
    ),
    plain("range", range, _write_range, lambda v: range(*v)),
    # Beyond 64 bits; hex, because Python limits the length of decimal conversions.
    plain("int", int, hex, lambda v: int(v, 16)),
    plain("float", float, repr, float),
)
