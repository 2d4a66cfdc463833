"""The soak's checker: silent about a sound run, and loud about every broken promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import actorflow as af
from benchmarks.soak import load
from benchmarks.soak.check import Check
from benchmarks.soak.ledger import Ledger

pytestmark = pytest.mark.acceptance


@pytest.fixture(name="place", scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run one execution of each sort, undisturbed."""
    place = tmp_path_factory.mktemp("soak")
    ledger = Ledger(place / "ledger", "7")
    load.LEDGER.append(ledger)
    flows = [sort.flow for sort in load.SORTS.values()]
    with af.Runtime(place / "log.db", definitions=flows) as rt:
        runs = {}
        for kind, sort in load.SORTS.items():
            runs[kind] = rt.start(sort.flow, n=4, execution_id=f"{kind}-7-0-0")
        for n in range(1, load.SIGNALS + 1):
            rt.signal("signals-7-0-0", "mail", n, key=str(n))
        for kind, run in runs.items():
            expected = load.SORTS[kind].expected(4)
            if expected is af.ExecutionFailed:
                with pytest.raises(af.ExecutionFailed):
                    run.result(timeout=30)
            else:
                assert run.result(timeout=30) == expected
    yield place
    load.LEDGER.clear()


def checked(place: Path) -> list[str]:
    """Return what the checker says is broken."""
    check = Check(place, 0)
    check.run()
    return check.broken


def test_a_sound_run_is_sound(place: Path) -> None:
    """Nothing is reported of a run in which everything held."""
    assert checked(place) == []


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        (("started", "map-9-9-9", "", 0, 1), "is not in the log"),
        (
            ("begin", "loop-7-0-0", "main/rounds@2", 1),
            "ran again after it was recorded",
        ),
        (("begin", "loop-7-0-0", "main/rounds@2", 1), "ran twice in process 7"),
        (("ended", "loop-7-0-0", "", 0, 77), "was told 77"),
    ],
)
def test_a_broken_promise_is_told(
    place: Path, tmp_path: Path, line: tuple[object, ...], broken: str
) -> None:
    """Each sight that contradicts the log is reported."""
    for name in ("log.db", "ledger"):
        (tmp_path / name).write_bytes((place / name).read_bytes())
    what, *rest = line
    Ledger(tmp_path / "ledger", "7").note(str(what), *rest)

    assert any(broken in each for each in checked(tmp_path))
