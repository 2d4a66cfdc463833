"""The fluent builder: flows written from top to bottom, as one chain of calls.

A flow is a graph like any other; the builder only saves naming the edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from attrs import evolve, frozen

from actorflow.errors import DefinitionError
from actorflow.model.activities import node_name
from actorflow.model.children import Child, ParentClose
from actorflow.model.definition import Workflow, node_kind
from actorflow.model.followups import FollowUp
from actorflow.model.misfits import copied, several
from actorflow.model.plain import plain
from actorflow.model.policy import Catch, Duration, Retry, optional_seconds
from actorflow.model.steps import (
    BY_NAME,
    Ask,
    Edge,
    Input,
    Loop,
    Map,
    Output,
    Pages,
    Parallel,
    Route,
    Step,
    WaitSignal,
)

When = str | Callable[[Mapping[str, Any]], Any]


@frozen
class _Tail:
    """An end that the next step will be tied to."""

    step: str
    edge: Edge


@frozen
class _Block:
    """A `when` that has not ended: what its other arm begins with, its loose ends."""

    decision: str
    loose: tuple[_Tail, ...] = ()
    in_otherwise: bool = False


class Flow:
    """Build a graph step by step.

    Every method takes ``name=`` (default: the node's name; made unique with a number),
    ``into=`` (the variable that takes the result; default: the step's name) and, where
    something is run, ``input=``: a mapping of templates, or a callable that is given
    the state and returns keyword arguments (a mapping) or the one positional argument.
    Without it, parameters are bound by name from inputs and state.

    Args:
        name: under which executions are recorded.
        inputs: names, or `Input` for more.
        state: variables to begin with.
        version: a label of your own; part of the fingerprint.
        compatible_with: fingerprints of older versions this one may carry on.
        timeout: until an execution has to have ended, pauses not counted.
    """

    def __init__(
        self,
        name: str,
        *,
        inputs: Iterable[str | Input] = (),
        state: Mapping[str, Any] | None = None,
        version: str = "",
        compatible_with: Iterable[str] = (),
        timeout: Duration | None = None,
    ) -> None:
        self.name = name
        self._problems: list[str] = []
        self._timeout = self._seconds(timeout, name)
        given: Any = several(inputs)
        if not isinstance(given, tuple):
            self._problems.append(f"inputs are a list of names: [{given!r}]")
            given = ()
        self._inputs = [i if isinstance(i, Input) else Input(i) for i in given]
        self._state = copied(state)
        self._version = version
        self._compatible_with = several(compatible_with)
        self._steps: dict[str, Step] = {}
        self._tails: list[_Tail] = []
        self._blocks: list[_Block] = []
        self._outputs: tuple[str, ...] = ()
        self._follow_ups: list[FollowUp] = []
        self._built: Workflow | None = None

    # -- steps that run something ------------------------------------------------------

    def then(
        self,
        node: Any,
        *,
        into: str | None = None,
        name: str | None = None,
        input: Any = BY_NAME,
        retry: Retry | Sequence[Retry] | None = None,
        timeout: Duration | None = None,
        catch: Sequence[Catch] = (),
    ) -> Self:
        """Run an activity or a flow."""
        node = self._node(node, name or "then")
        name = self._named(name or node_name(node))
        step = Step(
            name,
            **{node_kind(node): node},
            parameters=input,
            store=into or name,
            retry=retry,
            timeout=self._seconds(timeout, name),
            catch=catch,
        )
        return self._add(step)

    def child(
        self,
        node: Any,
        *,
        mode: Literal["execution", "inline"] = "execution",
        on_parent_close: ParentClose = "cancel",
        into: str | None = None,
        name: str | None = None,
        input: Any = BY_NAME,
        retry: Retry | Sequence[Retry] | None = None,
        timeout: Duration | None = None,
        catch: Sequence[Catch] = (),
    ) -> Self:
        """Run a definition as an execution of its own, and wait for it; see `Child`.

        It is given by itself, or by its name. With *mode* ``inline`` it is a part of
        this execution, as in `then`. *on_parent_close* tells what becomes of it when
        this execution fails or is cancelled: ``cancel`` or ``abandon``. A *retry* lets
        it go on after a failure; *timeout* is for the whole of it.
        """
        place = name or "child"
        if mode not in ("execution", "inline"):
            self._problems.append(
                f"step {place!r}: mode must be execution or inline, not {mode!r}"
            )
        if mode == "execution" and not isinstance(node, Child):
            node = Child(self._node(node, place), on_parent_close=on_parent_close)
        return self.then(
            node,
            into=into,
            name=name,
            input=input,
            retry=retry,
            timeout=timeout,
            catch=catch,
        )

    def parallel(
        self,
        name: str,
        *nodes: Any,
        into: str | None = None,
        input: Any = BY_NAME,
        max_concurrency: int | None = None,
        on_error: Any = "wait",
    ) -> Self:
        """Run several nodes at the same time; the result is a mapping by name."""
        arms: dict[str, Any] = {}
        for node in [self._node(node, name) for node in nodes]:
            arm = node_name(node)
            if arm in arms:
                self._problems.append(f"parallel {name!r} has two arms named {arm!r}")
            arms[arm] = node
        parallel = Parallel(
            arms=arms,
            parameters=input,
            max_concurrency=max_concurrency,
            on_error=on_error,
        )
        name = self._named(name)
        return self._add(Step(name, parallel=parallel, store=into or name))

    def map(
        self,
        name: str,
        node: Any,
        *,
        over: Any,
        batch: int | None = None,
        into: str | None = None,
        input: Any = None,
        max_concurrency: int | None = None,
        on_error: Any = "wait",
        retry: Retry | Sequence[Retry] | None = None,
        timeout: Duration | None = None,
    ) -> Self:
        """Run *node* for every item of *over*; the result is the list of results.

        The item is the one positional argument; ``input=`` templates see ``item`` and
        ``index``. With ``batch=``, an item is a list of so many. If *over* is a
        callable that returns an iterator, that is read only as far as there is room.
        """
        fan = Map(
            over=over,
            activity=self._node(node, name),
            parameters=input,
            batch=batch,
            max_concurrency=max_concurrency,
            on_error=on_error,
        )
        name = self._named(name)
        within = self._seconds(timeout, name)
        step = Step(name, map=fan, store=into or name, retry=retry, timeout=within)
        return self._add(step)

    def paginate(
        self,
        name: str,
        fetch: Any,
        *,
        each: Any = None,
        start: Any = None,
        max_pages: int | None = None,
        max_concurrency: int = 1,
        into: str | None = None,
        on_error: Any = "wait",
        retry: Retry | Sequence[Retry] | None = None,
        timeout: Duration | None = None,
    ) -> Self:
        """Fetch page after page; each that is recorded is never fetched again.

        *fetch* is given a cursor (the first: *start*, an expression or a callable) and
        by name what else it asks for; it returns a `Page`. The result has all
        ``items``, the last ``cursor``, and how many ``pages`` there were.

        With *each*, that is run for the items of every page, and the result has its
        ``results`` instead: a page is fetched when *max_concurrency* lets it be worked
        on, and forgotten when it is done. *on_error*, *retry* and *timeout* are about
        *each*; *fetch* has its own.
        """
        pages = Pages(fetch=self._node(fetch, name), start=start, max_pages=max_pages)
        fan = Map(
            over=pages,
            activity=None if each is None else self._node(each, name),
            max_concurrency=max_concurrency,
            on_error=on_error,
        )
        name = self._named(name)
        within = self._seconds(timeout, name)
        step = Step(name, map=fan, store=into or name, retry=retry, timeout=within)
        return self._add(step)

    def loop(
        self,
        name: str,
        node: Any,
        *,
        until: Callable[[int, Any, Any], Any] | str | None = None,
        max_iterations: int | None = None,
        on_max: Any = "end",
        stream: Any = "every",
        into: str | None = None,
        input: Any = None,
    ) -> Self:
        """Run *node* again and again, at least once, until *until* holds.

        Each iteration is given the last one's result, the first what ``input=`` gives
        (default: the variable the result will land in, else None). Listeners get what
        every iteration yields, or, with ``stream="last"``, only the last one.
        """
        loop = Loop(
            body=self._node(node, name),
            until=until,
            initial=input,
            max_iterations=max_iterations,
            on_max=on_max,
            stream=stream,
        )
        name = self._named(name)
        return self._add(Step(name, loop=loop, store=into or name))

    def route(
        self,
        key: When,
        choices: Mapping[Any, Any],
        *,
        default: Any = None,
        name: str = "route",
        into: str | None = None,
        input: Any = BY_NAME,
    ) -> Self:
        """Run one of several nodes; the result is ``{"key": ..., "result": ...}``."""
        choices = copied(choices)
        if isinstance(choices, dict):  # else it is refused with the rest
            choices = {k: self._node(node, name) for k, node in choices.items()}
        if default is not None:
            default = self._node(default, name)
        route = Route(key=key, choices=choices, default=default, parameters=input)
        name = self._named(name)
        return self._add(Step(name, route=route, store=into or name))

    # -- steps that wait ---------------------------------------------------------------

    def sleep(self, duration: Duration, *, name: str = "sleep") -> Self:
        """Wait for so many seconds (or ``"1h30m"``)."""
        name = self._named(name)
        given: Any = duration  # whatever a caller really gave
        within = self._seconds("" if given is None else given, name)
        return self._add(Step(name, sleep=within))

    def wait_signal(
        self,
        topic: str,
        *,
        timeout: Duration | None = None,
        on_timeout: Any = None,
        into: str | None = None,
        name: str | None = None,
    ) -> Self:
        """Wait for a signal; when its time is over, run *on_timeout* instead."""
        name = self._named(name or topic)
        late = None
        if on_timeout is not None:
            on_timeout = self._node(on_timeout, name)
            late = self._named(f"{name}-late")
        within = self._seconds(timeout, name)
        wait = WaitSignal(topic=topic, timeout=within, on_timeout=late)
        self._add(Step(name, wait_signal=wait, store=into or name))
        if late is not None:
            kind = {node_kind(on_timeout): on_timeout}
            store = into or name
            self._steps[late] = Step(late, **kind, parameters=BY_NAME, store=store)
            self._tails.append(_Tail(late, Edge("")))
        return self

    def gate(
        self,
        name: str,
        *,
        prompt: str | None = None,
        timeout: Duration | None = None,
        default: bool | None = None,
        into: str | None = None,
    ) -> Self:
        """Ask a person; the result, also of a no, is ``{"approved", "by", "at"}``."""
        name = self._named(name)
        within = self._seconds(timeout, name)
        ask = Ask(prompt=prompt, timeout=within, default=default)
        return self._add(Step(name, ask=ask, store=into or name))

    def pause(self, reason: str = "", *, name: str = "pause") -> Self:
        """Stop until somebody unpauses."""
        return self._add(Step(self._named(name), pause=reason))

    # -- choosing ----------------------------------------------------------------------

    def when(self, condition: When, *, name: str = "when") -> Self:
        """Go on with what follows only if *condition* holds; `end` closes the block."""
        given: Any = condition  # whatever a caller really gave
        if given is None:
            self._problems.append(f"`when` {name!r} needs a condition")
        step = Step(self._named(name), decide=True, edges="first")
        self._add(step)
        self._tails = [_Tail(step.name, Edge("", when=condition))]
        self._blocks.append(_Block(step.name))
        return self

    def otherwise(self) -> Self:
        """Go on with what follows if the block's condition does not hold."""
        self._grows()
        if not self._blocks or self._blocks[-1].in_otherwise:
            self._problems.append("`otherwise` without a `when` before it")
            return self
        block = self._blocks[-1]
        self._check_not_empty(block)
        loose = (*block.loose, *self._tails)
        self._blocks[-1] = evolve(block, loose=loose, in_otherwise=True)
        self._tails = [_Tail(block.decision, Edge(""))]
        return self

    def end(self) -> Self:
        """Close the innermost block."""
        self._grows()
        if not self._blocks:
            self._problems.append("`end` without a `when` before it")
            return self
        block = self._blocks.pop()
        self._check_not_empty(block)
        self._tails = [*block.loose, *self._tails]
        if not block.in_otherwise:
            self._tails.append(_Tail(block.decision, Edge("")))
        return self

    def _check_not_empty(self, block: _Block) -> None:
        if any(tail.step == block.decision for tail in self._tails):
            arm = "otherwise" if block.in_otherwise else "when"
            self._problems.append(f"the `{arm}` of {block.decision!r} is empty")

    # -- the end -----------------------------------------------------------------------

    def on_complete(
        self,
        node: Any,
        *,
        on: str | Sequence[str] = ("completed",),
        name: str | None = None,
        input: Any = BY_NAME,
    ) -> Self:
        """Start *node* when an execution has ended, once; see `FollowUp`.

        *on* names the ends after which: ``completed``, ``failed``, ``cancelled``. Its
        inputs see ``execution_id``, ``status``, ``output`` and ``error``.
        """
        self._grows()
        node = self._node(node, "on_complete")
        follow_up = FollowUp(node, on=on, parameters=input, name=name)
        self._follow_ups.append(follow_up)
        return self

    def output(self, *names: str) -> Self:
        """Return one variable, or a mapping of several; by default the whole state."""
        self._grows()
        self._outputs = names
        return self

    def build(self) -> Flow:
        """Check everything; return the finished flow.

        Raises:
            DefinitionError: with all problems.
        """
        self.workflow  # noqa: B018 - checks it
        return self

    @property
    def workflow(self) -> Workflow:
        """The graph.

        Raises:
            DefinitionError: with all problems.
        """
        if self._built is None:
            self._built = self._graph()
        return self._built

    def _graph(self) -> Workflow:
        problems = list(self._problems)
        problems += [
            f"the block of {b.decision!r} has no `end()`" for b in self._blocks
        ]
        several = len(self._outputs) > 1
        try:
            workflow = Workflow(
                self.name,
                steps=self._steps.values(),
                inputs=self._inputs,
                state=self._state,
                outputs=[Output(name) for name in self._outputs] if several else (),
                result=None if several else (*self._outputs, "*")[0],
                version=self._version,
                compatible_with=self._compatible_with,
                timeout=self._timeout,
                on_complete=self._follow_ups,
            )
        except DefinitionError as error:
            raise DefinitionError(self.name, [*problems, *error.problems]) from None
        if problems:
            raise DefinitionError(self.name, problems)
        return workflow

    def _node(self, node: Any, place: str) -> Any:
        """Return *node*, or, if it is none, a stand-in with which to check the rest."""
        try:
            if isinstance(node, str) or node_kind(node) != "activity" or callable(node):
                return node
            self._problems.append(
                f"step {place!r}: {node!r} is neither a function nor a flow nor a name"
            )
        except DefinitionError as error:  # of a flow that has problems of its own
            self._problems += [f"{error.name!r}: {p}" for p in error.problems]
        return f"no node {len(self._problems)}"

    def _seconds(self, duration: Duration | None, place: str) -> float | None:
        """Return a duration in seconds; note what makes no sense, and return 1."""
        try:
            return optional_seconds(duration)
        except TypeError:
            reason = f"{duration!r} is not a duration"
        except ValueError as error:
            reason = str(error)
        self._problems.append(f"step {place!r}: {reason}")
        return 1.0

    def _grows(self) -> None:
        if self._built is not None:
            self._problems.append("the flow has been built; it cannot grow any more")
            self._built = None

    def _named(self, name: Any) -> str:
        """Return *name*, with a number if a step has it already."""
        if not isinstance(name, str):
            self._problems.append(f"{name!r} is no name of a step; names are text")
            name = f"no name {len(self._problems)}"
        name = unique = str(plain(name))
        number = 1
        while unique in self._steps:
            number += 1
            unique = f"{name}-{number}"
        return unique

    def _add(self, step: Step) -> Self:
        """Tie a step to all loose ends."""
        self._grows()
        for tail in self._tails:
            before = self._steps[tail.step]
            edge = evolve(tail.edge, step=step.name)
            self._steps[tail.step] = evolve(before, next=(*before.next, edge))
        self._steps[step.name] = step
        self._tails = [_Tail(step.name, Edge(""))]
        return self
