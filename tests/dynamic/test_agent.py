"""The example agent: it plans, uses tools, asks a person, and outlives its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import actorflow as af
from actorflow.testing import Simulation, runtime
from examples import agent

QUESTION = "How much higher is K2 than Mont Blanc?"
FINE = agent.Verdict(fine=True)
RUDE = agent.Verdict(fine=False, remark="be polite")


def test_tools_are_used_side_by_side_and_a_person_agrees() -> None:
    """Both facts are looked up before anybody subtracts; a remark is heeded."""
    with runtime(agent.agent) as rt:
        run = rt.start(agent.agent, QUESTION)
        run.wait()
        with pytest.raises(af.AnswerError):
            rt.answer(run.id, "answer", "yes")
        rt.answer(run.id, "answer", RUDE)
        run.wait()
        assert [each.prompt for each in rt.questions(run.id)] == [
            "Shall I answer 'I am glad to tell you: 3805 metres'?"
        ]
        rt.answer(run.id, "answer", FINE)
        assert run.result() == "I am glad to tell you: 3805 metres"
        assert list(run.emitted()) == [
            {"height of K2": 8611, "height of Mont Blanc": 4806},
            {"8611 - 4806": 3805},
        ]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_agent_survives_a_crash_at_every_write(seed: int) -> None:
    """Wherever it dies, the end is the same, and no tool is used a third time."""
    report = Simulation(
        agent.agent,
        inputs={"question": QUESTION},
        answers={"answer": FINE},
        seed=seed,
    ).crash_everywhere()
    assert report.end.output == "3805 metres"
    assert report.points >= 10


class Process:
    """The example as a program of its own, with a log that outlives it."""

    def __init__(self, log: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(agent.__file__)), str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def kill_after(self, line: str) -> list[str]:
        """Kill it, with no time to clean up, when it has said *line*; return all."""
        assert self._process.stdout is not None
        said = []
        for each in self._process.stdout:
            said.append(each.strip())
            if each.startswith(line):
                break
        self._process.kill()
        self._process.communicate(timeout=30)
        return said

    def answer(self, text: str) -> list[str]:
        """Type *text*; return what it said until its end."""
        out, _ = self._process.communicate(text, timeout=60)
        assert self._process.returncode == 0
        return out.splitlines()


def test_the_agent_outlives_its_process(tmp_path: Path) -> None:
    """Killed while a tool works and while somebody is asked, it goes on from there."""
    log = tmp_path / "agent.db"
    first = Process(log).kill_after("subtracting")
    assert sorted(first) == [
        "looking up: height of K2",
        "looking up: height of Mont Blanc",
        "subtracting: 8611 - 4806",
    ]
    second = Process(log).kill_after("Shall I")
    assert [line for line in second if line.startswith("looking up")] == []
    third = Process(log).answer("\n")
    assert third == [second[-1], "3805 metres"]
