"""Real processes, killed at every write of a real file."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.matrix.documents import ROOT


@pytest.mark.acceptance
def test_an_order_ends_the_same_wherever_its_process_is_killed() -> None:
    """By SIGKILL, just before and just after every write, while others go on."""
    command = [sys.executable, "-m", "tests.matrix.killing", "small order"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=50, cwd=ROOT
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["end"] == "completed"
    assert report["kills"] >= report["writes"]
