"""Real processes, killed at every write of a real file."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.helpers import python


@pytest.mark.acceptance
def test_an_order_ends_the_same_wherever_its_process_is_killed() -> None:
    """By SIGKILL, just before and just after every write, while others go on."""
    script = "from tests.matrix.killing import main; main(['large order'])"
    done = python(script)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["end"] == "completed"
    assert report["kills"] >= report["writes"]
