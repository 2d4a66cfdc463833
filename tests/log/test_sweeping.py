"""Which large values are still needed."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from actorflow.log.memory import MemoryLog
from actorflow.log.port import Write
from actorflow.log.sweeping import keys_in, live_keys, reference
from actorflow.testing.log_contract import create, created, done, hold, write

A, B, C = (reference(key) for key in "abc")


@frozen
class Told:
    """An event of somebody's."""

    what: Any
    more: Any = None


@pytest.mark.parametrize(
    "data",
    [
        A,
        [A],
        (1, A),
        {"x": {"y": [None, A]}},
        Told(A),
        Told(1, [Told((A,))]),
        [Told({"deep": A}), "a", 1.5],
    ],
)
def test_a_reference_is_found_wherever_it_is(data: Any) -> None:
    """In trees of JSON, in events, and in what they are made of."""
    assert list(keys_in(data)) == ["a"]


def test_what_is_no_reference_is_none() -> None:
    """Other marked values, and texts that look like a key, refer to nothing."""
    others = [{"$": "tuple", "v": []}, {"sha256": "a"}, "blob", 7, None, b"x"]

    assert list(keys_in([others, Told(others)])) == []


def test_all_references_are_found() -> None:
    """However many there are, also those inside of others."""
    nested = {**A, "beside": [B, {"then": C}]}

    assert sorted(keys_in([nested, B])) == ["a", "b", "b", "c"]


def test_what_the_log_refers_to() -> None:
    """In any event of any stream of those kinds, and in the inbox; of no others."""
    log = MemoryLog()
    stream = created(log, "one")
    log.write([write(stream, done(), done(A))])
    created(log, "two")
    log.write([create(hold("actor", kind="actor"), done(C))])
    log.post("execution", "two", "signal", {"payload": B})

    assert live_keys(log, ["execution"]) == {"a", "b"}
    assert live_keys(log, ["execution", "actor"]) == {"a", "b", "c"}


def test_what_is_on_its_way_to_others() -> None:
    """What a command for another live process refers to is needed."""
    mine = MemoryLog()
    theirs = MemoryLog(store=mine.store)
    created(theirs, "one")
    mine.post("execution", "one", "signal", {"payload": A})

    assert mine.inbox() == []
    assert live_keys(mine, ["execution"]) == {"a"}


def test_what_leaves_the_inbox_meanwhile() -> None:
    """A command that becomes an event of what has been read already is needed too."""

    class Busy(MemoryLog):
        """Records what is in the inbox as soon as any events are read."""

        def read(self, stream: int, **bounds: Any) -> Any:
            yield from list(super().read(stream, **bounds))
            while rows := self.inbox():
                consumed = [row.id for row in rows]
                self.write([write(last, *(done(row.data) for row in rows))])
                self.write([Write(last, consumed=consumed)])

    log = Busy()
    created(log, "first")
    last = created(log, "last")
    log.post("execution", "last", "signal", {"payload": B})

    assert live_keys(log, ["execution"]) == {"b"}


def test_of_more_than_a_page() -> None:
    """The oldest of many streams, and the last of many commands, count as well."""
    log = MemoryLog()
    streams = [hold(str(n)) for n in range(1_100)]
    log.write([create(each, done(reference(each.name))) for each in streams])
    for n in range(1_100):
        log.post("execution", "0", "signal", {"payload": reference(f"p{n}")})
    expected = {f"{what}{n}" for n in range(1_100) for what in ("", "p")}

    assert live_keys(log, ["execution"]) == expected
