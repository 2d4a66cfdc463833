"""What the tests of workers and triggers share."""

from __future__ import annotations

import pytest

from tests.worker.helpers import Site


@pytest.fixture(name="site")
def _site() -> Site:
    """Give a log that several runtimes can have open."""
    return Site()
