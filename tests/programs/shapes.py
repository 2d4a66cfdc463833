"""Programs as functions from a number to a number, and a slow interpreter of them.

`Shape.value` is the interpreter: plain recursion, obviously right. `Shape.node` makes
the same of what actorflow has: flows, graphs, dynamic nodes (with and without a
thread), in each other in any order.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import attrs

import actorflow as af
from actorflow.model.definition import node_kind

SIGNALS = {"news": [3] * 60, "inside": [4] * 60}
"""What the outside has for these programs; the payloads of a topic are all the same."""
ANSWERS = {"*": True}


class BadNumber(Exception):  # noqa: N818 - what a shape fails with
    """What a failing leaf raises."""


def total(values: list[int]) -> int:
    """Return the sum, kept small."""
    return sum(values) % 1_000


def undo(result: int) -> int:
    """Undo what gave *result*."""
    return result


Done = list[int]
"""The results of what has been done and can be undone, in some order."""


@attrs.frozen
class Shape:
    """A function from a number to a number."""

    @abstractmethod
    def value(self, x: int, done: Done) -> int:
        """Work it out with plain Python; note what can be undone."""

    @abstractmethod
    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Let *flow* have the value of its input ``x`` in its variable ``r``."""

    @property
    def racy(self) -> bool:
        """Whether who is first decides what is done, and how it fails."""
        return False

    def node(self, names: Iterator[int]) -> Any:
        """Make a node of it."""
        return self.flow(names)

    def flow(self, names: Iterator[int]) -> af.Flow:
        """Make a flow of it."""
        flow = af.Flow(self.named(names), inputs=["x"])
        return self.body(flow, names).output("r")

    def named(self, names: Iterator[int]) -> str:
        """Return a name."""
        return f"{type(self).__name__.lower()}{next(names)}"


# -- leaves ----------------------------------------------------------------------------


@attrs.frozen
class Add(Shape):
    """Add a number, at the *tries*-th try; if *limited*, only two do so at once."""

    k: int
    tries: int
    limited: bool = False

    def value(self, x: int, done: Done) -> int:
        """Add."""
        return total([x, self.k])

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run one activity."""

        def add(x: int, ctx: af.ActivityContext) -> int:
            if ctx.attempt < self.tries:
                raise ConnectionError("not yet")
            return total([x, self.k])

        limit = af.ConcurrencyLimit(2, name="adding") if self.limited else None
        node = af.activity(concurrency_limit=limit)(add)
        return flow.then(node, retry=af.Retry(max_attempts=3, initial=1), into="r")


@attrs.frozen
class Fail(Shape):
    """Fail for odd numbers."""

    k: int

    def value(self, x: int, done: Done) -> int:
        """Fail, or return the number."""
        if x % 2:
            raise BadNumber(f"{self.k} cannot have {x}")
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run one activity."""
        return flow.then(self.node(names), into="r")

    def node(self, names: Iterator[int]) -> Any:
        """Be an activity."""
        return af.activity(name="fail")(lambda x: self.value(x, []))


@attrs.frozen
class Charge(Shape):
    """Add a number; that can be undone."""

    k: int

    def value(self, x: int, done: Done) -> int:
        """Add."""
        done.append(total([x, self.k]))
        return done[-1]

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run one activity."""
        return flow.then(self.node(names), into="r")

    def node(self, names: Iterator[int]) -> Any:
        """Be an activity."""
        return af.activity(name="charge", compensate=undo)(lambda x: total([x, self.k]))


@attrs.frozen
class Wait(Shape):
    """Wait for a while, and return the number."""

    seconds: int
    for_signal: bool

    def value(self, x: int, done: Done) -> int:
        """Return the number."""
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Sleep, or wait for a signal that never comes."""
        if self.for_signal:
            keep = af.activity(name="keep")(lambda x: x)
            return flow.wait_signal(
                "never", timeout=self.seconds, on_timeout=keep, into="r"
            )
        return flow.sleep(self.seconds).then(
            total, input={"values": ["${x}"]}, into="r"
        )


@attrs.frozen
class Hear(Shape):
    """Wait for a signal, in the graph or inside an activity, and add it."""

    inside: bool

    def value(self, x: int, done: Done) -> int:
        """Add what is signalled."""
        return total([x, SIGNALS["inside" if self.inside else "news"][0]])

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Wait, then add; or do both at once."""
        if not self.inside:
            flow.wait_signal("news", into="heard")
            return flow.then(total, input={"values": ["${x}", "${heard}"]}, into="r")

        def hear(x: int, ctx: af.ActivityContext) -> int:
            before: int = ctx.record("before", lambda: x)
            return total([before, ctx.wait_signal("inside")])

        return flow.then(hear, into="r")


@attrs.frozen
class Gate(Shape):
    """Ask somebody, who says yes."""

    def value(self, x: int, done: Done) -> int:
        """Return the number."""
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Ask, and use the answer."""
        flow.gate("ok")
        given = {"values": ["${x * ok.approved}"]}
        return flow.then(total, input=given, into="r")


# -- what is made of others ------------------------------------------------------------


@attrs.frozen
class Whole(Shape):
    """Something made of parts, in one of several ways."""

    style: str = attrs.field(default="flow", kw_only=True)

    def node(self, names: Iterator[int]) -> Any:
        """Make a node of it, in its style."""
        if self.style == "dynamic":
            return self._dynamic(names)
        if self.style == "sync":
            return self._sync(names) or self._dynamic(names)
        if self.style == "graph":
            return self.graph(names) or self.flow(names)
        return self.flow(names)

    def graph(self, names: Iterator[int]) -> af.Workflow | None:
        """Make a graph of it, if that is another way."""
        return None

    def coroutine(self, names: Iterator[int]) -> Any:
        """Return a coroutine function of a context and the number."""
        node = self.flow(names)

        async def run(ctx: af.Context, x: int) -> int:
            value: int = await ctx.run(node, x)
            return value

        return run

    def function(self, names: Iterator[int]) -> Any:
        """Return a plain function of a context and the number, if there is one."""
        return None

    def _dynamic(self, names: Iterator[int]) -> Any:
        run = self.coroutine(names)

        async def node(ctx: af.Context, x: int) -> int:
            value: int = await run(ctx, x)
            return value

        return af.dynamic(name=self.named(names))(node)

    def _sync(self, names: Iterator[int]) -> Any:
        run = self.function(names)
        if run is None:
            return None

        def node(ctx: af.Context, x: int) -> int:
            value: int = run(ctx, x)
            return value

        return af.dynamic(name=self.named(names))(node)


def step(name: str, node: Any, x: str, **more: Any) -> af.Step:
    """Return a step that runs *node* with the number that *x* gives."""
    kind: dict[str, Any] = {node_kind(node): node}
    return af.Step(name, **kind, parameters={"x": x}, store="r", **more)


@attrs.frozen
class Sequence(Whole):
    """One after the other."""

    parts: list[Shape]

    @property
    def racy(self) -> bool:
        """Whether a part is."""
        return any(part.racy for part in self.parts)

    def value(self, x: int, done: Done) -> int:
        """Pass the number on."""
        for part in self.parts:
            x = part.value(x, done)
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run node after node."""
        source = "${x}"
        for part in self.parts:
            flow.then(part.node(names), input={"x": source}, into="r")
            source = "${r}"
        return flow

    def graph(self, names: Iterator[int]) -> af.Workflow:
        """Run step after step."""
        steps = []
        for n, part in enumerate(self.parts):
            last = n + 1 == len(self.parts)
            x = "${state.r}" if n else "${inputs.x}"
            edges = [] if last else [af.Edge(f"s{n + 1}")]
            steps.append(step(f"s{n}", part.node(names), x, next=edges))
        inputs = [af.Input("x")]
        return af.Workflow(self.named(names), inputs=inputs, steps=steps, result="r")

    def coroutine(self, names: Iterator[int]) -> Any:
        """Await one after the other."""
        nodes = [part.node(names) for part in self.parts]

        async def run(ctx: af.Context, x: int) -> int:
            for node in nodes:
                await ctx.emit(x)
                x = await ctx.run(node, x)
            return x

        return run

    def function(self, names: Iterator[int]) -> Any:
        """Call one after the other."""
        nodes = [part.node(names) for part in self.parts]

        def run(ctx: af.Context, x: int) -> int:
            for node in nodes:
                ctx.emit(x)
                x = ctx.run(node, x)
            return x

        return run


@attrs.frozen
class Parallel(Whole):
    """All at once; the sum of it."""

    parts: list[Shape]
    on_error: str
    limit: int | None

    @property
    def racy(self) -> bool:
        """Whether a failure cancels others, or a part is."""
        return self.on_error == "fail_fast" or any(p.racy for p in self.parts)

    def value(self, x: int, done: Done) -> int:
        """Add up; go on after failures, or fail with the first."""
        return _sum_of([(part, x) for part in self.parts], self.on_error, done)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as arms."""
        flow.parallel(
            "p",
            *[part.flow(names) for part in self.parts],
            max_concurrency=self.limit,
            on_error=self.on_error,
        )
        return flow.then(total, input=lambda s: _values(s["p"].values()), into="r")

    def coroutine(self, names: Iterator[int]) -> Any:
        """Gather them, or let a group of tasks fail."""
        nodes = [part.node(names) for part in self.parts]

        async def run(ctx: af.Context, x: int) -> int:
            permits = asyncio.Semaphore(self.limit or 99)

            async def one(node: Any) -> int:
                async with permits:
                    value: int = await ctx.run(node, x)
                    return value

            if self.on_error == "fail_fast":
                return total(await _grouped([one(node) for node in nodes]))
            values = await asyncio.gather(*map(one, nodes), return_exceptions=True)
            failures = [v for v in values if isinstance(v, BaseException)]
            if failures and self.on_error == "wait":
                raise failures[0]
            return total([v for v in values if not isinstance(v, BaseException)])

        return run


async def _grouped(coroutines: list[Any]) -> list[int]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in coroutines]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


@attrs.frozen
class Each(Whole):
    """The same for several numbers, which are found in one of three ways; the sum."""

    part: Shape
    size: int
    on_error: str
    limit: int | None
    source: str = "list"

    @property
    def racy(self) -> bool:
        """Whether a failure cancels others, or the part is."""
        return self.on_error == "fail_fast" or self.part.racy

    def value(self, x: int, done: Done) -> int:
        """Add up; go on after failures, or fail with the first."""
        items = [(self.part, x + n) for n in range(self.size)]
        return _sum_of(items, self.on_error, done)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it as the items of a map."""
        if self.source == "pages" and self.size:
            return self._paged(flow, names)
        numbers = iter if self.source == "iterator" else list
        flow.map(
            "m",
            self.part.node(names),
            over=lambda s: numbers(range(s["x"], s["x"] + self.size)),
            max_concurrency=self.limit,
            on_error=self.on_error,
        )
        return flow.then(total, input=lambda s: _values(s["m"]), into="r")

    def _paged(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it for pages of one number, of which every second is hard to get."""

        def fetch(cursor: int | None, x: int, ctx: af.ActivityContext) -> af.Page:
            n = cursor or 0
            if n % 2 and ctx.attempt == 1:
                raise ConnectionError("not yet")
            return af.Page([x + n], n + 1 if n + 1 < self.size else None)

        each = af.Flow(self.named(names), inputs=["xs"])
        each.then(self.part.node(names), input={"x": "${xs[0]}"}, into="r").output("r")
        flow.paginate(
            "m",
            af.activity(retry=af.Retry(initial=1))(fetch),
            each=each,
            max_concurrency=self.limit or 3,
            on_error=self.on_error,
        )
        return flow.then(total, input=lambda s: _values(s["m"]["results"]), into="r")

    def coroutine(self, names: Iterator[int]) -> Any:
        """Run it as the items of a map."""
        node = self.part.node(names)

        async def run(ctx: af.Context, x: int) -> int:
            items, limit = range(x, x + self.size), self.limit
            results = await ctx.map(
                node, items, max_concurrency=limit, on_error=self.on_error
            )
            return total(_values(results)["values"])

        return run


@attrs.frozen
class Again(Whole):
    """The same again and again."""

    part: Shape
    times: int

    @property
    def racy(self) -> bool:
        """Whether the part is."""
        return self.part.racy

    def value(self, x: int, done: Done) -> int:
        """Pass the number on."""
        for _ in range(self.times):
            x = self.part.value(x, done)
        return x

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it as the body of a loop."""
        until = f"iteration == {self.times}"
        return flow.loop("l", self.part.node(names), until=until, input="x", into="r")

    def coroutine(self, names: Iterator[int]) -> Any:
        """Await it again and again."""
        node = self.part.node(names)

        async def run(ctx: af.Context, x: int) -> int:
            for _ in range(self.times):
                x = await ctx.run(node, x)
                await asyncio.sleep(1)  # noqa: TID251 - durable, inside a dynamic node
            return x

        return run

    def function(self, names: Iterator[int]) -> Any:
        """Call it again and again."""
        node = self.part.node(names)

        def run(ctx: af.Context, x: int) -> int:
            for _ in range(self.times):
                x = ctx.run(node, x)
                ctx.sleep(1)
            return x

        return run


@attrs.frozen
class Choice(Whole):
    """One of several, by the number."""

    parts: list[Shape]

    @property
    def racy(self) -> bool:
        """Whether a part is."""
        return any(part.racy for part in self.parts)

    def value(self, x: int, done: Done) -> int:
        """Choose."""
        return self.parts[x % len(self.parts)].value(x, done)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as the choices of a route."""
        choices = {str(n): part.node(names) for n, part in enumerate(self.parts)}
        size = len(self.parts)
        flow.route(lambda s: str(s["x"] % size), choices)
        return flow.then(total, input={"values": ["${route.result}"]}, into="r")

    def coroutine(self, names: Iterator[int]) -> Any:
        """Choose with plain Python."""
        nodes = [part.node(names) for part in self.parts]

        async def run(ctx: af.Context, x: int) -> int:
            value: int = await ctx.run(nodes[x % len(nodes)], x)
            return value

        return run


@attrs.frozen
class Either(Whole):
    """One of two, by the number."""

    yes: Shape
    no: Shape

    @property
    def racy(self) -> bool:
        """Whether one of them is."""
        return self.yes.racy or self.no.racy

    def value(self, x: int, done: Done) -> int:
        """Decide."""
        return (self.yes if x % 2 else self.no).value(x, done)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run them as the arms of a block."""
        flow.when("x % 2").then(self.yes.node(names), input={"x": "${x}"}, into="r")
        flow.otherwise().then(self.no.node(names), input={"x": "${x}"}, into="r")
        return flow.end()

    def graph(self, names: Iterator[int]) -> af.Workflow:
        """Follow the first edge whose condition holds."""
        edges = [af.Edge("yes", when="inputs.x % 2"), af.Edge("no")]
        return af.Workflow(
            self.named(names),
            inputs=[af.Input("x")],
            steps=[
                af.Step("which", decide=True, edges="first", next=edges),
                step("yes", self.yes.node(names), "${inputs.x}"),
                step("no", self.no.node(names), "${inputs.x}"),
            ],
            result="r",
        )


@attrs.frozen
class Rescue(Whole):
    """A part; if that fails, a number is added instead."""

    part: Shape
    k: int

    @property
    def racy(self) -> bool:
        """Whether the part is."""
        return self.part.racy

    def value(self, x: int, done: Done) -> int:
        """Try."""
        try:
            return self.part.value(x, done)
        except BadNumber:
            return total([x, self.k])

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run it as the one arm of a parallel that goes on."""
        flow.parallel("p", self.part.flow(names), on_error="continue")

        def pick(x: int, p: dict[str, Any]) -> int:
            [outcome] = p.values()
            value: int = outcome.value if outcome.ok else total([x, self.k])
            return value

        return flow.then(pick, into="r")

    def graph(self, names: Iterator[int]) -> af.Workflow:
        """Catch."""
        catch = [af.Catch(on=["all"], goto="save")]
        values = {"values": ["${inputs.x}", self.k]}
        return af.Workflow(
            self.named(names),
            inputs=[af.Input("x")],
            steps=[
                step("try", self.part.node(names), "${inputs.x}", catch=catch),
                af.Step("save", activity=total, parameters=values, store="r"),
            ],
            result="r",
        )

    def coroutine(self, names: Iterator[int]) -> Any:
        """Catch, with plain Python."""
        node = self.part.node(names)

        async def run(ctx: af.Context, x: int) -> int:
            try:
                value: int = await ctx.run(node, x)
            except af.NodeFailed:
                return total([x, self.k])
            return value

        return run

    def function(self, names: Iterator[int]) -> Any:
        """Catch, with plain Python."""
        node = self.part.node(names)

        def run(ctx: af.Context, x: int) -> int:
            try:
                value: int = ctx.run(node, x)
            except af.NodeFailed:
                return total([x, self.k])
            return value

        return run


@attrs.frozen
class Fork(Whole):
    """Branches that meet again; the sum of it."""

    parts: list[Shape]

    @property
    def racy(self) -> bool:
        """A branch that fails stops the others where they are."""
        return True

    def value(self, x: int, done: Done) -> int:
        """Add up, or fail with any."""
        return _sum_of([(part, x) for part in self.parts], "wait", done)

    def body(self, flow: af.Flow, names: Iterator[int]) -> af.Flow:
        """Run the graph as a part."""
        return flow.then(self.graph(names), input={"x": "${x}"}, into="r")

    def graph(self, names: Iterator[int]) -> af.Workflow:
        """Fork, and join."""
        numbers = range(len(self.parts))
        edges = [af.Edge(f"s{n}", branch=f"b{n}") for n in numbers]
        join = af.Join(
            branches=[f"b{n}" for n in numbers],
            mappings={f"b{n}.r": f"r{n}" for n in numbers},
        )
        values = {"values": [f"${{state.r{n}}}" for n in numbers]}
        rest = af.Edge("meet", branch="rest")
        return af.Workflow(
            self.named(names),
            inputs=[af.Input("x")],
            steps=[
                af.Step("fork", decide=True, next=[*edges, rest]),
                *[
                    step(f"s{n}", part.node(names), "${inputs.x}")
                    for n, part in enumerate(self.parts)
                ],
                af.Step("meet", join=join, next=[af.Edge("sum")]),
                af.Step("sum", activity=total, parameters=values, store="sum"),
            ],
            outputs=[af.Output("sum", branch="rest")],
        )

    def flow(self, names: Iterator[int]) -> af.Flow:
        """Take the sum out of what the graph returns."""
        flow = af.Flow(self.named(names), inputs=["x"])
        flow.then(self.graph(names), input={"x": "${x}"}, into="out")
        return flow.then(total, input={"values": ["${out.sum}"]}, into="r").output("r")

    def node(self, names: Iterator[int]) -> Any:
        """Be a flow, or a dynamic node around one."""
        return self._dynamic(names) if self.style == "dynamic" else self.flow(names)


def _sum_of(calls: list[tuple[Shape, int]], on_error: str, done: Done) -> int:
    values, failures = [], []
    for shape, x in calls:
        try:
            values.append(shape.value(x, done))
        except BadNumber as error:
            failures.append(error)
    if failures and on_error != "continue":
        raise failures[0]
    return total(values)


def _values(results: Any) -> dict[str, list[int]]:
    found = [r.value if isinstance(r, af.Outcome) else r for r in results]
    return {"values": [value for value in found if value is not None]}
