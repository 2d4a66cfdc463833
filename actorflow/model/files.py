"""Workflows from files and back: the one door from the model to the file system.

What is wrong with a file is told all at once, each problem with its line: what the text
is, what the keys hold, and what the graph lacks.
"""

from __future__ import annotations

import sys
from collections.abc import Set
from os import PathLike, fspath
from typing import IO

from actorflow.errors import DefinitionError
from actorflow.model.definition import Workflow
from actorflow.model.fileform import WORKFLOW, json_schema
from actorflow.model.jsontext import NotJSON, read_json
from actorflow.model.locating import Locator
from actorflow.model.nodes import (
    MAX_SIZE,
    Fault,
    Node,
    Path,
    Place,
    Unreadable,
    place_at,
)
from actorflow.model.records import MAX_FAULTS
from actorflow.model.shapes import Where
from actorflow.model.yamltext import read_yaml, write_yaml

Source = str | PathLike[str] | IO[str] | IO[bytes]

# What these say of one step depends on what others hold.
_ABOUT_OTHERS = (
    *("no edge starts", "can never be reached", "joins only"),
    *("can never end before it", "nothing writes the variable"),
)


def load(source: Source) -> Workflow:
    """Return the workflow in a YAML or JSON file, given by path or open.

    Raises:
        DefinitionError: with all problems at once.
    """
    if isinstance(source, str | PathLike):
        name = fspath(source)
        try:
            with open(name, "rb") as file:  # noqa: PTH123 - it is the door
                content: str | bytes = file.read(MAX_SIZE + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            problem = f"{name}: cannot be read: {reason}"
            raise DefinitionError(name, [problem]) from error
    else:
        name = str(getattr(source, "name", "<text>"))
        content = source.read(MAX_SIZE + 1)
    if isinstance(content, bytes):
        content = _decoded(content, name)
    return loads(content, name=name)


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MAX_SIZE:
        problem = f"{name}: is larger than {MAX_SIZE:,} bytes"
        raise DefinitionError(name, [problem])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        place = place_at(before + " ", len(before))
        message = f"is not UTF-8: byte 0x{content[error.start]:02x}"
        raise DefinitionError(name, [_sentence(name, message, place)]) from None


def loads(text: str, *, name: str = "<text>") -> Workflow:
    """Return the workflow in *text*; *name* is what problems call it.

    Raises:
        DefinitionError: with all problems at once.
    """
    try:
        root, faults = read(text, name=name)
    except Unreadable as error:
        sentence = _sentence(name, error.fault.text, error.fault.place)
        raise DefinitionError(name, [sentence]) from None
    values = WORKFLOW.values(root, Where(faults=faults))
    steps = values.get("steps", ())
    locator = Locator(root, steps)
    unread = frozenset(fault.path for fault in faults)
    workflow = None
    try:
        workflow = Workflow(**{"name": "?", **values, "steps": steps})
    except DefinitionError as error:
        for problem in error.problems:
            path = locator.path(problem)
            if not unread or _is_certain(problem, path, unread):
                faults.append(Fault(problem, path, locator.place(path)))
    if workflow is None or faults:
        raise DefinitionError(name, _sentences(name, faults))

    def place(problem: str) -> str:
        return _sentence(name, problem, locator.place(locator.path(problem)))

    return workflow.read_from(place)


def _is_certain(problem: str, path: Path, unread: Set[Path]) -> bool:
    """Return whether *problem* is there whatever the unread values turn out to be."""
    if problem.endswith("which is no step"):
        steps = [part[2:] for part in unread if part[:1] == ("steps",)]
        return all(part not in ((), ("name",)) for part in steps)
    if not path:  # it may be about a name that was made up
        return False
    if any(sentence in problem for sentence in _ABOUT_OTHERS):
        return all(part[:1] != ("steps",) for part in unread)
    return all(part[:2] != path[:2] for part in unread)


def _sentences(name: str, faults: list[Fault]) -> list[str]:
    faults = sorted(faults, key=lambda fault: fault.place or ())
    problems = [_sentence(name, f.text, f.place) for f in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        problems.append(f"{name}: and {len(faults) - MAX_FAULTS} more")
    return problems


def _sentence(name: str, text: str, place: Place | None) -> str:
    where = f":{place.line}:{place.column}" if place else ""
    return f"{name}{where}: {text}"


def read(text: str, *, name: str = "") -> tuple[Node, list[Fault]]:
    """Return what *text* holds, with the faults that did not end the reading.

    Text is JSON, if it can be, or else YAML; what is named ``.json`` is JSON and
    nothing else.

    Raises:
        Unreadable: it is neither, or too much.
    """
    if len(text) > MAX_SIZE:
        raise Unreadable(f"is larger than {MAX_SIZE:,} characters")
    text = text.removeprefix("\ufeff")
    if name.endswith(".json"):
        return read_json(text)
    try:
        return read_json(text)
    except NotJSON:
        return read_yaml(text)


def dump(workflow: Workflow) -> str:
    """Return *workflow* as YAML that `loads` reads as the same definition.

    Raises:
        DefinitionError: it holds what a file cannot, such as a Python callable.
    """
    where = Where()
    data = WORKFLOW.write(workflow, where)
    if where.faults:
        problems = [fault.text for fault in where.faults]
        raise DefinitionError(workflow.name, problems)
    text = write_yaml(data)
    if len(text) > MAX_SIZE:
        problem = f"is larger than the {MAX_SIZE:,} characters a file may have"
        raise DefinitionError(workflow.name, [problem])
    return text


def main() -> None:
    """Print the JSON Schema of workflow files."""
    import json

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
