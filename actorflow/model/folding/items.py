"""Events of the items of a map and the arms of a parallel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actorflow.model import events as ev
from actorflow.model.events import Data, Recorded
from actorflow.model.folding.retries import rearm
from actorflow.model.parts import Activation, ChildLink, Fan, new_item
from actorflow.model.paths import lookup
from actorflow.model.state import ExecutionState


def note_child(state: ExecutionState, activation: Activation) -> None:
    """Let the parent of an activation know of it."""
    if activation.kind == "child":
        activation.link = ChildLink()
        state.children[activation.address] = activation


def fan(given: dict[str, Any]) -> Fan:
    """Return the items of a map or the arms of a parallel, none of them begun."""
    # Its own list, where more are to come: what is recorded is never changed.
    items = [] if "source" in given else given["items"]
    return Fan(
        items,
        given.get("names"),
        [(kind, node, undo) for kind, node, undo in map(_body, given["bodies"])],
        given["limit"],
        given["on_error"],
        [None] * len(items),
        source=given.get("source"),
        open="source" in given,
        cursor=given.get("cursor"),
    )


def _body(recorded: list[Any]) -> tuple[str, str, str | None]:
    kind, node, *undo = recorded
    return kind, node, undo[0] if undo else None


def _items_found(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ItemsFound = recorded.event
    parent = state.activations[recorded.address]
    fan = parent.fan
    assert fan is not None
    found = event.items
    if found is None:  # of large pages there is only a reference, which has a part
        (page,) = (parent.results or {}).values()
        found = [lookup({"page": page.value}, "page.items")[1]]
    parent.results = None
    if not fan.bodies:  # nothing is run for them: they are results
        fan.results += found
        fan.next += len(found)
        fan.items += [None] * len(found)
    else:
        fan.items += found
        fan.results += [None] * len(found)
    fan.open, fan.broken = not event.last, event.error
    if event.cursor is not None:
        fan.cursor = event.cursor
    state.weigh(parent)


def _items_started(state: ExecutionState, recorded: Recorded) -> None:
    event: ev.ItemsStarted = recorded.event
    parent = state.activations[recorded.address]
    fan = parent.fan
    assert fan is not None
    if event.bare:
        indexes = range(event.first, event.first + event.count)
        fan.bare.update(dict.fromkeys(indexes, recorded.time))
        fan.next, fan.live = indexes.stop, fan.live + event.count
        state.weigh_children(parent, event.count)
        return
    begun = 0
    for index in range(event.first, event.first + event.count):
        item = state.activations.get(fan.address(parent.address, index))
        if item is None:
            item = new_item(parent, fan, index, recorded.time)
            state.activations[item.address] = item
            begun += 1
            note_child(state, item)
        else:
            rearm(state, item)
            state.weigh_within(item)
        if index < fan.next:
            fan.redo.remove(index)
        else:
            fan.next = index + 1
        fan.live += 1
    state.weigh_children(parent, begun)


def item_completed(fan: Fan, index: int, result: Data) -> None:
    """Keep the result of an item."""
    fan.results[index] = result
    fan.live -= 1
    if fan.source is not None:
        fan.items[index] = None  # nobody needs it any more, and there may be millions


def collected(fan: Fan) -> Data:
    """Return what a map or a parallel gives: a list, or a mapping by name."""
    results = fan.results
    if fan.on_error == "continue":
        results = [
            ev.outcome_data(result, fan.failures.get(index))
            for index, result in enumerate(results)
        ]
    if fan.source == "pages":
        whole = {"items": {"$": "chain", "v": results}}
        given = {"results": results} if fan.bodies else whole
        return {**given, "cursor": fan.cursor, "pages": len(results)}
    return results if fan.names is None else dict(zip(fan.names, results, strict=True))


HANDLERS: dict[type, Callable[[ExecutionState, Recorded], None]] = {
    ev.ItemsFound: _items_found,
    ev.ItemsStarted: _items_started,
}
