"""Parents and children on one file: in other processes, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import actorflow as af
from actorflow.model.events import ExecutionCancelled

ROOT = Path(__file__).parents[2]
WAIT = 20.0


def child() -> af.Flow:
    """Return a child that waits for a signal."""
    return af.Flow("inner", inputs=["n"]).wait_signal("go", into="got").output("got")


def parent() -> af.Flow:
    """Return a flow that runs the child, by its name."""
    flow = af.Flow("outer").child("inner", input=lambda _: {"n": 1}, into="x")
    return flow.output("x")


def deadly(folder: Path, *, may_die: bool) -> af.Flow:
    """Return a parent of a child whose activity kills its process, once."""

    def charge(n: int) -> int:
        with (folder / "diary").open("a") as diary:
            diary.write(f"{n}\n")
        if may_die:
            os.kill(os.getpid(), signal.SIGKILL)
        return n + 1

    inner = af.Flow("inner", inputs=["n"]).then(charge, into="a").output("a")
    return af.Flow("outer").child(inner, input=lambda _: {"n": 1}, into="x").output("x")


def victim(folder: str) -> None:
    """Start the deadly flow in this process."""
    flow = deadly(Path(folder), may_die=True)
    with af.Runtime(Path(folder) / "log.db", [flow], durability="process") as rt:
        rt.start(flow, execution_id="p").result(timeout=WAIT)


def test_killed_while_the_child_works(tmp_path: Path) -> None:
    """After a kill the child goes on, and its parent takes the result, once."""
    code = (
        f"from tests.children.test_processes import victim; victim({str(tmp_path)!r})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL

    flow = deadly(tmp_path, may_die=False)
    with af.Runtime(tmp_path / "log.db", [flow], durability="process") as rt:
        assert rt.get("p").result(timeout=WAIT) == 2
        assert len(rt.list()) == 2
        assert (tmp_path / "diary").read_text() == "1\n1\n"


def test_child_ends_while_its_parent_is_away(tmp_path: Path) -> None:
    """An end that comes while nobody knows the parent waits for whoever does."""
    path = tmp_path / "log.db"
    with af.Runtime(path, [parent(), child()], durability="process") as rt:
        rt.start("outer", execution_id="p").wait(timeout=WAIT)
    with af.Runtime(path, [child()], durability="process") as rt:
        rt.signal("p/main/inner", "go", 7)
        assert rt.get("p/main/inner").result(timeout=WAIT) == 7
        assert rt.get("p").status == "suspended"
    with af.Runtime(path, [parent(), child()], durability="process") as rt:
        assert rt.get("p").result(timeout=WAIT) == 7
        assert rt.log.inbox() == []


def test_child_ends_in_another_process(tmp_path: Path) -> None:
    """A parent hears of a child that runs, and ends, somewhere else."""
    path = tmp_path / "log.db"
    settings: Any = {"durability": "process", "max_resting": 0}
    with (
        af.Runtime(path, [parent(), child()], **settings) as one,
        af.Runtime(path, [child()], **settings) as two,
    ):
        run = one.start("outer", execution_id="p")
        run.wait(timeout=WAIT)
        two.signal("p/main/inner", "go", 7)
        assert run.result(timeout=WAIT) == 7


def test_cancellation_reaches_another_process(tmp_path: Path) -> None:
    """A child is cancelled with its parent, wherever it is."""
    path = tmp_path / "log.db"
    with (
        af.Runtime(path, [parent(), child()], max_resting=0) as one,
        af.Runtime(path, [child()]) as two,
    ):
        one.start("outer", execution_id="p").wait(timeout=WAIT)
        two.pause("p/main/inner")  # and holds it from now on
        one.cancel("p")
        last = [*two.get("p/main/inner").stream()][-1].event

        assert isinstance(last, ExecutionCancelled)
        assert last.by_parent
