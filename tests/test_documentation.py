"""The documentation keeps up with what it describes."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import actorflow
from actorflow import errors
from actorflow.cli import main
from actorflow.model.events import TAGS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SECTIONS = ("tutorial", "guides", "reference", "explanation", "decisions")
ERRORS = [
    name
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == errors.__name__
]
ARGUMENTS = list(inspect.signature(actorflow.Runtime).parameters)


def text_of(page: str) -> str:
    """Return a page of the documentation."""
    return (DOCS / page).read_text(encoding="utf-8")


def headings(page: str) -> set[str]:
    """Return the headings of a page."""
    return set(re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE))


def generator() -> ModuleType:
    """Return `docs/generated.py`, which is a script and no part of a package."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


@pytest.mark.parametrize("page", GENERATOR.pages(), ids=lambda page: page.stem)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    """What code has written into a page is what it would write now."""
    text = page.read_text(encoding="utf-8")

    assert text == GENERATOR.written(text), "run: python docs/generated.py"


@pytest.mark.parametrize("name", actorflow.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    """Whatever `import actorflow` gives can be looked up."""
    assert f"`{name}`" in text_of("reference/public-api.md")


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_a_heading(name: str) -> None:
    """An error that is raised can be looked up."""
    assert name in headings("reference/errors.md")


@pytest.mark.parametrize("tag", TAGS)
def test_every_event_has_a_heading(tag: str) -> None:
    """An event that is in a log can be looked up."""
    assert tag in headings("reference/events.md")


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_argument_of_a_runtime_has_a_heading(name: str) -> None:
    """Whatever can be configured is documented."""
    assert name in headings("reference/configuration.md")


@pytest.mark.parametrize("name", main.commands)
def test_every_command_has_a_heading(name: str) -> None:
    """A command that can be typed can be looked up."""
    assert f"actorflow {name}" in headings("guides/command-line.md")


@pytest.mark.parametrize("kind", actorflow.model.steps.KINDS)
def test_every_kind_of_step_is_in_the_guide(kind: str) -> None:
    """Whoever draws a graph finds every kind of step."""
    assert f"`{kind}=" in text_of("guides/workflows.md")


@pytest.mark.parametrize("name", [n for n in vars(actorflow.Flow) if n[0] != "_"])
def test_every_method_of_a_flow_is_in_a_guide(name: str) -> None:
    """Whoever writes a flow finds every method, with an example that runs."""
    guides = "".join(text_of(f"guides/{page}.md") for page in ("flows", "waiting"))

    assert f".{name}" in guides


@pytest.mark.parametrize("section", SECTIONS)
def test_every_page_is_in_the_index_of_its_section(section: str) -> None:
    """A page that no index lists is a page nobody finds."""
    index = "README.md" if section == "decisions" else "index.md"
    text = text_of(f"{section}/{index}")
    pages = {page.name for page in (DOCS / section).glob("*.md")} - {index}

    assert pages
    assert [page for page in sorted(pages) if f"]({page})" not in text] == []


@pytest.mark.parametrize("page", ["explanation/promises.md", "reference/parity.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    """Who doubts a promise or an ability can read the test that attacks it."""
    text = text_of(page)
    where = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("actorflow/testing/*.py")]
    tests = "".join(path.read_text("utf-8") for path in where)
    paths = re.findall(r"`(tests/[\w/.]+)`", text)
    names = re.findall(r"`(test_\w+)`", text)

    assert paths + names
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [name for name in names if f"def {name}(" not in tests] == []


def test_every_file_on_the_way_into_the_code_exists() -> None:
    """A newcomer is not sent to files that have moved."""
    text = text_of("explanation/architecture.md").partition("## Where to start")[2]
    named = re.findall(r"`(?:actorflow/)?((?:\w+/)?\w+\.py)`", text)
    known = {path.name for path in (ROOT / "actorflow").glob("**/*.py")}

    assert named
    assert [name for name in named if Path(name).name not in known] == []
