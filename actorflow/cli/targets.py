"""From what is typed on the command line to a definition: TARGET and --activities."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen

from actorflow.cli.failures import USAGE, Refusal
from actorflow.errors import ActorflowError
from actorflow.model.activities import Activity
from actorflow.model.definition import Workflow
from actorflow.runtime.registry import as_workflow

GRAPHS = (".yaml", ".yml", ".json")

HELP = """\b
TARGET is one of
  path/to/file.py:name      what a Python file calls by that name
  package.module:name       what a module calls by that name
  path/to/graph.yaml        a graph in a YAML or JSON file
`:name` may be left out where there is only one workflow."""


@frozen
class Target:
    """A definition, and the activities that its graph only names.

    Attributes:
        text: as it was typed, so that a hint can repeat it.
        options: likewise, what has to be typed with it.
    """

    text: str
    options: tuple[str, ...]
    definition: Any
    workflow: Workflow
    activities: tuple[Any, ...]


def load_target(text: str, activities: Iterable[str] = ()) -> Target:
    """Return what TARGET and --activities name.

    Raises:
        Refusal: it cannot be found or imported.
        DefinitionError: it is nothing that can be executed.
    """
    given = [node for each in activities for node in _activities_of(each)]
    options = tuple(f"--activities={each}" for each in activities)
    place, _, name = text.rpartition(":") if _has_name(text) else (text, "", "")
    if Path(place).suffix in GRAPHS:
        workflow = _load_graph(place)
        return Target(text, options, workflow, workflow, tuple(given))
    module = _import(place)
    definition = _named(module, name, text) if name else _only_workflow(module, text)
    workflow = as_workflow(definition)
    given += _mentioned(workflow, module, given)
    return Target(text, options, definition, workflow, tuple(given))


def load_targets(text: str, activities: Iterable[str] = ()) -> list[Target]:
    """Return what TARGET names, or, where it names none, all workflows it has.

    Raises:
        Refusal: it cannot be found or imported, or has no workflow.
        DefinitionError: it is nothing that can be executed.
    """
    if _has_name(text) or Path(text).suffix in GRAPHS:
        return [load_target(text, activities)]
    names = _workflows(_import(text))
    if not names:
        return [load_target(text, activities)]  # which says that there is none
    return [load_target(f"{text}:{name}", activities) for name in names]


def _has_name(text: str) -> bool:
    name = text.rpartition(":")[2]
    return ":" in text and all(part.isidentifier() for part in name.split("."))


def _load_graph(place: str) -> Workflow:
    if not Path(place).is_file():
        raise Refusal(f"{place}: there is no such file", USAGE)
    return Workflow.load(place)


def _named(module: ModuleType, name: str, text: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            there = ", ".join(_workflows(module)) or "none"
            problem = f"{text}: there is no {name!r}; workflows there: {there}"
            raise Refusal(problem, USAGE)
        value = getattr(value, part)
    return value


def _only_workflow(module: ModuleType, text: str) -> Workflow:
    found = _workflows(module)
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        problem = f"{text} has no workflow; name an activity with {text}:NAME"
    else:
        problem = f"{text} has {len(found)} workflows; name one: " + ", ".join(
            f"{text}:{name}" for name in found
        )
    raise Refusal(problem, USAGE)


def _workflows(module: ModuleType) -> dict[str, Workflow]:
    found: dict[str, Workflow] = {}
    for name, value in vars(module).items():
        graph = getattr(value, "workflow", value) if _is_ours(value) else value
        if isinstance(graph, Workflow) and graph not in found.values():
            found[name] = graph
    return found


def _is_ours(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "actorflow"


def _activities_of(text: str) -> Sequence[Any]:
    place, _, names = text.rpartition(":") if ":" in text else (text, "", "")
    module = _import(place)
    if names:
        return [_named(module, name.strip(), text) for name in names.split(",")]
    found = [value for value in vars(module).values() if isinstance(value, Activity)]
    if not found:
        problem = (
            f"--activities {text}: there is no activity; name functions after a ':'"
        )
        raise Refusal(problem, USAGE)
    return found


def _mentioned(
    workflow: Workflow, module: ModuleType, given: Sequence[Any]
) -> list[Any]:
    """Return what the graph names and its own module has, unless it is given."""
    have = {getattr(node, "name", getattr(node, "__name__", None)) for node in given}
    nodes = [node for step in workflow.steps for node in step.nodes.values()]
    named = {node for node in nodes if isinstance(node, str)}
    found = []
    for name in sorted(named - have):
        activities = (v for v in vars(module).values() if isinstance(v, Activity))
        node = next((a for a in activities if a.name == name), None)
        node = node or getattr(module, name, None)
        if callable(node):
            found.append(node)
    return found


# -- importing -------------------------------------------------------------------------


def _import(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py" or path.is_file():
        return _import_file(path)
    _look_in(Path.cwd())
    return _imported(place)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise Refusal(f"{path}: there is no such file", USAGE)
    path = path.resolve()
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        root, names = root.parent, [root.name, *names]
    _look_in(root)
    module = _imported(".".join(names))
    if Path(module.__file__ or "").resolve() != path:
        problem = (
            f"{path}: Python has another module {module.__name__!r}, "
            f"from {module.__file__}; rename the file"
        )
        raise Refusal(problem, USAGE)
    return module


def _look_in(directory: Path) -> None:
    """Find modules there first, here and in worker processes."""
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ActorflowError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            problem = f"there is no module {error.name!r}, nor a file of that name"
            raise Refusal(problem, USAGE) from error
        raise Refusal(_why(name, error), USAGE) from error
    except (Exception, SystemExit) as error:
        raise Refusal(_why(name, error), USAGE) from error


def _why(name: str, error: BaseException) -> str:
    """Return why an import failed, with the line of the user's that did it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith("<frozen")][1:]
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"cannot import {name!r}: {type(error).__name__}: {error}{place}"
