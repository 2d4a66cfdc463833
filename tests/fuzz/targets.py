"""What is fuzzed: a function of bytes each, which ends soon, well or with an error.

Only errors that say what is wrong with the data may come out of these.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
from attrs import frozen

from actorflow.errors import (
    DefinitionError,
    ExpressionError,
    LogError,
    TransferError,
    UnreadableError,
    UnrecordableError,
)
from actorflow.log.batch import checksum
from actorflow.log.codec import Codec
from actorflow.log.lines import End, Header, LineWriter
from actorflow.log.port import InboxRow
from actorflow.log.sqlite import SQLiteLog
from actorflow.model.events import TAGS
from actorflow.model.files import loads
from actorflow.runtime.commands import command_of
from actorflow.runtime.expressions import Expressions
from actorflow.runtime.transfer import import_file

_TAGS = sorted(TAGS)
_STATE = {"user": "Alice", "count": 42, "files": ["b", "a"], "order": {"total": 120}}
_LINES = 12
"""Events that are imported at most."""


def values(data: bytes) -> None:
    """Read a recorded value."""
    with suppress(UnreadableError, LogError):
        codec = Codec()
        value = codec.loads(data.decode(errors="replace"))
        with suppress(UnrecordableError):
            codec.to_data(codec.from_data(value))


def events(data: bytes) -> None:
    """Read an event: the first byte is its kind."""
    if data:
        tag = _TAGS[data[0] % len(_TAGS)]
        with suppress(UnreadableError):
            Codec().decode(tag, data[1:].decode(errors="replace"))


def files(data: bytes) -> None:
    """Read a workflow file."""
    with suppress(DefinitionError, UnreadableError):
        loads(data.decode(errors="replace"))


def expressions(data: bytes) -> None:
    """Evaluate an expression, and fill a template."""
    text = data.decode(errors="replace")
    view: Any = SimpleNamespace(inputs={"limit": 100}, state=_STATE, extra={})
    judge = Expressions(Codec())
    with suppress(ExpressionError, UnrecordableError, UnreadableError):
        judge.condition(text, view)
    with suppress(ExpressionError, UnrecordableError, UnreadableError):
        judge.data({"text": text}, view)


def inbox(data: bytes) -> None:
    """Understand a command that another program has left: its name, then its data."""
    command, _, text = data.decode(errors="replace").partition(" ")
    with suppress(UnreadableError):
        arguments = Codec().loads(text, path=command)
        if isinstance(arguments, dict):
            command_of(InboxRow(1, "execution", "e", command, arguments, None, 0.0))


def imports(data: bytes) -> None:
    """Import a file of any content."""
    with suppress(TransferError):
        import_file(_log(), io.BytesIO(data))


def histories(data: bytes) -> None:
    """Import events of any content, sealed as an export seals them.

    A line is an event: address, kind, data.
    """
    writer = LineWriter()
    name = f"e{imported()}"
    lines = [writer.line(Header("execution", name, "flow", None, 1, 1))]
    told = data.decode(errors="replace").split("\n")[:_LINES]
    for seq, line in enumerate(told, 1):
        address, _, rest = line.partition(" ")
        tag, _, text = rest.partition(" ")
        try:
            text = orjson.dumps(orjson.loads(text)).decode()
        except ValueError:
            return
        row = (seq, address, tag, 1, text, checksum(seq, address, tag, 1, text))
        lines.append(writer.line(row))
    lines.append(writer.line(End(len(told), complete=True)))
    with suppress(TransferError):
        import_file(_log(), io.BytesIO(b"".join(lines)))


def imported() -> int:
    """Return how many histories were good."""
    return _log().count("execution")


@cache
def _log() -> SQLiteLog:
    folder = Path(tempfile.mkdtemp(prefix="actorflow-fuzz-"))
    return SQLiteLog(folder / "log.db", durability="process")


@frozen
class Target:
    """A function to fuzz, and what data for it may look like."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


TARGETS: Mapping[str, Target] = {
    each.run.__name__: each
    for each in (
        Target(
            values,
            (
                b'{"$": "datetime", "v": "2024-02-29T12:00:00+00:00"}',
                b'{"$": "decimal", "v": "1.5"}',
                b'{"$": "object", "type": "os:system", "v": {"x": [1, 2.5, null]}}',
                b'{"$": "deque", "v": [{"$": "set", "v": [1, "a"]}], "max": 3}',
                b'{"$": "blob", "sha256": "00", "size": 1}',
            ),
        ),
        Target(
            events,
            tuple(
                bytes([n]) + b'{"result": {"$": "bytes", "v": "AA=="}, "wait": 0}'
                for n in range(len(_TAGS))
            ),
        ),
        Target(
            files,
            (
                (
                    b"name: f\ninputs: [{name: n, type: integer, default: 1}]\nsteps:\n"
                    b"- {name: a, activity: x, parameters: {n: '${inputs.n}'},\n"
                    b"   retry: {max_attempts: 3, on: timeout}, next: [{step: b}]}\n"
                    b"- {name: b, wait_signal: {topic: t, timeout: 1m30s, store: r}}\n"
                    b"outputs: [{name: r}]\n"
                ),
                b'{"name": "f", "steps": [{"name": "a", "sleep": 1}]}',
                b"name: &x f\nsteps: [{name: *x, join: {branches: [a, b]}}]\n",
            ),
        ),
        Target(
            expressions,
            (
                b"state.order.total > inputs.limit and not state.user == 'x'",
                b"[x * 2 for x in range(3) if x in state.files]",
                b"${state.user}, ${len(state.files) ** 2}",
                b"min(1, 2 if count else 3) + round(1.5) % 2 << 1",
            ),
        ),
        Target(
            inbox,
            (
                b'signal {"topic": "go", "payload": {"n": 1}, "key": "k"}',
                b'cancel {"reason": "r", "compensate": true}',
                b'answer {"question": "q", "value": true, "by": null}',
                b'child_ended {"address": "main/c", "end": {"execution": "c"}}',
                b'update {"name": "n", "key": "k", "value": [1], "keyed": true}',
            ),
        ),
        Target(
            imports,
            (
                (
                    b'{"actorflow": "stream", "format": 1, "kind": "execution", '
                    b'"name": "e", "type": "flow", "fingerprint": null, '
                    b'"created_at": 1, "updated_at": 1, "rank": null, "tags": []}\n'
                    b'{"seq": 1, "address": "", "type": "execution.started", '
                    b'"time": 1, "data": {}, "checksum": 1}\n'
                    b'{"actorflow": "end", "events": 1}\n'
                ),
            ),
        ),
        Target(
            histories,
            (
                (
                    b' execution.started {"workflow": "flow", "fingerprint": "f", '
                    b'"inputs": {}, "variables": {}, "attributes": {}}\n'
                    b'main branch.started {"step": "a"}\n'
                    b'main/a activation.started {"kind": "activity", "node": "a", '
                    b'"step": "a"}\n'
                    b'main/a activation.completed {"result": 1}'
                ),
            ),
        ),
    )
}
