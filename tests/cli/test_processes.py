"""The command line in processes of its own: live, killed, and for real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actorflow.cli.demo_workflow import module_at
from tests.cli.conftest import FLOWS, Command

pytestmark = pytest.mark.acceptance

ACTORFLOW = (sys.executable, "-m", "actorflow")


def _heed_the_keyboard() -> None:
    """Let Ctrl-C do what it does, though these tests may run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(name="live")
def _live(db: Path) -> Iterator[subprocess.Popen[str]]:
    """Have a process that stays with execution ``a``, which waits for a signal."""
    words = ("run", f"{FLOWS}:approval", "-i", "name=ada", "--id", "a", "--wait")
    with subprocess.Popen(
        [*ACTORFLOW, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_the_keyboard,  # noqa: PLW1509 - it takes no lock
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "waits for signal approve" in line:
                break
        yield process
        process.kill()


def test_signal_reaches_a_live_run(
    actorflow: Command, live: subprocess.Popen[str]
) -> None:
    """A signal from another process is delivered, and the run completes with it."""
    outcome = actorflow("signal", "a", "approve", '{"by": "eve"}')
    out, _ = live.communicate(timeout=30)

    assert "signal: delivered" in outcome.out
    assert json.loads(out)["verdict"] == {"by": "eve"}
    assert live.returncode == 0


def test_show_knows_who_runs_it(
    actorflow: Command, live: subprocess.Popen[str]
) -> None:
    """While a process runs an execution, `show` names it; dead, it says so."""
    alive = actorflow("show", "a", "--json").json["owner"]
    live.send_signal(signal.SIGKILL)
    live.wait()
    dead = actorflow("show", "a", "--json").json["owner"]

    assert alive["label"].endswith(f":{live.pid}")
    assert (alive["alive"], dead["alive"]) == (True, False)


def test_killed_run_goes_on(actorflow: Command, live: subprocess.Popen[str]) -> None:
    """After kill -9 the next `run` takes over at once, and repeats nothing."""
    live.send_signal(signal.SIGKILL)
    live.wait()
    actorflow("signal", "a", "approve", "1")
    outcome = actorflow("run", f"{FLOWS}:approval", "--id", "a", "--json")
    started = actorflow("events", "a", "--type", "activation.started", "--json").lines

    assert outcome.code == 0
    assert [event["address"] for event in started] == ["main/greet", "main/wait"]


def test_stopped_from_the_keyboard(
    actorflow: Command, live: subprocess.Popen[str]
) -> None:
    """Ctrl-C stops cleanly, exits 130, and says how to go on."""
    live.send_signal(signal.SIGINT)
    _, err = live.communicate(timeout=30)

    assert live.returncode == 130
    assert f"actorflow run {FLOWS}:approval --id a" in err
    assert "Traceback" not in err
    assert "nobody now" in actorflow("show", "a").out


def test_module_is_a_command(db: Path) -> None:
    """``python -m actorflow`` is the same command."""
    shown = subprocess.run(
        [*ACTORFLOW, "--help"], check=True, capture_output=True, text=True
    )

    assert shown.stdout.startswith("Usage: actorflow ")


def test_reader_may_leave_early(waiting: str) -> None:
    """A pipe that is closed, as by `head`, is no error to tell about."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        ended = subprocess.run(
            [*ACTORFLOW, "events", waiting],
            check=False,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert ended.stderr == ""


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    """Have a few dozen files of real Python, and one that is none."""
    tree = tmp_path / "tree"
    for package in ("asyncio", "email", "json"):
        source = Path(os.__file__).parent / package
        ignored = shutil.ignore_patterns("__pycache__", "*.txt")
        shutil.copytree(source, tree / package, ignore=ignored)
    (tree / "broken.py").write_text("def (:\n")
    return tree


def test_demo_survives_its_kill(actorflow: Command, tree: Path) -> None:
    """Killed half-way and run again, the demo proves every one of its claims."""
    outcome = actorflow("demo", "--dir", str(tree), "--workers", "2", "--json")

    assert outcome.code == 0, outcome
    document = outcome.json
    assert document["verdict"]["holds"]
    assert 0 < document["killed"]["recorded"] < document["files"]
    assert document["report"]["unreadable"] == ["broken.py"]


def test_demo_is_plain_text_in_a_pipe(actorflow: Command, db: Path, tree: Path) -> None:
    """Without a terminal the demo writes no escape codes, and --db keeps its log."""
    words = ("--dir", str(tree / "json"), "--kill-at", "random", "--seed", "7")
    outcome = actorflow("demo", *words, "--db", str(db))

    assert outcome.code == 0, outcome
    assert "\x1b" not in outcome.out
    assert "ran exactly once" in outcome.out
    assert actorflow("show", "demo", "--json").json["status"] == "completed"


def test_demo_wants_a_log_of_its_own(
    actorflow: Command, db: Path, waiting: str
) -> None:
    """The demo refuses a log that is there: it would mix with what is in it."""
    outcome = actorflow("demo", "--db", str(db))

    assert outcome.code == 2
    assert "exists" in outcome.err


def test_demo_counts_what_it_cannot_read(tree: Path) -> None:
    """A file that is no Python is counted as such, and is not a failure."""
    module = module_at(str(tree), "broken.py")

    assert not module.parses
