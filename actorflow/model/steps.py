"""The parts of a graph: inputs, outputs, edges, and steps of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Literal

from attrs import Factory, field, frozen

from actorflow.model.activities import retries
from actorflow.model.children import Child, as_child
from actorflow.model.misfits import copied, several
from actorflow.model.plain import plainly
from actorflow.model.policy import Catch, Retry, optional_seconds

Condition = str | Callable[[Mapping[str, Any]], Any] | None


def _edges(value: Iterable[Edge]) -> tuple[Edge, ...]:
    return several(value)


def _catches(value: Iterable[Catch]) -> tuple[Catch, ...]:
    return several(value)


def names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return names as a tuple, whether one or several are given."""
    return (value,) if isinstance(value, str) else several(value)


def mapping(value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return a copy of a mapping; of none, an empty one."""
    return copied(value)


def _choices(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return copied(value)


class _Required:
    """The default of an input that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()


@frozen(field_transformer=plainly)
class Input:
    """A named input of a workflow; required unless it has a *default*.

    Attributes:
        type: string, integer, number, boolean, object, array or any; checked when an
            execution is started.
    """

    name: str
    type: str = field(default="any", kw_only=True)
    default: Any = field(default=REQUIRED, kw_only=True)
    description: str = field(default="", kw_only=True)

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        return self.default is REQUIRED


@frozen(field_transformer=plainly)
class Output:
    """A named output: a variable (dotted path) of a *branch* when all has ended.

    Attributes:
        default: given if the branch was never started, or has no such variable;
            without it, that is a failure.
    """

    name: str
    variable: str = field(
        kw_only=True, default=Factory(lambda s: s.name, takes_self=True)
    )
    branch: str = field(default="main", kw_only=True)
    default: Any = field(default=REQUIRED, kw_only=True)
    description: str = field(default="", kw_only=True)


@frozen(field_transformer=plainly)
class Edge:
    """Where control may go after a step.

    Attributes:
        step: the target.
        when: an expression over ``inputs`` and ``state`` (or a callable that is given
            the state); None is always.
        branch: go on in a branch of that name.
    """

    step: str
    when: Condition = field(default=None, kw_only=True)
    branch: str | None = field(default=None, kw_only=True)


@frozen(kw_only=True, field_transformer=plainly)
class Join:
    """Wait for other branches and take over their variables.

    The branch that arrives first waits and goes on; others that are led to the same
    join end there, as branches that are waited for.

    Attributes:
        branches: the branches to wait for; a listed branch whose edge was not taken
            is not waited for. Empty: all other branches.
        count: so many of them are enough. The forked parent does not count.
        mappings: ``"branch.variable"`` (or ``"branch"``, all its variables) to the
            dotted path it lands in; None lands there if the branch was never started.
            Without an entry for a listed branch, all its variables land under its name.
    """

    branches: tuple[str, ...] = field(default=(), converter=names)
    count: int | None = None
    mappings: Mapping[str, str] = field(factory=dict, converter=mapping)


@frozen(kw_only=True, field_transformer=plainly)
class WaitSignal:
    """Wait for a signal on *topic* (a template), at most *timeout* seconds.

    When the time is over the branch goes on at *on_timeout*; without one the step
    fails with a ``timeout``, which retry and catch see like any failure.
    """

    topic: str
    timeout: float | None = field(default=None, converter=optional_seconds)
    store: str | None = None
    on_timeout: str | None = None


FETCH = "fetch"
"""What the node that fetches pages is called among those of its step."""


@frozen
class Page:
    """What one call of a source of pages returns.

    Attributes:
        items: what is on the page.
        cursor: where the next page begins; None if this was the last.
        more: whether there is a next page, if the cursor does not tell: with False,
            the cursor is where a later execution may go on.
    """

    items: Any
    cursor: Any = None
    more: bool | None = None


@frozen(kw_only=True, field_transformer=plainly)
class Pages:
    """Items that are fetched page after page; each page is one item of a `Map`.

    Attributes:
        fetch: what to call for a page, by name or itself: its first argument is the
            cursor, others are inputs and variables of their names. It returns a
            `Page`, or a mapping with the same keys.
        start: the cursor of the first page: an expression, or a callable that is given
            the state; without it, None.
        max_pages: fetch no more than that.
    """

    fetch: Any
    start: Any = None
    max_pages: int | None = None


@frozen(kw_only=True, field_transformer=plainly)
class Map:
    """Run an activity for every item, and collect the results in order.

    Attributes:
        over: an expression that gives the items (or a list, or a callable that is
            given the state). What a callable returns is read at once, unless it is an
            iterator: that is read as far as there is room for more items, and again
            from its beginning after a restart, so it must give the same items then.
            `Pages` are fetched one after the other, whenever there is room.
        activity: what to run, by name or itself; over `Pages`, None leaves them as
            they are.
        batch: each item is a list of so many of what *over* gives.
        parameters: templates that also see the item and its index; without any, the
            item is the one positional argument.
        item: what templates call the item.
        index: what they call its number, from 0.
        max_concurrency: how many items may be active at once; None is no limit of
            its own, 1 is strictly one after the other.
        on_error: ``wait``: run every item, then fail; ``fail_fast``: start nothing
            further after a failure, then fail; ``continue``: give an `Outcome` for
            every item.
    """

    over: Any
    activity: Any = None
    batch: int | None = None
    parameters: Mapping[str, Any] | Callable[..., Any] | None = None
    item: str = "item"
    index: str = "index"
    max_concurrency: int | None = None
    on_error: Literal["wait", "fail_fast", "continue"] = "wait"


class _ByName:
    """Parameters that take the inputs and variables of the same names."""

    def __repr__(self) -> str:  # fingerprints are made of it
        return "BY_NAME"


BY_NAME: Any = _ByName()


@frozen(kw_only=True, field_transformer=plainly)
class Parallel:
    """Run several nodes at the same time; the result is a mapping by arm.

    Attributes:
        arms: what to run, by name.
        parameters: what each is given, as in `Step`; by default inputs and variables
            of the same names.
        max_concurrency: how many arms may be active at once.
        on_error: as in `Map`.
    """

    arms: Mapping[str, Any] = field(converter=mapping)
    parameters: Any = BY_NAME
    max_concurrency: int | None = None
    on_error: Literal["wait", "fail_fast", "continue"] = "wait"


@frozen(kw_only=True, field_transformer=plainly)
class Loop:
    """Run a body again and again, at least once; each run is given the last result.

    Attributes:
        body: what to run; its one positional argument is the previous result.
        until: when to stop: an expression over ``iteration`` (from 1), ``previous``
            and ``result``, or a callable that is given these three.
        initial: what the first run is given: an expression, or a callable that is
            given the state.
        max_iterations: stop then in any case; without it, 1,024 are an error.
        on_max: ``end`` with the last result, or ``error``.
        stream: of which iterations listeners get what is yielded: of ``every`` one, as
            it comes, or of the ``last``, when the loop has ended.
    """

    body: Any
    until: Any = None
    initial: Any = None
    max_iterations: int | None = None
    on_max: Literal["end", "error"] = "end"
    stream: Literal["every", "last"] = "every"


@frozen(kw_only=True, field_transformer=plainly)
class Route:
    """Run one of several nodes; the result is ``{"key": ..., "result": ...}``.

    Attributes:
        key: which: an expression, or a callable that is given the state. It is decided
            once, and recorded.
        choices: what to run, by key.
        default: what to run for any other key; without it, another key is a failure.
        parameters: as in `Parallel`.
    """

    key: Any
    choices: Mapping[Any, Any] = field(converter=_choices)
    default: Any = None
    parameters: Any = BY_NAME


@frozen(kw_only=True, field_transformer=plainly)
class Ask:
    """Ask a person a yes/no question, and go on with the decision.

    The result is ``{"approved", "by", "at"}``: a no is a result, not an error.

    Attributes:
        prompt: the question (a template); by default the step's name.
        id: names the question for `Runtime.answer`; by default the step's name, or in
            a flow inside another, where many may be open at once, its address.
        timeout: seconds after which *default* is the answer; without a default, the
            step fails with a ``timeout``.
    """

    prompt: str | None = None
    id: str | None = None
    timeout: float | None = field(default=None, converter=optional_seconds)
    default: bool | None = None


KINDS = (
    "activity",
    "flow",
    "dynamic",
    "child",
    "map",
    "parallel",
    "loop",
    "route",
    "join",
    "wait_signal",
    "ask",
    "sleep",
    "pause",
    "decide",
)
NODE_KINDS = ("activity", "flow", "dynamic", "child")
"""The kinds that are one node, which is given *parameters*."""
RUNNING_KINDS = (*NODE_KINDS, "map", "parallel", "loop", "route")
"""The kinds that run code, so that they can fail, and have a result."""


@frozen(field_transformer=plainly)
class Step:
    """One vertex of a graph; it has exactly one kind.

    Attributes:
        activity: run it, by name or itself, with *parameters*.
        flow: walk another graph, as one step of this one.
        dynamic: run a dynamic node.
        child: run a definition as an execution of its own; a `Child` for more.
        map: fan out over items.
        parallel: run several nodes at the same time.
        loop: run a node again and again.
        route: run one of several nodes.
        join: wait for other branches.
        wait_signal: wait for a message from outside.
        ask: wait for a person's yes or no.
        sleep: wait for so many seconds.
        pause: stop until somebody unpauses; the text says why.
        decide: do nothing but choose among the edges.
        parameters: keyword arguments; strings are templates, also inside lists and
            mappings. A callable is given the state and returns the mapping. `BY_NAME`
            takes the inputs and variables of the parameters' names.
        store: the variable that takes the result.
        retry: policies that replace those of the activity or dynamic node.
        timeout: seconds for one attempt; replaces the node's own.
        catch: where to go on after a failure.
        next: the edges, in order.
        edges: ``all`` follows every edge whose condition holds, ``first`` only the
            first of them.
    """

    name: str
    activity: Any = field(default=None, kw_only=True)
    flow: Any = field(default=None, kw_only=True)
    dynamic: Any = field(default=None, kw_only=True)
    child: Child | None = field(default=None, kw_only=True, converter=as_child)
    map: Map | None = field(default=None, kw_only=True)
    parallel: Parallel | None = field(default=None, kw_only=True)
    loop: Loop | None = field(default=None, kw_only=True)
    route: Route | None = field(default=None, kw_only=True)
    join: Join | None = field(default=None, kw_only=True)
    wait_signal: WaitSignal | None = field(default=None, kw_only=True)
    ask: Ask | None = field(default=None, kw_only=True)
    sleep: float | None = field(default=None, kw_only=True, converter=optional_seconds)
    pause: str | None = field(default=None, kw_only=True)
    decide: bool | None = field(default=None, kw_only=True)
    parameters: Any = field(factory=dict, kw_only=True)
    store: str | None = field(default=None, kw_only=True)
    retry: tuple[Retry, ...] = field(default=(), kw_only=True, converter=retries)
    timeout: float | None = field(
        default=None, kw_only=True, converter=optional_seconds
    )
    catch: tuple[Catch, ...] = field(default=(), kw_only=True, converter=_catches)
    next: tuple[Edge, ...] = field(default=(), kw_only=True, converter=_edges)
    edges: Literal["all", "first"] = field(default="all", kw_only=True)
    description: str = field(default="", kw_only=True)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds it claims to be; a valid step has one."""
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)

    @cached_property
    def kind(self) -> str:
        """What kind of step it is."""
        return self.kinds[0]

    @cached_property
    def nodes(self) -> dict[str, Any]:
        """The nodes it runs, by name: of the arm, of the choice, or of its own."""
        if self.parallel:
            return dict(self.parallel.arms)
        if self.route:
            others = {} if self.route.default is None else {"*": self.route.default}
            return {**self.route.choices, **others}
        own = (self.activity, self.flow, self.dynamic, self.child)
        one = next((node for node in own if node is not None), None)
        if self.map and isinstance(self.map.over, Pages):
            return self._paged_nodes(self.map.activity, self.map.over.fetch)
        if self.map:
            one = self.map.activity
        elif self.loop:
            one = self.loop.body
        return {} if one is None else {self.name: one}

    def _paged_nodes(self, activity: Any, fetch: Any) -> dict[str, Any]:
        own = {} if activity is None else {self.name: activity}
        return {**own, FETCH: fetch}
