"""Recorded values and events as plain JSON, and the small texts that people read.

A reading command knows none of the classes that a log's owner recorded, and needs to
know none: a recorded value says itself what it is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from itertools import chain
from typing import Any

from actorflow.cli.settings import Settings
from actorflow.log.codec import SECRET, Codec
from actorflow.log.port import StreamRow
from actorflow.log.stdtypes import TAG
from actorflow.model.events import Data, Failure, Recorded
from actorflow.model.paths import BLOB
from actorflow.model.secret import MASK
from actorflow.model.state import ExecutionState

TENTH, MINUTE, HOUR, DAY = 0.0995, 60, 3600, 86_400
_UNITS = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "m"), (MINUTE, "m", 1, "s"))
_PAIRS = {"dict", "ordereddict", "counter", "defaultdict"}


class PlainValues:
    """Stands where a codec is asked for values, and gives plain JSON instead."""

    def to_data(self, value: Any, hint: Any = Any, *, path: str = "value") -> Data:
        """Write a value down."""
        return Codec().to_data(value, hint, path=path)

    def from_data(self, data: Data, hint: Any = Any, *, path: str = "value") -> Any:  # noqa: ARG002
        """Return *data* without the tags that tell Python's types."""
        return plain(data)


def plain(data: Data) -> Data:
    """Return a recorded value as JSON without the tags that tell Python's types."""
    if isinstance(data, list):
        return [plain(item) for item in data]
    if not isinstance(data, Mapping):
        return data
    if data.get(TAG) == SECRET:
        return MASK
    if TAG not in data:
        return {key: plain(value) for key, value in data.items()}
    if data[TAG] == BLOB:
        size = data.get("size", 0)
        return f"<{size:,} bytes, kept outside the log: {data.get('sha256')}>"
    return _untagged(data[TAG], plain(data.get("v")))


def _untagged(tag: Any, value: Data) -> Data:
    if tag == "chain" and isinstance(value, list):
        lists = [each if isinstance(each, list) else [each] for each in value]
        return list(chain.from_iterable(lists))
    if tag in _PAIRS and isinstance(value, list):
        return {_key(key): item for key, item in value}
    if tag == "int" and isinstance(value, str):
        return int(value, 16)
    if tag == "timedelta" and isinstance(value, list):
        days, seconds, micros = value
        return dt.timedelta(days, seconds, micros).total_seconds()
    return value


def _key(key: Data) -> str:
    return key if isinstance(key, str) else json.dumps(key, ensure_ascii=False)


def event_document(recorded: Recorded, codec: Codec) -> dict[str, Any]:
    """Return an event as it stands in the log: exactly, tags and all."""
    tag, text = codec.encode(recorded.event)
    return {
        "seq": recorded.seq,
        "time": timestamp(recorded.time),
        "address": recorded.address,
        "type": tag,
        "data": json.loads(text),
    }


def row_document(row: StreamRow) -> dict[str, Any]:
    """Return what lists know of an execution."""
    return {
        "id": row.name,
        "workflow": row.type,
        "status": row.status,
        "events": row.head,
        "waits": list(row.waits),
        "wake_at": timestamp(row.wake_at),
        "attributes": dict(row.attributes),
        "fingerprint": row.fingerprint,
        "created_at": timestamp(row.created_at),
        "updated_at": timestamp(row.updated_at),
        "parent": row.parent,
    }


def failure_document(failure: Failure | None) -> dict[str, Any] | None:
    """Return a failure with everything that is known of it."""
    if failure is None:
        return None
    return {
        "type": failure.type,
        "message": failure.message,
        "address": failure.address,
        "node": failure.node,
        "exceptions": list(failure.exceptions),
        "details": plain(failure.details),
        "traceback": failure.traceback,
        "causes": [failure_document(cause) for cause in failure.causes],
    }


def timestamp(seconds: float | None) -> str | None:
    """Return a time as programs read it."""
    if seconds is None:
        return None
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def when(seconds: float) -> str:
    """Return a time as people here read it."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def lasting(seconds: float) -> str:
    """Return a duration in the one or two units that matter."""
    if seconds < TENTH:
        return f"{seconds * 1000:.{0 if seconds >= TENTH / 10 else 1}f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, rest in _UNITS:
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {rest}"
    return f"{whole} s"


def short(data: Data, width: int = 60) -> str:
    """Return a value in one line of at most *width* characters."""
    text = json.dumps(plain(data), ensure_ascii=False, default=str)
    return text if len(text) <= width else text[: width - 1] + "…"


def wait_documents(state: ExecutionState) -> list[dict[str, Any]]:
    """Return what an execution waits for, as programs read it."""
    return [
        {
            "address": address,
            "kind": wait.kind,
            "topic": wait.topic,
            "reason": wait.reason,
            "until": timestamp(state.activations[address].until),
            **({} if wait.schema is None else {"schema": wait.schema}),
        }
        for address, wait in state.waits.items()
    ]


def wait_texts(
    settings: Settings, execution_id: str, wait: Mapping[str, Any]
) -> tuple[str, str | None]:
    """Return what a wait is for, and the command that ends it if one does."""
    until = f" until {_local(wait['until'])}" if wait["until"] else ""
    if wait["kind"] == "signal":
        how = settings.command("signal", execution_id, wait["topic"], "null")
        return f"{wait['address']} waits for signal {wait['topic']}{until}", how
    if wait["kind"] == "update":
        how = settings.command("ask", execution_id, wait["topic"], "null")
        return f"{wait['address']} takes the update {wait['topic']}", how
    if wait["kind"] == "question":
        asked = f": {wait['reason']}" if wait["reason"] else ""
        some = "true" if wait.get("schema") == "boolean" else "JSON"
        how = settings.command("answer", execution_id, wait["topic"], some)
        return (
            f"{wait['address']} waits for answer to {wait['topic']}{until}{asked}",
            how,
        )
    if wait["kind"] == "pause":
        why = f": {wait['reason']}" if wait["reason"] else ""
        how = settings.command("resume", execution_id)
        return f"{wait['address']} is paused{why}", how
    return f"{wait['address']} sleeps{until}", None


def _local(stamp: str) -> str:
    return when(dt.datetime.fromisoformat(stamp).timestamp())
