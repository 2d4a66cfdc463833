"""Any byte of a log may change: it is noticed, or it does no harm."""

from __future__ import annotations

import pytest

from actorflow.log.schema import objects
from tests.damage.flipping import FILE, Flipper


@pytest.fixture(name="flipper", scope="module")
def _flipper(tmp_path_factory: pytest.TempPathFactory) -> Flipper:
    return Flipper(tmp_path_factory.mktemp("flipped"), seed=0)


def test_the_log_has_something_of_everything(flipper: Flipper) -> None:
    """Else this would be about less than it says."""
    kept = {name for type_, name in objects() if type_ in ("table", "index")}

    assert kept - set(flipper.all_trees) == {"retention"}


def test_no_byte_of_a_table_or_an_index_is_silently_wrong(flipper: Flipper) -> None:
    """What is read is what was written, or an error; what is lost, the doctor names."""
    for tree in flipper.all_trees:
        for _ in range(60 if tree == FILE else 3):
            flipper.flip(tree)


def test_no_execution_ends_otherwise_on_a_damaged_log(flipper: Flipper) -> None:
    """It ends as it would have, or with an error; and nothing turns in a circle."""
    for tree in flipper.all_trees:
        flipper.flip(tree, drive=True)
