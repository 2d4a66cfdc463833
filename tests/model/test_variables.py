"""Which variables the branches of a graph can ever have."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model.variables import Variables, variables_of


def joining(**join: object) -> af.Workflow:
    """Make a workflow whose branches a, and one without a name, meet in final."""
    return af.Workflow(
        "w",
        steps=[
            af.Step(
                "s",
                decide=True,
                next=[
                    af.Edge("x", branch="a"),
                    af.Edge("y"),
                    af.Edge("j", branch="final"),
                ],
            ),
            af.Step(
                "x", activity="work", store="x", catch=[af.Catch(goto="y", store="e")]
            ),
            af.Step("y", wait_signal=af.WaitSignal(topic="go", store="got")),
            af.Step("j", join=af.Join(**join)),  # type: ignore[arg-type]
        ],
        state={"n": 0},
    )


STORED = {"n", "x", "e", "got"}


@pytest.mark.parametrize(
    ("join", "names", "numbered"),
    [
        ({}, {"a", "final", "main"}, True),
        ({"branches": ["a"]}, {"a"}, False),
        ({"branches": ["a"], "mappings": {"a": "all.of"}}, {"all"}, False),
        ({"branches": ["a"], "mappings": {"a.x": "one"}}, {"a", "one"}, False),
    ],
)
def test_what_steps_store_and_joins_take_over(
    join: dict[str, object], names: set[str], *, numbered: bool
) -> None:
    """Whole branches by their names, unless they are mapped whole; else by mappings."""
    there = variables_of(joining(**join))

    assert there == Variables(frozenset(STORED | names), numbered)
    assert ("main-1" in there) == numbered
    assert "main-x" not in there


def test_names_are_told_in_order() -> None:
    """Or that there are none."""
    assert str(Variables(frozenset({"b", "a"}))) == "a, b"
    assert str(Variables(frozenset())) == "none"


@pytest.mark.parametrize(
    ("result", "problems"),
    [("*", 0), ("n", 0), ("n.deep", 0), ("state.ghost", 0), ("ghost", 1), (None, 0)],
)
def test_an_output_that_nothing_writes_is_told(
    result: str | None, problems: int
) -> None:
    """With what there is; all variables, or one that lies deeper, are there."""
    try:
        af.Workflow("w", steps=[af.Step("s", sleep=1)], state={"n": {}}, result=result)
    except af.DefinitionError as error:
        found = [each for each in error.problems if "nothing writes" in each]
        assert found == [
            "output 'ghost': nothing writes the variable 'ghost'; there are: n"
        ]
        assert problems == 1
    else:
        assert problems == 0


def test_an_output_with_a_default_need_not_be_written() -> None:
    """It is what nobody has written."""

    def workflow(output: af.Output) -> af.Workflow:
        return af.Workflow("w", steps=[af.Step("s", sleep=1)], outputs=[output])

    workflow(af.Output("ghost", default=1))
    with pytest.raises(af.DefinitionError, match="nothing writes the variable 'ghost'"):
        workflow(af.Output("ghost"))
