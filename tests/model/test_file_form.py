"""The form of workflow files, and the JSON Schema that tells it to editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from attrs import fields
from hypothesis import given, settings
from hypothesis import strategies as st

import actorflow as af
from actorflow.model import fileform
from actorflow.model.fileform import json_schema
from actorflow.model.files import loads, read
from actorflow.model.shapes import Where
from tests.model.filetexts import ORDERS
from tests.model.strategies import DATA

ROOT = Path(__file__).parent.parent.parent
KEYS = sorted({key for record in fileform.RECORDS for key in record.keys})
NEAR = st.recursive(
    DATA | st.sampled_from(["a", "b", "all", "first", "wait", 1, 2, 1.5, "5s", True]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "c"])},
        optional={key: NEAR for key in fileform.STEP.keys if key != "name"},
    ),
    max_size=3,
)
FILES = st.fixed_dictionaries(
    {"name": st.just("w"), "steps": STEPS | NEAR},
    optional={
        key: NEAR for key in fileform.WORKFLOW.keys if key not in ("name", "steps")
    },
)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@given(FILES)
@settings(max_examples=200)
def test_any_value_in_any_place_is_read_or_a_problem(data: Any) -> None:
    """However wrong the shapes, the one exception is a `DefinitionError`."""
    try:
        loads(json.dumps(data), name="w.json")
    except af.DefinitionError as error:
        for problem in error.problems:
            assert problem.startswith("w.json:")


@given(FILES)
@settings(max_examples=100)
def test_schema_and_reader_agree(data: Any) -> None:
    """What the schema allows the reader can read, and nothing else."""
    root, faults = read(json.dumps(data), name="w.json")
    fileform.WORKFLOW.values(root, Where(faults=faults))
    kinds = "is not valid under any of the given schemas", "is valid under each of"
    wrong = [
        error
        for error in VALIDATOR.iter_errors(data)
        if not any(kind in error.message for kind in kinds)
        or error.validator != "oneOf"
    ]

    assert bool(wrong) == bool(faults)


OF_CALLS = {"key", "branch", "as_output"}
"""What can be said of a call in a dynamic node only."""


@pytest.mark.parametrize("record", fileform.RECORDS, ids=lambda record: record.title)
def test_every_attribute_has_a_key(record: Any) -> None:
    """What can be said in Python can be said in a file."""
    attributes = {attribute.name for attribute in fields(record.cls)}

    of_calls = OF_CALLS if record is fileform.CHILD else set()
    assert attributes - of_calls == set(record.keys)


def test_published_schema_is_up_to_date() -> None:
    """The published schema is what `python -m actorflow.model.files` prints."""
    path = ROOT / "docs" / "reference" / "workflow.schema.json"

    assert json.loads(path.read_text(encoding="utf-8")) == json_schema()


def test_schema_is_a_schema() -> None:
    """The published schema is valid itself."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*.yaml")), ids=lambda path: path.stem
)
def test_schema_accepts_the_examples(path: Path) -> None:
    """An editor that knows the schema finds nothing wrong with our files."""
    root, _ = read(path.read_text(encoding="utf-8"))

    VALIDATOR.validate(root.plain())


@pytest.mark.parametrize("key", ["steps", "name"])
def test_schema_knows_what_must_be_there(key: str) -> None:
    """A file without a name or steps is wrong in the editor already."""
    data = read(ORDERS)[0].plain()
    del data[key]

    assert [error.message for error in VALIDATOR.iter_errors(data)] == [
        f"{key!r} is a required property"
    ]


def test_schema_wants_one_kind_of_step() -> None:
    """A step that is two things at once is wrong in the editor already."""
    data = {"name": "w", "steps": [{"name": "a", "activity": "x", "sleep": 1}]}

    assert not VALIDATOR.is_valid(data)
