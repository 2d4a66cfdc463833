"""A process that was forked has no runtime, and leaves that of its parent alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import os, sys
import actorflow as af

flow = af.Flow("flow").wait_signal("go").output("go").build()
with af.Runtime(sys.argv[1], definitions=[flow]) as rt:
    run = rt.start(flow, execution_id="one")
    run.wait()
    child = os.fork()
    if child == 0:
        for call in (lambda: rt.start(flow), run.result, lambda: run.signal("go", 1)):
            try:
                call()
            except af.RuntimeClosedError as error:
                print(error)
    else:
        os.waitpid(child, 0)
        run.signal("go", 2)
        print(run.result(timeout=20))
"""


def test_a_forked_process(tmp_path: Path) -> None:
    """Each call says why it cannot be; the parent goes on as if nothing had been."""
    outcome = subprocess.run(
        [sys.executable, "-c", CODE, tmp_path / "log.db"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    *told, result = outcome.stdout.splitlines()

    assert len(told) == 3
    assert all("opened by the process that forked this one" in each for each in told)
    assert result == "2"
