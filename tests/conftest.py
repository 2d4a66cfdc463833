"""What all tests share: how Hypothesis searches, here and in CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

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
