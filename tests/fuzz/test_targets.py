"""What is fuzzed is worth it: seeds mean something, and parts of them do no harm."""

from __future__ import annotations

import pytest

from actorflow.model.files import loads
from tests.fuzz.targets import TARGETS, Target, histories, imported


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_part_of_a_seed_is_data_or_an_error(target: Target) -> None:
    """Cut off anywhere, and with any character in the place of another."""
    for seed in target.seeds:
        for at in range(0, len(seed), 1 + len(seed) // 12):
            target.run(seed[:at])
            target.run(seed[:at] + b'"' + seed[at + 1 :])
            target.run(seed[:at] + b"\xff" + seed[at:])


def test_the_seeds_are_good() -> None:
    """What is changed was right before, else only refusals would be tried."""
    before = imported()
    for seed in TARGETS["histories"].seeds:
        histories(seed)
    for seed in TARGETS["files"].seeds[:2]:
        loads(seed.decode())

    assert imported() == before + 1
