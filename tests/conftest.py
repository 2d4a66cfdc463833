"""What all tests share: how Hypothesis searches, and that nothing waits for time."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from actorflow.log import samefiles

# A shared machine pauses when it likes, so no example has a deadline: speed is
# measured in benchmarks/.
settings.register_profile("dev", deadline=None)
settings.register_profile(
    "ci",
    parent=settings.get_profile("dev"),
    derandomize=True,  # a red build must be red again
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", parent=settings.get_profile("dev"), max_examples=2_000
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)


@pytest.fixture(autouse=True)
def _look_before_every_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice at once that a log file has gone: no test waits for time to pass."""
    monkeypatch.setattr(samefiles, "EVERY", 0.0)
