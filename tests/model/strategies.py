"""Workflows as Hypothesis imagines them."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

import actorflow as af

# Names may be anything but what separates the parts of an address.
NAMES = st.text(string.ascii_letters, min_size=1, max_size=4) | st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/[]#@"),
    min_size=1,
    max_size=6,
)
# Words that a careless reader takes for something else.
TRAPS = st.sampled_from(
    [
        *("on", "no", "yes", "null", "~", "true", "False", "1", "010", "1e5", "0x1f"),
        *("", " ", "a: b", "- x", "#", "<<", "*a", "&a", "!x", "2024-02-29", ".inf"),
        *(
            "1_000",
            "a\nb",
            "a\n",
            "\tx",
            "'",
            '"',
            "\\",
            "${state.x}",
            "{",
            "[]",
            "\x85",
        ),
        *("\u2028", "\ufeff", "é\u0301", "\U0001f600", "%", "@", "`", "? ", "|", ">"),
    ]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | TRAPS
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(
    allow_nan=False, allow_infinity=False
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(TEXTS, DATA, max_size=3)
VARIABLES = st.none() | NAMES.filter(lambda name: "." not in name)
SECONDS = st.floats(0.001, 1e6) | st.integers(1, 10**6)
CLASSES = st.lists(TEXTS, min_size=1, max_size=2)
ON_ERROR: Any = st.sampled_from(["wait", "fail_fast", "continue"])
RETRIES = st.lists(
    st.builds(
        af.Retry,
        max_attempts=st.integers(1, 9),
        initial=st.floats(0, 50),
        factor=st.floats(0, 10) | st.integers(0, 3),
        max_delay=st.none() | st.floats(50, 100),
        jitter=st.floats(0, 1),
        on=CLASSES,
        never=CLASSES,
    ),
    max_size=2,
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "activity": st.fixed_dictionaries({"activity": NAMES, "parameters": TABLES}),
    "map": st.fixed_dictionaries(
        {
            "map": st.builds(
                af.Map,
                over=TEXTS | st.lists(DATA, max_size=3),
                activity=NAMES,
                parameters=st.none() | TABLES,
                max_concurrency=st.none() | st.integers(1, 99),
                on_error=ON_ERROR,
            )
        }
    ),
    "wait_signal": st.fixed_dictionaries(
        {
            "wait_signal": st.builds(
                af.WaitSignal,
                topic=TEXTS.filter(bool),
                timeout=st.none() | SECONDS,
                store=VARIABLES,
            )
        }
    ),
    "join": st.fixed_dictionaries({"join": st.builds(af.Join)}),
    "sleep": st.fixed_dictionaries({"sleep": SECONDS}),
    "pause": st.fixed_dictionaries({"pause": TEXTS}),
}


@st.composite
def workflows(draw: st.DrawFn) -> af.Workflow:
    """Draw a valid graph: each step leads to the next, and perhaps to others."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    branches = draw(st.lists(NAMES, max_size=4, unique=True))
    branches = [name for name in branches if name != "main" and "-" not in name]
    steps = []
    for number, name in enumerate(names):
        onward = [af.Edge(names[number + 1])] if number + 1 < len(names) else []
        for target in draw(st.lists(st.sampled_from(names), max_size=2)):
            when = draw(st.none() | TEXTS)
            forks = draw(st.booleans())
            branch = branches.pop() if branches and forks else None
            onward.append(af.Edge(target, when=when, branch=branch))
        kind = draw(st.sampled_from(list(KINDS)))
        if kind == "pause" and not onward:
            kind = "sleep"
        steps.append(draw(steps_of(name, kind, names, onward)))
    names_in = draw(st.lists(NAMES, max_size=2, unique=True))
    return af.Workflow(
        draw(NAMES),
        description=draw(TEXTS),
        version=draw(TEXTS),
        compatible_with=draw(st.lists(TEXTS, max_size=2)),
        inputs=[draw(inputs(name)) for name in names_in],
        state=draw(TABLES),
        steps=steps,
        start_at=draw(st.sampled_from([None, names[0]])),
        outputs=[
            af.Output(name, description=draw(TEXTS), default=draw(DATA))
            for name in names_in
        ],
    )


@st.composite
def steps_of(
    draw: st.DrawFn, name: str, kind: str, names: list[str], onward: list[af.Edge]
) -> af.Step:
    """Draw a step of that kind, with what such steps may have."""
    given = draw(KINDS[kind])
    if kind in ("activity", "map"):
        handlers = st.builds(
            af.Catch, goto=st.sampled_from(names), on=CLASSES, store=VARIABLES
        )
        given |= {
            "retry": draw(RETRIES),
            "timeout": draw(st.none() | SECONDS),
            "store": draw(VARIABLES),
            "catch": draw(st.lists(handlers, max_size=2)),
        }
    edges: Any = draw(st.sampled_from(["all", "first"]))
    about = draw(TEXTS)
    return af.Step(name, next=onward, edges=edges, description=about, **given)


def inputs(name: str) -> st.SearchStrategy[af.Input]:
    """Draw an input, required or not."""
    required = st.builds(
        af.Input,
        st.just(name),
        type=st.sampled_from(["any", "string", "integer", "object"]),
        description=TEXTS,
    )
    return required | st.builds(af.Input, st.just(name), default=DATA)
