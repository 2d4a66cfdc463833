"""The examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from examples import crawl, orders

EXAMPLES = Path(__file__).parent.parent / "examples"


def order(order_id: str, **inputs: Any) -> af.ExecutionResult:
    """Run an order until it has ended, or waits for somebody."""
    workflow = af.Workflow.load(orders.FILE)
    with af.Runtime(
        ":memory:", definitions=[workflow], activities=orders.ACTIVITIES
    ) as runtime:
        run = runtime.start(workflow, order_id=order_id, execution_id="o", **inputs)
        return run.wait(timeout=20)


def test_small_order_is_sent_without_asking() -> None:
    """A branch whose edge is not taken is not waited for."""
    assert order("o-1").output == {"answer": "o-1 is on its way with 2 tea"}


def test_large_order_waits_for_somebody() -> None:
    """More than the limit is looked at; the limit is an input."""
    result = order("o-1", limit=10)

    assert result.status == "suspended"
    assert result.suspension is not None
    assert result.suspension.topics == ("audit-o-1",)


def test_order_that_cannot_be_packed_comes_later() -> None:
    """A failed item is caught, and what was caught is told to the customer."""
    result = order("o-3")

    assert result.output == {"answer": "o-3 comes later, because there is no unicorn"}


def test_crawl_finds_every_page_once() -> None:
    """Level by level, with a page that is missing."""
    workflow = af.Workflow.load(crawl.FILE)
    with af.Runtime(
        ":memory:", definitions=[workflow], activities=crawl.ACTIVITIES
    ) as runtime:
        run = runtime.start(workflow, start="/", max_depth=9)
        found = run.result(timeout=20)["found"]

    assert sorted(found.seen) == sorted([*crawl.WEB, "/missing"])
    assert found.broken == ("/missing",)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_example_runs_as_a_script(path: Path) -> None:
    """What a reader types works."""
    done = subprocess.run(
        [sys.executable, str(path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.stdout
    assert not done.stderr


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda p: p.stem)
def test_example_can_be_written_again(path: Path) -> None:
    """A file, read and written, is the same workflow."""
    workflow = af.Workflow.load(path)

    assert af.Workflow.loads(workflow.to_yaml()).fingerprint == workflow.fingerprint
