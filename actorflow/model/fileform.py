"""The form of a workflow file: one table, from which files are read and written.

The keys are the names of the Python attributes. What this table says is published as a
JSON Schema too, so an editor completes and explains the keys while one writes.
"""

from __future__ import annotations

from actorflow.model.children import PARENT_CLOSE, Child
from actorflow.model.containers import Items, Maybe, Several, Table
from actorflow.model.definition import Workflow
from actorflow.model.followups import STATUSES, FollowUp
from actorflow.model.policy import Catch, Retry
from actorflow.model.records import Record
from actorflow.model.shapes import (
    Choice,
    Condition,
    Data,
    Duration,
    Flag,
    Number,
    Schema,
    Text,
    Truth,
)
from actorflow.model.steps import (
    KINDS,
    Ask,
    Edge,
    Input,
    Join,
    Loop,
    Map,
    Output,
    Pages,
    Parallel,
    Route,
    Step,
    WaitSignal,
)
from actorflow.model.validation import INPUT_TYPES

_NAMED = '; a file can only name it, as activity="its-name"'
TEXT = Text()
NAME = Maybe(Text())
TEXTS = Several(Text())
WHOLE = Number(whole=True)
DATA = Data()
ACTIVITY = Text(_NAMED)
DYNAMIC = Text(_NAMED.replace("activity", "dynamic"))
FLOW = Text(_NAMED.replace("activity", "flow"))
PARAMETERS = Table(DATA)
ON_ERROR = Choice(("wait", "fail_fast", "continue"))

INPUT = Record(
    Input,
    "input",
    {
        "name": (TEXT, "Under which it is given."),
        "type": (Choice(INPUT_TYPES), "Checked when an execution is started."),
        "default": (DATA, "What it is if not given; without one it is required."),
        "description": (TEXT, "For people."),
    },
    bare="name",
    stand_in="name",
)

OUTPUT = Record(
    Output,
    "output",
    {
        "name": (TEXT, "Under which it is returned."),
        "variable": (TEXT, "The variable (dotted path) it is taken from."),
        "branch": (TEXT, "The branch whose variable it is; `main` if not given."),
        "default": (DATA, "What it is if the branch or the variable is not there."),
        "description": (TEXT, "For people."),
    },
    bare="name",
    stand_in="name",
)

RETRY = Record(
    Retry,
    "retry",
    {
        "max_attempts": (WHOLE, "Tries in all, the first included."),
        "initial": (Duration(), "The wait before the second try."),
        "factor": (Number(), "Growth of the wait from try to try."),
        "max_delay": (Maybe(Duration()), "The longest wait; null is no bound."),
        "jitter": (Number(), "Part of the wait that is random, 0 to 1."),
        "on": (TEXTS, "Error classes to retry, such as `timeout`; `all` by default."),
        "never": (TEXTS, "Error classes not to retry, whatever `on` says."),
    },
)

CATCH = Record(
    Catch,
    "catch",
    {
        "on": (TEXTS, "Error classes to catch; `all` by default."),
        "goto": (TEXT, "The step to go on at."),
        "store": (NAME, "The variable that takes the failure."),
    },
)

EDGE = Record(
    Edge,
    "edge",
    {
        "step": (TEXT, "Where to go."),
        "when": (Maybe(Condition()), "An expression; without one, always."),
        "branch": (NAME, "Go on in a new branch of that name."),
    },
    bare="step",
)

JOIN = Record(
    Join,
    "join",
    {
        "branches": (TEXTS, "The branches to wait for; all others if none is listed."),
        "count": (Maybe(WHOLE), "So many of them are enough."),
        "mappings": (Table(TEXT), "`branch.variable` to the path it lands in."),
    },
)

WAIT_SIGNAL = Record(
    WaitSignal,
    "wait_signal",
    {
        "topic": (TEXT, "A template."),
        "timeout": (Maybe(Duration()), "The longest wait; without one, for ever."),
        "store": (NAME, "The variable that takes what the signal carries."),
        "on_timeout": (NAME, "The step to go on at when the time is over."),
    },
)

PAGES = Record(
    Pages,
    "pages",
    {
        "fetch": (ACTIVITY, "The name of what fetches a page, given its cursor."),
        "start": (NAME, "An expression: the cursor of the first page."),
        "max_pages": (Maybe(WHOLE), "Fetch no more than that."),
    },
)

MAP = Record(
    Map,
    "map",
    {
        "over": (
            Items(PAGES, Pages),
            "An expression that gives the items, a list, or where to fetch them.",
        ),
        "activity": (Maybe(ACTIVITY), "The name of what runs for each."),
        "batch": (Maybe(WHOLE), "Each item is a list of so many."),
        "parameters": (
            Maybe(PARAMETERS),
            "Templates that see `item` and `index`; without any, the item is passed.",
        ),
        "item": (TEXT, "What templates call the item."),
        "index": (TEXT, "What templates call its number, from 0."),
        "max_concurrency": (Maybe(WHOLE), "How many items may be active at once."),
        "on_error": (ON_ERROR, "After a failure: finish the others, stop, or go on."),
    },
)

PARALLEL = Record(
    Parallel,
    "parallel",
    {
        "arms": (Table(ACTIVITY), "What to run, by a name of your own."),
        "parameters": (PARAMETERS, "Arguments; by default what has their names."),
        "max_concurrency": (Maybe(WHOLE), "How many arms may be active at once."),
        "on_error": (ON_ERROR, "After a failure: finish the others, stop, or go on."),
    },
)

LOOP = Record(
    Loop,
    "loop",
    {
        "body": (ACTIVITY, "The name of what runs, given its previous result."),
        "until": (
            Maybe(Condition()),
            "When to stop: sees `iteration`, `previous` and `result`.",
        ),
        "initial": (NAME, "An expression: what the first iteration is given."),
        "max_iterations": (Maybe(WHOLE), "Stop then in any case."),
        "on_max": (Choice(("end", "error")), "What it is to stop then."),
        "stream": (Choice(("every", "last")), "Whose yielded values listeners get."),
    },
)

ROUTE = Record(
    Route,
    "route",
    {
        "key": (TEXT, "An expression: which of the choices."),
        "choices": (Table(ACTIVITY), "The name of what runs, by key."),
        "default": (Maybe(ACTIVITY), "What runs for any other key."),
        "parameters": (PARAMETERS, "Arguments; by default what has their names."),
    },
)

ASK = Record(
    Ask,
    "ask",
    {
        "prompt": (Maybe(TEXT), "The question; a template."),
        "id": (Maybe(TEXT), "Names the question for whoever answers."),
        "timeout": (Maybe(Duration()), "How long to wait at most."),
        "default": (Maybe(Truth()), "The answer when time is over."),
    },
)

CHILD = Record(
    Child,
    "child",
    {
        "workflow": (ACTIVITY, "The name of a definition of the runtime."),
        "on_parent_close": (
            Choice(PARENT_CLOSE),
            "What becomes of it when its parent fails or is cancelled.",
        ),
        "retry": (Several(RETRY), "When a failed one is to go on."),
        "timeout": (Maybe(Duration()), "How long it may take."),
    },
    bare="workflow",
)

STEP = Record(
    Step,
    "step",
    {
        "name": (TEXT, "Unique in the workflow."),
        "description": (TEXT, "For people."),
        "activity": (ACTIVITY, "Run the activity of this name."),
        "flow": (FLOW, "Walk the workflow of this name as one step."),
        "dynamic": (DYNAMIC, "Run the dynamic node of this name."),
        "child": (CHILD, "Run a definition as an execution of its own."),
        "map": (MAP, "Run an activity for every item."),
        "parallel": (PARALLEL, "Run several activities at the same time."),
        "loop": (LOOP, "Run an activity again and again."),
        "route": (ROUTE, "Run one of several activities."),
        "join": (JOIN, "Wait for other branches."),
        "wait_signal": (WAIT_SIGNAL, "Wait for a message from outside."),
        "ask": (ASK, "Wait for a person's yes or no."),
        "sleep": (Duration(), "Wait for so long."),
        "pause": (TEXT, "Stop until somebody unpauses; the text says why."),
        "decide": (Flag(), "Do nothing but choose among the edges."),
        "parameters": (PARAMETERS, "Arguments of the activity; text is a template."),
        "store": (NAME, "The variable that takes the result."),
        "retry": (Several(RETRY), "Policies; the first that covers a failure decides."),
        "timeout": (Maybe(Duration()), "For one attempt."),
        "catch": (Several(CATCH), "Where to go on after a failure."),
        "next": (Several(EDGE), "Where to go on, in order."),
        "edges": (
            Choice(("all", "first")),
            "Follow every edge whose condition holds, or only the first of them.",
        ),
    },
    stand_in="name",
    one_of=KINDS,
)

FOLLOW_UP = Record(
    FollowUp,
    "follow_up",
    {
        "start": (Text(_NAMED), "The name of what is started."),
        "on": (Several(Choice(STATUSES)), "The ends after which; `completed`."),
        "parameters": (PARAMETERS, "Its inputs; by default what has their names."),
        "name": (NAME, "The last part of its id; by default what is started."),
    },
    bare="start",
)

WORKFLOW = Record(
    Workflow,
    "workflow",
    {
        "name": (TEXT, "Under which executions are recorded."),
        "description": (TEXT, "For people."),
        "version": (TEXT, "A label of your own."),
        "compatible_with": (
            TEXTS,
            "Fingerprints of older definitions whose executions this one may carry on.",
        ),
        "inputs": (Several(INPUT, strict=True), "What a caller gives."),
        "state": (PARAMETERS, "The variables the first branch begins with."),
        "start_at": (NAME, "The step to begin with; the first if not given."),
        "steps": (Several(STEP, strict=True), "The graph."),
        "outputs": (Several(OUTPUT, strict=True), "What an execution returns."),
        "result": (NAME, "Instead of outputs: one variable, or `*` for all."),
        "timeout": (Maybe(Duration()), "How long an execution may take, unpaused."),
        "on_complete": (Several(FOLLOW_UP), "What is started after its end, once."),
    },
)

RECORDS = (
    *(WORKFLOW, INPUT, OUTPUT, STEP, EDGE, RETRY, CATCH),
    *(FOLLOW_UP, CHILD, MAP, PAGES, PARALLEL, LOOP, ROUTE, JOIN, WAIT_SIGNAL, ASK),
)


def json_schema() -> Schema:
    """Return the JSON Schema of workflow files."""
    whole, *parts = RECORDS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "actorflow workflow",
        **whole.definition(),
        "$defs": {part.title: part.definition() for part in parts},
    }
