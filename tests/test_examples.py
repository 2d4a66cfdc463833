"""The examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow import activities
from examples import accounts, audit, crawl, orders, saga, uptime

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


def test_journey_is_booked_whole_or_not_at_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a car, the room and the flight are given back, the last first."""
    monkeypatch.setattr(saga, "CARS", ["a small car"])
    saga.main()
    said = capsys.readouterr().out.splitlines()

    assert said[1].startswith("  booked: a seat for Ada, a room for Ada, 3 nights")
    assert said[3:] == [
        "  cancelled: a room for Grace, 3 nights; sorry, Grace",
        "  cancelled: a seat for Grace",
        "  failed: no car is left",
    ]


def test_uptime_needs_no_python(capsys: pytest.CaptureFixture[str]) -> None:
    """A file and the bundled activities are enough; what is ill is told."""
    workflow = af.Workflow.load(uptime.FILE)
    with (
        uptime.pages() as address,
        af.Runtime(":memory:", [workflow], activities=activities.BASIC) as runtime,
    ):
        wanted = [f"{address}/{name}" for name in ("a", "ill", "b", "very-ill")]
        runtime.start(workflow, pages=wanted).result(timeout=20)

    assert capsys.readouterr().out.count("503 Service Unavailable") == 2


def test_accounts_take_a_transfer_once(tmp_path: Path) -> None:
    """In whatever process it is made again; what is refused changes nothing."""
    log = tmp_path / "accounts.db"
    first, again = accounts.transfer(log, 1, 30), accounts.transfer(log, 1, 30)
    refused = accounts.transfer(log, 2, 500)

    assert first.output == again.output == {"left": 70, "there": 30}
    assert refused.status == "failed"
    assert accounts.transfer(log, 3, 70).output == {"left": 0, "there": 100}


def test_audit_misses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """What happened between two audits is told in the second."""
    log = tmp_path / "letters.db"
    audit.write_letters(log, "Ada")
    assert len(audit.audited(log)) == 3
    audit.write_letters(log, "Grace", "Alan")

    assert [line.split()[0] for line in audit.audited(log)] == [
        *["Grace"] * 3,
        *["Alan"] * 3,
    ]
    assert audit.audited(log) == []


def test_readme_links_every_example() -> None:
    """Whoever looks for an example finds all of them on the first page."""
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")

    assert [
        p for p in EXAMPLES.glob("*.py") if f"](examples/{p.name})" not in readme
    ] == []


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
