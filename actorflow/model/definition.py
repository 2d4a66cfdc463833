"""What can be defined: activities, steps, edges, and the graph they make.

A definition is immutable data. It may hold Python callables where it is written in
Python (conditions, inputs, activities); a definition from a file holds only text.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import WRAPPER_ASSIGNMENTS, cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from attrs import Factory, evolve, field, fields, frozen

from actorflow.errors import DefinitionError
from actorflow.model.policy import Catch, RateLimit, Retry, optional_seconds

if TYPE_CHECKING:
    from actorflow.model.files import Source

P = ParamSpec("P")
R = TypeVar("R")
ExecutorName = Literal["thread", "process", "async", "inline"]
EXECUTORS = ("thread", "process", "async", "inline")


# --- activities ----------------------------------------------------------------------


def _retries(value: Retry | Sequence[Retry] | None) -> tuple[Retry, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, Retry) else tuple(value)


@frozen(eq=False, slots=False)
class Activity(Generic[P, R]):
    """A function that touches the world, with the policy under which it runs.

    Calling it calls the function, here and now, with nothing recorded.

    Attributes:
        fn: the function; sync or async.
        name: under which graphs and the log know it.
        retry: policies, tried in order; the first that covers a failure decides.
        timeout: seconds for one attempt, the first included.
        rate_limit: how often attempts may begin.
        executor: where it runs; an ``async def`` always runs on ``async``.
        compensate: the node that undoes it.
        key: a name for this call that stays the same when code moves.
    """

    fn: Callable[P, R]
    name: str
    retry: tuple[Retry, ...] = field(default=(), converter=_retries)
    timeout: float | None = field(default=None, converter=optional_seconds)
    rate_limit: RateLimit | None = None
    executor: ExecutorName = "thread"
    compensate: Any = None
    key: str | None = None

    def __attrs_post_init__(self) -> None:
        # As functools.update_wrapper does, which cannot write to a frozen instance.
        for name in WRAPPER_ASSIGNMENTS:
            if hasattr(self.fn, name):
                self.__dict__[name] = getattr(self.fn, name)
        self.__dict__["__wrapped__"] = self.fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly."""
        return self.fn(*args, **kwargs)

    def options(self, **changes: Any) -> Activity[P, R]:
        """Return a copy with other settings; the original is untouched.

        Raises:
            DefinitionError: a setting does not exist or has no meaning.
        """
        known = {f.name for f in fields(Activity)} - {"fn"}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise DefinitionError(
                self.name,
                [
                    f"no option {o!r}; there are {', '.join(sorted(known))}"
                    for o in unknown
                ],
            )
        return checked(evolve(self, **changes))

    @property
    def is_async(self) -> bool:
        """Whether the function is an ``async def``."""
        return inspect.iscoroutinefunction(self.fn)

    @property
    def runs_on(self) -> ExecutorName:
        """The executor it runs on."""
        return "async" if self.is_async else self.executor


def checked(activity: Activity[P, R]) -> Activity[P, R]:
    """Return *activity*, or raise one `DefinitionError` with all its problems."""
    problems = list(activity_problems(activity))
    if problems:
        raise DefinitionError(str(activity.name), problems)
    return activity


def activity_problems(activity: Activity[..., Any]) -> Iterable[str]:
    """Yield what is wrong with an activity's settings."""
    fn: Any = activity.fn  # whatever a caller really gave
    if not callable(fn):
        yield f"{fn!r} is not callable"
    if not activity.name:
        yield "an activity needs a name"
    if activity.executor not in EXECUTORS:
        yield f"executor {activity.executor!r} is none of {', '.join(EXECUTORS)}"
    if activity.executor == "async" and not activity.is_async:
        yield "executor 'async' needs an `async def`"
    if activity.timeout is not None and activity.timeout <= 0:
        yield f"timeout must be positive, not {activity.timeout:g} s"
    for number, retry in enumerate(activity.retry):
        yield from retry_problems(retry, f"retry[{number}]")
    limit = activity.rate_limit
    if limit is not None and (limit.count < 1 or limit.per <= 0):
        yield f"rate_limit must allow at least 1 per positive time, not {limit}"


def retry_problems(retry: Retry, where: str) -> Iterable[str]:
    """Yield what is wrong with a retry policy."""
    if retry.max_attempts < 1:
        yield f"{where}: max_attempts must be at least 1, not {retry.max_attempts}"
    if retry.initial < 0:
        yield f"{where}: initial must not be negative, but is {retry.initial:g} s"
    if retry.factor < 0:
        yield f"{where}: factor must not be negative, but is {retry.factor:g}"
    if not 0 <= retry.jitter <= 1:
        yield f"{where}: jitter must be between 0 and 1, not {retry.jitter:g}"
    if retry.max_delay is not None and retry.max_delay < 0:
        yield f"{where}: max_delay must not be negative, but is {retry.max_delay:g} s"
    if retry.max_delay is not None and retry.initial > retry.max_delay:
        yield (
            f"{where}: initial ({retry.initial:g} s) is more than max_delay "
            f"({retry.max_delay:g} s)"
        )
    if not retry.on:
        yield f"{where}: `on` is empty, so nothing would be retried"


@overload
def activity(fn: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    retry: Retry | Sequence[Retry] | None = None,
    timeout: float | None = None,
    rate_limit: RateLimit | None = None,
    executor: ExecutorName = "thread",
    compensate: Any = None,
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(fn: Callable[P, R] | None = None, /, **settings: Any) -> Any:
    """Make a function an activity: bare, or with a policy.

    See `Activity` for the settings.

    Raises:
        DefinitionError: a setting has no meaning; all problems are listed.
    """

    def wrap(fn: Callable[P, R]) -> Activity[P, R]:
        given = {key: value for key, value in settings.items() if value is not None}
        return checked(Activity(fn, **{"name": _name_of(fn), **given}))

    return wrap if fn is None else wrap(fn)


@frozen(eq=False, slots=False)
class Dynamic(Generic[P, R]):
    """A node that orchestrates others in ordinary Python.

    The coroutine runs without a thread, on a loop that makes what asyncio offers
    durable. After a restart it runs again from its top, and meets what was recorded.

    Attributes:
        fn: an ``async def``, or a ``def`` (which runs on a thread), whose first
            parameter is the `Context`.
        name: under which it is recorded.
        key: a name for this call that stays the same when code moves.
    """

    fn: Callable[P, R]
    name: str
    key: str | None = None

    def __attrs_post_init__(self) -> None:
        for name in WRAPPER_ASSIGNMENTS:
            if hasattr(self.fn, name):
                self.__dict__[name] = getattr(self.fn, name)
        self.__dict__["__wrapped__"] = self.fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly."""
        return self.fn(*args, **kwargs)

    def options(self, **changes: Any) -> Dynamic[P, R]:
        """Return a copy with other settings; the original is untouched.

        Raises:
            DefinitionError: a setting does not exist.
        """
        unknown = sorted(set(changes) - {"name", "key"})
        if unknown:
            problems = [f"no option {o!r}; there are key, name" for o in unknown]
            raise DefinitionError(self.name, problems)
        return evolve(self, **changes)

    @property
    def is_async(self) -> bool:
        """Whether it is an ``async def``."""
        return inspect.iscoroutinefunction(self.fn)


@overload
def dynamic(fn: Callable[P, R], /) -> Dynamic[P, R]: ...
@overload
def dynamic(
    *, name: str | None = None
) -> Callable[[Callable[P, R]], Dynamic[P, R]]: ...
def dynamic(fn: Callable[P, R] | None = None, /, *, name: str | None = None) -> Any:
    """Make a function a dynamic node: bare, or with a name."""

    def wrap(fn: Callable[P, R]) -> Dynamic[P, R]:
        return Dynamic(fn, name or _name_of(fn))

    return wrap if fn is None else wrap(fn)


def as_activity(node: Any) -> Activity[..., Any]:
    """Return the activity that *node* is, or that a plain function makes."""
    if isinstance(node, Activity):
        return node
    if not callable(node):
        raise DefinitionError(repr(node), [f"{node!r} is not callable"])
    return activity(node)


def node_name(node: Any) -> str:
    """Return the name under which a node is recorded."""
    if isinstance(node, str):
        return node
    return str(getattr(node, "name", None) or _name_of(node))


def node_kind(node: Any) -> str:
    """Return what kind of node it is: ``activity``, ``flow`` or ``dynamic``."""
    if isinstance(node, Dynamic):
        return "dynamic"
    if isinstance(node, Workflow) or isinstance(
        getattr(node, "workflow", None), Workflow
    ):
        return "flow"
    return "activity"


def _name_of(fn: Any) -> str:
    return str(getattr(fn, "__name__", None) or type(fn).__name__)


# --- the graph -----------------------------------------------------------------------

Condition = str | Callable[[Mapping[str, Any]], Any] | None


def _steps(value: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(value)


def _inputs(value: Iterable[Input]) -> tuple[Input, ...]:
    return tuple(value)


def _outputs(value: Iterable[Output]) -> tuple[Output, ...]:
    return tuple(value)


def _edges(value: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(value)


def _catches(value: Iterable[Catch]) -> tuple[Catch, ...]:
    return tuple(value)


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


def _mapping(value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return dict(value or {})


class _Required:
    """The default of an input that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()


@frozen
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


@frozen
class Output:
    """A named output: a variable (dotted path) of a *branch* when all has ended."""

    name: str
    variable: str = field(
        kw_only=True, default=Factory(lambda s: s.name, takes_self=True)
    )
    branch: str = field(default="main", kw_only=True)
    description: str = field(default="", kw_only=True)


@frozen
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


@frozen(kw_only=True)
class Join:
    """Wait for other branches and take over their variables.

    The branch that arrives first waits and goes on; others that are led to the same
    join end there, as branches that are waited for.

    Attributes:
        branches: the branches to wait for; a listed branch whose edge was not taken
            is not waited for. Empty: all other branches.
        count: so many of them are enough. The forked parent does not count.
        mappings: ``"branch.variable"`` (or ``"branch"``, all its variables) to the
            dotted path it lands in. Without an entry for a listed branch, all its
            variables land under its name.
    """

    branches: tuple[str, ...] = field(default=(), converter=_names)
    count: int | None = None
    mappings: Mapping[str, str] = field(factory=dict, converter=_mapping)


@frozen(kw_only=True)
class WaitSignal:
    """Wait for a signal on *topic* (a template), at most *timeout* seconds.

    When the time is over the branch goes on at *on_timeout*; without one the step
    fails with a ``timeout``, which retry and catch see like any failure.
    """

    topic: str
    timeout: float | None = field(default=None, converter=optional_seconds)
    store: str | None = None
    on_timeout: str | None = None


@frozen(kw_only=True)
class Map:
    """Run an activity for every item, and collect the results in order.

    Attributes:
        over: an expression that gives the items (or a list, or a callable that is
            given the state).
        activity: what to run, by name or itself.
        parameters: templates that also see ``item`` and ``index``; without any, the
            item is the one positional argument.
        max_concurrency: how many items may be active at once; None is no limit of
            its own, 1 is strictly one after the other.
        on_error: ``wait``: run every item, then fail; ``fail_fast``: start nothing
            further after a failure, then fail; ``continue``: give an `Outcome` for
            every item.
    """

    over: Any
    activity: Any
    parameters: Mapping[str, Any] | None = None
    max_concurrency: int | None = None
    on_error: Literal["wait", "fail_fast", "continue"] = "wait"


class _ByName:
    """Parameters that take the inputs and variables of the same names."""

    def __repr__(self) -> str:
        return "BY_NAME"


BY_NAME: Any = _ByName()


@frozen(kw_only=True)
class Parallel:
    """Run several nodes at the same time; the result is a mapping by arm.

    Attributes:
        arms: what to run, by name.
        parameters: what each is given, as in `Step`; by default inputs and variables
            of the same names.
        max_concurrency: how many arms may be active at once.
        on_error: as in `Map`.
    """

    arms: Mapping[str, Any] = field(converter=_mapping)
    parameters: Any = BY_NAME
    max_concurrency: int | None = None
    on_error: Literal["wait", "fail_fast", "continue"] = "wait"


@frozen(kw_only=True)
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
    """

    body: Any
    until: Any = None
    initial: Any = None
    max_iterations: int | None = None
    on_max: Literal["end", "error"] = "end"


@frozen(kw_only=True)
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
    choices: Mapping[str, Any] = field(converter=_mapping)
    default: Any = None
    parameters: Any = BY_NAME


@frozen(kw_only=True)
class Ask:
    """Ask a person a yes/no question, and go on with the decision.

    The result is ``{"approved", "by", "at"}``: a no is a result, not an error.

    Attributes:
        prompt: the question (a template); by default the step's name.
        id: names the question for `Runtime.answer`; by default the step's name.
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
RUNNING_KINDS = ("activity", "flow", "dynamic", "map", "parallel", "loop", "route")
"""The kinds that run code, so that they can fail, and have a result."""


@frozen
class Step:
    """One vertex of a graph; it has exactly one kind.

    Attributes:
        activity: run it, by name or itself, with *parameters*.
        flow: walk another graph, as one step of this one.
        dynamic: run a dynamic node.
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
        retry: policies that replace the activity's own.
        timeout: seconds for one attempt; replaces the activity's own.
        catch: where to go on after a failure.
        next: the edges, in order.
        edges: ``all`` follows every edge whose condition holds, ``first`` only the
            first of them.
    """

    name: str
    activity: Any = field(default=None, kw_only=True)
    flow: Any = field(default=None, kw_only=True)
    dynamic: Any = field(default=None, kw_only=True)
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
    retry: tuple[Retry, ...] = field(default=(), kw_only=True, converter=_retries)
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

    @property
    def nodes(self) -> dict[str, Any]:
        """The nodes it runs, by name: of the arm, of the choice, or of its own."""
        if self.parallel:
            return dict(self.parallel.arms)
        if self.route:
            others = {} if self.route.default is None else {"*": self.route.default}
            return {**self.route.choices, **others}
        one = next(
            (n for n in (self.activity, self.flow, self.dynamic) if n is not None), None
        )
        if self.map:
            one = self.map.activity
        elif self.loop:
            one = self.loop.body
        return {} if one is None else {self.name: one}


@frozen(eq=False, slots=False)
class Workflow:
    """A graph of steps: validated when it is made, immutable after.

    Attributes:
        name: under which executions are recorded.
        steps: in order; the first is where an execution begins, unless *start_at*.
        inputs: what a caller gives.
        state: the variables the first branch begins with.
        outputs: what an execution returns, taken from its branches' variables.
        result: instead of *outputs*: the one variable of the first branch that an
            execution returns; ``"*"`` is all of them.
        version: a label of your own; part of the fingerprint.
        compatible_with: fingerprints of older definitions whose executions this one
            may carry on.

    Raises:
        DefinitionError: with all problems at once.
    """

    name: str
    steps: tuple[Step, ...] = field(converter=_steps, kw_only=True)
    inputs: tuple[Input, ...] = field(default=(), converter=_inputs, kw_only=True)
    state: Mapping[str, Any] = field(factory=dict, converter=_mapping, kw_only=True)
    outputs: tuple[Output, ...] = field(default=(), converter=_outputs, kw_only=True)
    start_at: str | None = field(default=None, kw_only=True)
    version: str = field(default="", kw_only=True)
    compatible_with: tuple[str, ...] = field(default=(), converter=_names, kw_only=True)
    description: str = field(default="", kw_only=True)
    result: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        # Imported late: validation reads definitions, definitions only call it.
        from actorflow.model.validation import workflow_problems

        problems = list(workflow_problems(self))
        if problems:
            raise DefinitionError(self.name or "workflow", problems)

    def step(self, name: str) -> Step:
        """Return the step of that name.

        Raises:
            KeyError: there is none.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @property
    def start(self) -> Step:
        """The step an execution begins with."""
        return self.step(self.start_at) if self.start_at else self.steps[0]

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of everything that decides how recorded events are read.

        Names, edges, expressions and kinds count; descriptions, retry policies and the
        code of activities do not, so that those may change under running executions.
        """
        text = json.dumps(_shape(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def branches_after(self) -> dict[str, frozenset[str]]:
        """For every step, the named branches that control may still start from it."""
        reach = {step.name: _named(step) for step in self.steps}
        changed = True
        while changed:
            changed = False
            for step in self.steps:
                union = frozenset().union(
                    reach[step.name], *(reach[target] for target in targets(step))
                )
                changed |= union != reach[step.name]
                reach[step.name] = union
        return reach

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        from actorflow.model.drawing import mermaid

        return mermaid(self)

    @classmethod
    def load(cls, source: Source) -> Workflow:
        """Return the workflow in a YAML or JSON file, given by its path or open.

        Raises:
            DefinitionError: with all problems at once, each with its line.
        """
        from actorflow.model.files import load

        return load(source)

    @classmethod
    def loads(cls, text: str, *, name: str = "<text>") -> Workflow:
        """Return the workflow in *text*; *name* is what problems call it.

        Raises:
            DefinitionError: with all problems at once, each with its line.
        """
        from actorflow.model.files import loads

        return loads(text, name=name)

    def to_yaml(self) -> str:
        """Return the workflow as a file that `load` reads.

        Raises:
            DefinitionError: it holds what a file cannot, such as a Python callable.
        """
        from actorflow.model.files import dump

        return dump(self)


def targets(step: Step) -> list[str]:
    """Return every step control may go to from *step*: edges, catches, timeouts."""
    found = [edge.step for edge in step.next] + [catch.goto for catch in step.catch]
    if step.wait_signal and step.wait_signal.on_timeout:
        found.append(step.wait_signal.on_timeout)
    return found


def _named(step: Step) -> frozenset[str]:
    return frozenset(edge.branch for edge in step.next if edge.branch)


def _shape(workflow: Workflow) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "version": workflow.version,
        "inputs": [item.name for item in workflow.inputs],
        "state": workflow.state,
        "start": workflow.start.name,
        "steps": [_step_shape(step) for step in workflow.steps],
        "outputs": [(o.name, o.variable, o.branch) for o in workflow.outputs],
    }


def _step_shape(step: Step) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "name": step.name,
        "kind": step.kind,
        "nodes": {name: _node_shape(node) for name, node in step.nodes.items()},
        "parameters": _text(step.parameters),
        "store": step.store,
        "edges": step.edges,
        "next": [(e.step, _text(e.when), e.branch) for e in step.next],
        "catch": [(c.goto, c.on, c.store) for c in step.catch],
    }
    if step.map:
        shape["map"] = [_text(step.map.over), _text(step.map.parameters)]
    if step.parallel:
        shape["parallel"] = [_text(step.parallel.parameters)]
    if step.loop:
        loop = step.loop
        shape["loop"] = [_text(loop.until), _text(loop.initial), loop.max_iterations]
    if step.route:
        shape["route"] = [_text(step.route.key), _text(step.route.parameters)]
    if step.join:
        shape["join"] = [step.join.branches, step.join.count, dict(step.join.mappings)]
    if step.wait_signal:
        wait = step.wait_signal
        shape["wait"] = [wait.topic, wait.store, wait.on_timeout]
    return shape


def _node_shape(node: Any) -> Any:
    graph = node if isinstance(node, Workflow) else getattr(node, "workflow", None)
    return graph.fingerprint if isinstance(graph, Workflow) else node_name(node)


def _text(value: Any) -> Any:
    """Return a stand-in for *value* that is the same in every process."""
    if isinstance(value, Mapping):
        return {str(key): _text(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_text(entry) for entry in value]
    if value is BY_NAME:
        return "BY_NAME"
    if callable(value):
        return f"<{getattr(value, '__qualname__', type(value).__qualname__)}>"
    return value
