"""Every execution that a page of the documentation starts survives every death."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.documents import PAGES, ROOT, started_by
from tests.matrix.examples import EXAMPLES, simulation


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_page_runs_ends_the_same_whenever_it_is_killed(page: Path) -> None:
    """Before and after every write, each execution that the page has started."""
    points = [each.simulation().crash_everywhere().points for each in started_by(page)]

    assert points
    assert min(points) >= 4


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_ends_the_same_whenever_it_is_killed(name: str) -> None:
    """Before and after every write of those in examples/."""
    report = simulation(name).crash_everywhere()

    assert report.end.status == "completed"
