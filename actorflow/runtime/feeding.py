"""Where a map gets items that are not known when it begins: an iterator, or pages.

More are looked for only when there is room for them. What was found is recorded, so
after a restart a page that was fetched is not fetched again, and an iterator is read on
behind what it gave before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from actorflow.errors import ActivityError
from actorflow.model import events as ev
from actorflow.model.activities import node_name
from actorflow.model.addresses import parent_of
from actorflow.model.definition import node_kind
from actorflow.model.events import Data, Failure
from actorflow.model.parts import WINDOW, Activation, Branch, Fan
from actorflow.model.paths import lookup
from actorflow.model.policy import failure_of
from actorflow.model.rules import View, batches, view_of
from actorflow.model.steps import BY_NAME, FETCH, Map, Pages, Step
from actorflow.runtime.binding import call_of
from actorflow.runtime.expressions import call_data
from actorflow.runtime.run import Run
from actorflow.runtime.work import Work


class Feeder:
    """Finds items for the map at *address*."""

    def __init__(self, run: Run, address: str, step: Step) -> None:
        self._run, self._address, self._step = run, address, step
        self._items: Iterator[Data] | None = None

    def feed(self, activation: Activation, fan: Fan) -> None:
        """Look for more items if they are wanted; take in a page that has come."""
        if self.tend(activation):
            return
        try:
            if activation.results:
                self._take_page(activation, fan)
            if fan.hungry and _is_worth_it(activation, fan):
                self._look(activation, fan)
        except Exception as error:  # noqa: BLE001 - a user's iterator may raise anything
            self._found([], error=self._described(error))

    def tend(self, activation: Activation) -> bool:
        """Give a page that is being fetched its actor; tell whether there is one."""
        page = self._run.state.child_of(activation)
        if page is None:
            return False
        if page.phase != "failed" and page.address not in self._run.actors:
            self._begin(page)
        return True

    def _look(self, activation: Activation, fan: Fan) -> None:
        if isinstance(self._map.over, Pages):
            self._fetch(activation, fan)
        else:
            self._read(fan, min(activation.room, WINDOW))

    # -- an iterator -------------------------------------------------------------------

    def _read(self, fan: Fan, count: int) -> None:
        if self._items is None:
            self._items = self._beyond(len(fan.items))
        found: list[Data] = []
        try:
            found += islice(self._items, count)
        except Exception as error:  # noqa: BLE001
            self._items = None
            self._found(found, error=self._described(error))
        else:
            self._found(found, last=len(found) < count)

    def _beyond(self, known: int) -> Iterator[Data]:
        """Return the items behind those that are *known*."""
        size, expressions = self._map.batch, self._run.services.expressions
        skipped = known * (size or 1)
        items = expressions.iterator(self._map.over, self._view, skipped)
        return batches(items, size)

    # -- pages -------------------------------------------------------------------------

    def _fetch(self, activation: Activation, fan: Fan) -> None:
        """Begin to fetch the page at the cursor."""
        node, expressions = self._step.nodes[FETCH], self._run.services.expressions
        given = expressions.arguments(node, BY_NAME, self._view)
        others = expressions.names_of(node)[1:]
        call = call_data((fan.cursor,), {n: given[n] for n in others if n in given})
        name, undo = node_name(node), expressions.undo_of(node)
        address = f"{self._address}/{name}#{activation.count + 1}"
        started = ev.ActivationStarted(node_kind(node), name, input=call, undo=undo)
        self._run.record_one(address, started)
        self._begin(self._run.state.activations[address])

    def _begin(self, page: Activation) -> None:
        node = self._step.nodes[FETCH]
        step = Step(page.node, activity=node)  # its own policies, not those of items
        self._run.begin(page.address, page.kind, Work(node, call_of(page.input), step))

    def _take_page(self, activation: Activation, fan: Fan) -> None:
        (result,) = (activation.results or {}).values()
        page = {"page": self._run.services.codec.redeemed(result.value)}
        if not _is_list(lookup(page, "page.items")[1]):
            name = node_name(self._step.nodes[FETCH])
            message = f"{name} returned no Page: a list of `items`, and a `cursor`"
            raise ActivityError(message, type="definition")
        cursor, more = lookup(page, "page.cursor")[1], lookup(page, "page.more")[1]
        more = cursor is not None if more is None else more
        assert isinstance(self._map.over, Pages)
        most = self._map.over.max_pages
        enough = most is not None and len(fan.results) + 1 >= most
        self._found(None, last=not more or enough, cursor=cursor)

    # ----------------------------------------------------------------------------------

    def _found(
        self,
        items: list[Data] | None,
        *,
        last: bool = False,
        cursor: Data = None,
        error: Failure | None = None,
    ) -> None:
        self._run.record_one(self._address, ev.ItemsFound(items, last, cursor, error))

    def _described(self, error: Exception) -> Failure:
        return failure_of(error, address=self._address, node=self._step.name)

    @property
    def _map(self) -> Map:
        assert self._step.map is not None
        return self._step.map

    @property
    def _view(self) -> View:
        branch = self._run.state.part(parent_of(self._address))
        assert isinstance(branch, Branch)
        return view_of(self._run.state, branch)


def _is_list(items: Data) -> bool:
    """Tell whether it is a list, or what is written as one: a tuple, a set ..."""
    if isinstance(items, dict):
        items = items.get("v") if "$" in items else None
    return isinstance(items, list)


def _is_worth_it(activation: Activation, fan: Fan) -> bool:
    """Tell whether there is room; without a limit of the definition's, for many."""
    least = 1 if fan.limit is not None or fan.source == "pages" else WINDOW // 2
    return activation.room >= least
