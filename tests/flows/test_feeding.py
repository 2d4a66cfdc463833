"""Maps whose items are found on the way: iterators, pages, batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import actorflow as af
from actorflow.log.memory import MemoryLog
from actorflow.model.fold import apply
from actorflow.model.state import ExecutionState
from actorflow.testing import Crash, CrashingLog, Replayer, Simulation, runtime
from tests.flows.helpers import (
    Ailing,
    Diary,
    double,
    echo,
    events,
    failure,
    output,
    problems,
)

WAIT = 20.0


class Source:
    """Pages of numbers, three a page; notes which were fetched."""

    def __init__(self, pages: int, *, breaks_at: int | None = None) -> None:
        self.pages = pages
        self.breaks_at = breaks_at
        self.fetched: list[int | None] = []

    def __call__(self, cursor: int | None) -> af.Page:
        """Return the page at *cursor*."""
        self.fetched.append(cursor)
        page = cursor or 0
        if page == self.breaks_at:
            raise ConnectionError(f"page {page} is down")
        items = [3 * page + n for n in range(3)]
        return af.Page(items, page + 1 if page + 1 < self.pages else None)

    @property
    def activity(self) -> af.Activity[..., Any]:
        """The same as an activity."""
        return af.activity(name="fetch")(self.__call__)


def total(numbers: list[int]) -> int:
    """Return their sum."""
    return sum(numbers)


def paginated(source: Any, **settings: Any) -> Any:
    """Return what paging through *source* gives."""
    return output(af.Flow("f").paginate("p", source, **settings).output("p"))


# --- pages ---------------------------------------------------------------------------


def test_all_items_of_all_pages_are_one_list() -> None:
    """With the last cursor, and how many pages there were."""
    result = paginated(Source(3).activity)

    assert result == {"items": list(range(9)), "cursor": 2, "pages": 3}


def test_each_page_is_fetched_at_the_cursor_of_the_one_before() -> None:
    """The first at none."""
    source = Source(3)
    paginated(source.activity)

    assert source.fetched == [None, 1, 2]


def test_the_first_cursor_may_come_from_the_state() -> None:
    """As an expression, or a callable."""
    for start in ("since", lambda s: s["since"]):
        flow = af.Flow("f", inputs=["since"]).paginate(
            "p", Source(3).activity, start=start
        )
        assert output(flow.output("p"), since=2)["items"] == [6, 7, 8]


def test_what_else_is_needed_for_a_page_comes_by_name() -> None:
    """Only the first parameter is the cursor."""

    def fetch(after: str | None, site: str, size: int = 2) -> dict[str, Any]:
        return {"items": [f"{site}:{after}:{size}"]}

    flow = af.Flow("f", inputs=["site", "after"]).paginate("p", fetch).output("p")

    assert output(flow, site="s", after="not me")["items"] == ["s:None:2"]


def test_a_mapping_is_a_page_too() -> None:
    """What an API answers need not be made a Page."""
    result = paginated(
        af.activity(name="fetch")(lambda c: {"items": ["a"], "cursor": None, "x": 1})
    )

    assert result == {"items": ["a"], "cursor": None, "pages": 1}


def test_a_source_may_give_the_cursor_for_the_next_time() -> None:
    """A page that is the last says so, and has a cursor all the same."""
    result = paginated(
        af.activity(name="fetch")(lambda c: af.Page(["a"], "t9", more=False))
    )

    assert result["cursor"] == "t9"


def test_there_may_be_enough_pages() -> None:
    """Of a source without end."""
    result = paginated(Source(10**9).activity, max_pages=2)

    assert result == {"items": list(range(6)), "cursor": 2, "pages": 2}


def test_each_page_feeds_what_is_done_with_it() -> None:
    """A batch at a time, each by itself."""
    result = paginated(Source(3).activity, each=total)

    assert result == {"results": [3, 12, 21], "cursor": 2, "pages": 3}


def test_a_page_is_done_with_before_the_next_is_fetched() -> None:
    """So only one of them is there at a time."""
    diary = Diary()
    source = Source(3)

    def fetch(cursor: int | None) -> af.Page:
        diary.lines.append("fetch")
        return source(cursor)

    def store(numbers: list[int]) -> None:
        diary.lines.append("store")

    paginated(fetch, each=store)

    assert diary.lines == ["fetch", "store"] * 3


def test_a_page_feeds_flows_of_any_shape() -> None:
    """Steps after a page are a flow: with waits, maps and whatever else."""
    body = (
        af.Flow("batch", inputs=["numbers"])
        .map("doubled", double, over="numbers")
        .gate("go on?", timeout=60, default=True)
        .output("doubled")
    )
    flow = af.Flow("f").paginate("p", Source(2).activity, each=body).output("p")
    with runtime(flow) as rt:
        run = rt.start(flow.build())
        rt.clock.advance(120)
        assert run.result()["results"] == [[0, 2, 4], [6, 8, 10]]


def test_pages_that_are_recorded_are_not_fetched_again() -> None:
    """A crash costs the page that was under way."""
    source = Source(4)
    flow = af.Flow("f").paginate("p", source.activity, each=total).output("p").build()
    log = CrashingLog(at=6, after=True)
    with pytest.raises(Crash), runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    log.abandon()
    before = list(source.fetched)
    with runtime(flow, log=MemoryLog(store=log.store)) as rt:
        assert rt.get("x").result()["results"] == [3, 12, 21, 30]

    assert before == [None, 1, 2]
    assert source.fetched == [*before, 3]


def test_a_page_that_fails_is_tried_again_as_its_activity_says() -> None:
    """A source has policies of its own."""
    source = Source(3, breaks_at=1)
    patient = source.activity.options(retry=af.Retry(max_attempts=3, initial=10))
    flow = af.Flow("f").paginate("p", patient, each=total).output("p").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(5)
        source.breaks_at = None
        rt.clock.advance(10)
        assert run.result()["pages"] == 3
    assert source.fetched == [None, 1, 1, 2]


@pytest.mark.parametrize("on_error", ["wait", "fail_fast", "continue"])
def test_a_page_that_cannot_be_had_fails_the_step(on_error: str) -> None:
    """Whatever becomes of single pages; a retry goes on at that page."""
    source = Source(3, breaks_at=1)
    flow = (
        af.Flow("f")
        .paginate("p", source.activity, each=total, on_error=on_error)
        .output("p")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        error = run.wait().error
        assert error is not None
        assert (error.node, error.message) == ("fetch", "page 1 is down")
        assert error.address == "main/p/fetch#2"
        source.breaks_at = None
        run.retry()
        assert run.result()["pages"] == 3
    assert source.fetched == [None, 1, 1, 2]


def test_a_batch_that_fails_is_done_again_by_a_retry() -> None:
    """With the page that was recorded for it."""
    source, ailing = Source(3), Ailing([3, 4, 5])
    flow = af.Flow("f").paginate("p", source.activity, each=ailing).output("p").build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        assert run.wait().status == "failed"
        ailing.heal()
        run.retry()
        assert run.result()["results"][1] == [3, 4, 5]
    assert source.fetched == [None, 1, 2]


def test_fail_fast_gives_up_a_page_that_is_being_fetched() -> None:
    """It is fetched anew by a retry."""
    source = Source(3)

    def fetch(ctx: af.ActivityContext, cursor: int | None) -> af.Page:
        if cursor == 1:
            ctx.wait_signal("go")
        return source(cursor)

    ailing = Ailing([0, 1, 2])
    late = (
        af.Flow("late", inputs=["numbers"])
        .sleep(10)
        .then(ailing, input={"value": "${numbers}"})
    )
    flow = (
        af.Flow("f")
        .paginate("p", fetch, each=late, max_concurrency=2, on_error="fail_fast")
        .build()
    )
    with runtime(flow) as rt:
        run = rt.start(flow)
        rt.clock.advance(10)
        assert run.wait().status == "failed"
        assert len(events(run, "ActivationCancelled")) == 1
        ailing.heal()
        run.retry()
        run.signal("go")
        rt.clock.advance(60)
        assert run.result()["p"]["pages"] == 3
    assert source.fetched == [None, 1, 2]


def test_what_is_no_page_is_an_error_that_says_so() -> None:
    """And names who returned it."""
    for wrong in (None, 5, ["a"], {"cursor": 1}, {"items": 5}, af.Page("text")):
        get = af.activity(name="get")(lambda cursor, wrong=wrong: wrong)
        error = failure(af.Flow("f").paginate("p", get))

        assert error.message.startswith("get returned no Page")
        assert error.address == "main/p"


def test_large_pages_stay_outside_the_log() -> None:
    """A page may be a reference; only its cursor is looked at."""
    fetch = af.activity(name="fetch")(
        lambda c: af.Page(["x" * 3000], 1 if c is None else None)
    )
    flow = af.Flow("f").paginate("p", fetch).output("p").build()
    with runtime(flow, claim_check_over=1000) as rt:
        run = rt.start(flow)
        assert run.result()["items"] == ["x" * 3000] * 2
        assert "xxxx" not in str(run.history())


def test_problems_of_pages_are_found_at_build() -> None:
    """All of them."""
    flow = af.Flow("f").paginate("p", None, each=5, max_pages=0, max_concurrency=-1)
    found = problems(flow.build)

    assert found == (
        "step 'p': None is neither a function nor a flow nor a name",
        "step 'p': 5 is neither a function nor a flow nor a name",
        "step 'p': map.max_concurrency must be at least 1, not -1",
        "step 'p': map.over.max_pages must be at least 1, not 0",
    )


def test_what_a_source_needs_and_nothing_provides_is_told_before_it_runs() -> None:
    """By its name; the cursor and what has a default are not missing."""

    def fetch(cursor: int | None, site: str, size: int = 5) -> af.Page:
        raise AssertionError

    flow = af.Flow("f", inputs=["sites"]).paginate("p", fetch).build()
    with pytest.raises(af.DefinitionError) as caught:
        af.Runtime(":memory:", [flow])

    (problem,) = caught.value.problems
    assert "fetch: parameter 'site'" in problem
    assert "did you mean 'sites'?" in problem


def test_a_file_can_page() -> None:
    """What the builder can say, a file can."""
    text = """
name: f
steps:
  - name: p
    map:
      over: {fetch: fetch, start: since, max_pages: 2}
      activity: total
      max_concurrency: 1
    store: p
inputs: [since]
result: p
"""
    workflow = af.Workflow.loads(text)
    fetch, sums = Source(9).activity, af.activity(total)
    with runtime(workflow, activities=[fetch, sums]) as rt:
        result = rt.start(workflow, since=1).result()

    assert result == {"results": [12, 21], "cursor": 3, "pages": 2}
    assert af.Workflow.loads(workflow.to_yaml()).fingerprint == workflow.fingerprint


@pytest.mark.parametrize("each", [None, total], ids=["alone", "each"])
def test_every_crash_while_paging_leads_to_the_same_end(each: Any) -> None:
    """Nothing recorded is fetched or done again."""
    flow = af.Flow("f").paginate("p", Source(3).activity, each=each, max_concurrency=2)

    Simulation(flow.build()).crash_everywhere()


def test_a_history_of_pages_replays(tmp_path: Path) -> None:
    """So do those of iterators."""
    pages = af.Flow("f").paginate("p", Source(3).activity, each=total).build()
    lazy = af.Flow("g").map("m", double, over=lambda s: iter(range(5))).build()
    log = tmp_path / "log.db"
    with af.Runtime(log, [pages, lazy]) as rt:
        rt.start(pages, execution_id="p").result(WAIT)
        rt.start(lazy, execution_id="m").result(WAIT)

    assert Replayer(log).check(pages) == 1
    assert Replayer(log).check(lazy) == 1


# --- iterators -----------------------------------------------------------------------


class Reader:
    """An iterator's callable that notes how far it was read."""

    def __init__(self, count: int, *, breaks_at: int | None = None) -> None:
        self.count, self.breaks_at = count, breaks_at
        self.read: list[int] = []

    def __call__(self, state: Any) -> Iterator[int]:
        """Yield numbers."""
        del state
        for number in range(self.count):
            if number == self.breaks_at:
                raise OSError(f"line {number} is damaged")
            self.read.append(number)
            yield number


def test_an_iterator_is_read_to_its_end() -> None:
    """The result is as of a list."""
    flow = af.Flow("f").map("m", double, over=Reader(2500)).output("m")

    assert output(flow) == [2 * n for n in range(2500)]


def test_an_iterator_of_nothing_gives_nothing() -> None:
    """As any other."""
    assert output(af.Flow("f").map("m", double, over=Reader(0)).output("m")) == []


def test_an_iterator_is_read_only_as_far_as_there_is_room() -> None:
    """What waits its turn is not there yet."""
    reader = Reader(100)
    one = af.Flow("one", inputs=["n"]).sleep(10)
    flow = af.Flow("f").map("m", one, over=reader, max_concurrency=1).build()
    with runtime(flow) as rt:
        rt.start(flow)
        rt.clock.advance(35)

    assert reader.read == [0, 1, 2, 3]


def test_room_is_filled_as_soon_as_there_is_some() -> None:
    """Not only when all that were read have ended."""
    last = Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            assert last.wait(WAIT)  # it ends when all others have begun
        elif number > 4:
            last.set()

    flow = af.Flow("f").map("m", work, over=lambda s: iter(range(6)), max_concurrency=2)
    with af.Runtime(":memory:", [flow.build()]) as rt:
        rt.start(flow).result(WAIT)

    assert sorted(begun) == list(range(6))


def test_an_iterator_is_read_on_after_a_restart() -> None:
    """Behind what it gave before, which is recorded."""
    reader = Reader(3)
    one = af.Flow("one", inputs=["value"]).wait_signal("go").then(echo).output("echo")
    flow = af.Flow("f").map("m", one, over=reader, max_concurrency=1).output("m")
    flow = flow.build()
    log = MemoryLog()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    assert reader.read == [0]
    with runtime(flow, log=MemoryLog(store=log.store)) as rt:
        for _ in range(3):
            rt.signal("x", "go")
        assert rt.get("x").result() == [0, 1, 2]
    assert reader.read == [0, 0, 1, 2]


def test_an_iterator_that_breaks_fails_the_step() -> None:
    """What it gave before is done, and stays done when it is retried."""
    reader, diary = Reader(6, breaks_at=4), Diary()
    flow = af.Flow("f").map("m", diary.echo, over=reader, max_concurrency=2).output("m")
    flow = flow.build()
    with runtime(flow) as rt:
        run = rt.start(flow)
        error = run.wait().error
        assert error is not None
        assert "line 4 is damaged" in error.message
        reader.breaks_at = None
        run.retry()
        assert run.result() == list(range(6))
    assert diary.lines == list(range(6))


def test_an_item_that_cannot_be_recorded_fails_the_step() -> None:
    """And is named by its number."""
    error = failure(af.Flow("f").map("m", echo, over=lambda s: iter([1, object()])))

    assert "items[1]" in error.message


def test_failures_of_items_are_as_of_a_list() -> None:
    """Whether they were known at once or not."""
    flow = af.Flow("f").map(
        "m", Ailing(1, 3), over=lambda s: iter(range(5)), on_error="continue"
    )
    outcomes = output(flow.output("m"))

    assert [outcome.ok for outcome in outcomes] == [True, False, True, False, True]


def test_items_that_are_done_are_forgotten() -> None:
    """A million of them need not be in memory at once."""
    slow = af.Flow("slow", inputs=["text"]).sleep(1)
    flow = af.Flow("f").map(
        "m", slow, over=lambda s: (str(n) for n in range(9)), max_concurrency=1
    )
    state = ExecutionState()
    with runtime(flow.build()) as rt:
        run = rt.start(flow)
        rt.clock.advance(2.5)
        for recorded in run.history():
            apply(state, recorded)

    fan = state.activations["main/m"].fan
    assert fan is not None
    assert fan.items == [None, None, "2"]


def test_every_crash_while_reading_leads_to_the_same_end() -> None:
    """Each item is done once, and none is left out."""
    flow = (
        af.Flow("f")
        .map("m", double, over=lambda s: iter(range(5)), max_concurrency=2)
        .output("m")
    )

    Simulation(flow.build()).crash_everywhere()


# --- batches -------------------------------------------------------------------------


@pytest.mark.parametrize("lazily", [False, True], ids=["list", "iterator"])
def test_items_come_in_batches(lazily: bool) -> None:  # noqa: FBT001 - the case
    """Each of so many, the last of the rest."""
    over: Any = (lambda s: iter(range(7))) if lazily else list(range(7))
    flow = af.Flow("f").map("m", echo, over=over, batch=3).output("m")

    assert output(flow) == [[0, 1, 2], [3, 4, 5], [6]]


def test_batches_of_an_iterator_go_on_after_a_restart() -> None:
    """Where the last whole batch ended."""
    one = af.Flow("one", inputs=["value"]).wait_signal("go").then(echo).output("echo")
    flow = af.Flow("f").map("m", one, over=Reader(5), batch=2, max_concurrency=1)
    flow = flow.output("m").build()
    log = MemoryLog()
    with runtime(flow, log=log) as rt:
        rt.start(flow, execution_id="x").wait()
    with runtime(flow, log=MemoryLog(store=log.store)) as rt:
        for _ in range(3):
            rt.signal("x", "go")
        assert rt.get("x").result() == [[0, 1], [2, 3], [4]]


def test_a_batch_of_none_is_a_mistake() -> None:
    """It would never end."""
    found = problems(af.Flow("f").map("m", echo, over=[1], batch=0).build)

    assert found == ("step 'm': map.batch must be at least 1, not 0",)
