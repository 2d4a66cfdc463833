"""Data that somebody made to do harm: it is data, or an error, and soon either."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import actorflow as af
from actorflow.errors import LogError, TransferError, UnreadableError
from actorflow.log.batch import EventRow, checksum
from actorflow.log.codec import Codec
from actorflow.log.lines import End, Header, LineWriter
from actorflow.log.sqlite import SQLiteLog
from actorflow.log.stdtypes import KINDS
from actorflow.model.events import TAGS
from actorflow.runtime.transfer import import_file

pytestmark = pytest.mark.timeout(120)  # `make fuzz` looks for longer

TAGGED = [*(kind.tag for kind in KINDS), "tuple", "set", "frozenset", "dict", "counter"]
TAGGED += ["ordereddict", "deque", "defaultdict", "enum", "flag", "object", "blob"]
FIELDS = ["$", "v", "type", "of", "max", "z", "fold", "sha256", "at", "size", "$enc"]
NAMES = [
    "os:system",
    "builtins:eval",
    "subprocess:Popen",
    "../../etc/passwd",
    "1e99999",
]

atoms = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(NAMES)
    | st.text(max_size=8)
)
trees = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner)
        | st.builds(lambda tag, v: {"$": tag, "v": v}, st.sampled_from(TAGGED), inner)
    ),
    max_leaves=12,
)


@given(trees)
def test_values(data: Any) -> None:
    """Any JSON is a value or is refused; nothing is imported, called or opened."""
    with suppress(UnreadableError, LogError):
        Codec().from_data(data)


@given(st.sampled_from(sorted(TAGS)), trees)
def test_events(tag: str, data: Any) -> None:
    """Any JSON under the tag of an event is an event or is refused."""
    with suppress(UnreadableError):
        Codec().decode(tag, orjson.dumps(data).decode())


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_payloads(stored: bytes) -> None:
    """Any text is a payload or is refused."""
    with suppress(UnreadableError):
        Codec().loads(stored.decode(errors="replace"))


@pytest.mark.parametrize(
    "data",
    [
        {"$": "fraction", "v": "1e1000000000"},
        {"$": "decimal", "v": "1e1000000000"},
        {"$": "range", "v": [0, 10**18, 1]},
        {"$": "deque", "v": [], "max": 10**18},
        {"$": "zone", "v": "../../../../etc/passwd"},
        {"$": "path", "v": "/etc/passwd"},
        {"$": "object", "type": "os:system", "v": "exit 1"},
        {"$": "blob", "sha256": "../../etc/passwd", "size": 1},
    ],
    ids=lambda data: data["$"],
)
@pytest.mark.timeout(5)
def test_little_text_that_means_much(data: Any) -> None:
    """A few characters take no more work than they are long."""
    with suppress(UnreadableError, LogError):
        Codec().from_data(data, list[int])
    with suppress(UnreadableError, LogError):
        Codec().from_data(data)


# -- logs of a stranger's making -------------------------------------------------------


@af.activity(executor="inline")
def double(n: int) -> int:
    """Return twice a number."""
    return 2 * n


flow = (
    af.Flow("flow", inputs=["n"])
    .map("doubled", double, over=lambda s: [*range(s["n"])])
    .wait_signal("go", timeout=60)
    .sleep(1)
    .build()
)


@pytest.fixture(name="events", scope="module")
def _events(tmp_path_factory: pytest.TempPathFactory) -> list[EventRow]:
    """The events of a sound execution."""
    path = tmp_path_factory.mktemp("sound") / "log.db"
    with af.Runtime(path, definitions=[flow]) as rt:
        rt.start(flow, n=3, execution_id="e").wait(timeout=10)
    with SQLiteLog(path, read_only=True) as log:
        (row,) = log.rows("execution")
        return [*log.raw_events(row.id)]


@pytest.fixture(name="log", scope="module")
def _log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteLog]:
    """A log to import into."""
    with SQLiteLog(tmp_path_factory.mktemp("other") / "log.db") as log:
        yield log


def forged(name: str, events: list[tuple[str, str, Any]]) -> io.BytesIO:
    """Return an export of these events, with checksums that match."""
    writer, lines = LineWriter(), []
    lines.append(writer.line(Header("execution", name, "flow", None, 1, 1)))
    for seq, (address, tag, data) in enumerate(events, 1):
        text = orjson.dumps(data).decode()
        row = (seq, address, tag, 1, text, checksum(seq, address, tag, 1, text))
        lines.append(writer.line(row))
    lines.append(writer.line(End(len(events), complete=True)))
    return io.BytesIO(b"".join(lines))


@given(st.data())
def test_imported_logs(log: SQLiteLog, events: list[EventRow], data: Any) -> None:
    """Events that were moved, dropped or changed are refused, or can be replayed."""
    story = [
        (address, tag, orjson.loads(text)) for _, address, tag, _, text, _ in events
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(story) - 1))
        address, tag, payload = story.pop(at)
        if data.draw(st.booleans()):
            payload = payload | data.draw(
                st.dictionaries(st.sampled_from([*payload, "first", "count"]), trees)
            )
        if data.draw(st.booleans()):
            story.insert(data.draw(st.integers(0, len(story))), (address, tag, payload))
        if not story:
            return
    name = f"e{len(log.rows('execution', limit=10_000))}"
    try:
        import_file(log, forged(name, story))
    except TransferError:
        assert log.find("execution", name) is None
        return
    row = log.find("execution", name)
    assert row is not None
    assert [*log.read(row.id)][-1].seq == row.head == len(story)


@given(st.binary(max_size=300))
def test_files_of_any_content(log: SQLiteLog, content: bytes) -> None:
    """Whatever a file holds, importing it is refused in words."""
    with pytest.raises(TransferError):
        import_file(log, io.BytesIO(content))


@pytest.mark.parametrize("count", [4, 10**12, -1])
@pytest.mark.timeout(10)
def test_items_that_are_not_there(
    log: SQLiteLog, events: list[EventRow], count: int
) -> None:
    """An event that tells of more items than there are is refused at once."""
    story = [
        (address, tag, {"first": 0, "count": count} if tag == "items.started" else data)
        for _, address, tag, _, text, _ in events
        for data in [orjson.loads(text)]
    ]

    with pytest.raises(TransferError, match="has 3 items"):
        import_file(log, forged("many", story))


def test_an_imported_stranger_harms_nobody(
    tmp_path: Path, events: list[EventRow], caplog: pytest.LogCaptureFixture
) -> None:
    """A runtime that cannot make sense of one execution runs all the others."""
    caplog.set_level(logging.CRITICAL)
    story = [
        (address, tag, {**orjson.loads(text), **({"node": "ghost"} if n == 2 else {})})
        for n, (_, address, tag, _, text, _) in enumerate(events)
    ]
    with SQLiteLog(tmp_path / "log.db") as log:
        import_file(log, forged("stranger", story[:3]))
    other = af.Flow("other").then(double, input={"n": 2}).output("double").build()

    with af.Runtime(tmp_path / "log.db", definitions=[flow, other]) as rt:
        assert rt.start(other).result(timeout=20) == 4
        assert rt.get("stranger").status in ("running", "failed", "suspended")
