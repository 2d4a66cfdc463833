"""The project as a whole: what it ships, what it documents, what it costs to import."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.resources
import inspect
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import actorflow
from actorflow import errors

ROOT = Path(__file__).parent.parent
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
ERRORS = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and value.__module__ == errors.__name__
]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
)
# Slow to import, and only needed by who runs a command or loads a file.
LAZY = ["click", "rich", "sqlite_utils.cli", "yaml"]


def run_python(code: str) -> str:
    """Return what *code* prints in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module", name="wheel")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel and return the names of the files in it."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = directory.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_schema_is_found_beside_the_code_that_runs_it() -> None:
    """Wherever the package is installed, it finds its database schema."""
    schema = importlib.resources.files("actorflow.log") / "schema.sql"

    assert "CREATE TABLE" in schema.read_text(encoding="utf-8")


def test_wheel_contains_the_schema_itself(wheel: set[str]) -> None:
    """The wheel carries schema.sql, although the tree only has a link to it."""
    assert "actorflow/log/schema.sql" in wheel


def test_wheel_says_that_it_is_typed(wheel: set[str]) -> None:
    """A user's type checker may rely on our annotations."""
    assert "actorflow/py.typed" in wheel


def test_wheel_contains_nothing_but_the_package(wheel: set[str]) -> None:
    """Tests, benchmarks and notes stay out of users' site-packages."""
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"actorflow"}


def test_version_is_told_by_the_package() -> None:
    """`actorflow.__version__` is the version that was installed."""
    package = importlib.import_module("actorflow")

    assert package.__version__ == importlib.metadata.version("actorflow")


def test_command_is_installed() -> None:
    """The `actorflow` command is a function that can be called."""
    (command,) = importlib.metadata.entry_points(
        group="console_scripts", name="actorflow"
    )

    assert callable(command.load())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_the_one_base(error: type[Exception]) -> None:
    """`except ActorflowError` catches everything actorflow raises on purpose."""
    assert issubclass(error, errors.ActorflowError)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_says_what_it_means(error: type[Exception]) -> None:
    """An error's docstring is its meaning, so none goes without."""
    assert vars(error)["__doc__"]


def test_every_public_name_is_documented() -> None:
    """`help()` has something to say about everything in `actorflow.__all__`."""
    package = importlib.import_module("actorflow")
    public = [name for name in package.__all__ if not name.startswith("__")]

    assert public
    assert [name for name in public if not inspect.getdoc(getattr(package, name))] == []


def test_import_is_light() -> None:
    """`import actorflow` does not pay for the terminal, YAML or a foreign CLI."""
    code = (
        "import sys, actorflow\n"
        f"print([name for name in {LAZY!r} if name in sys.modules])"
    )

    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_is_listed(page: Path) -> None:
    """A decision that its index does not list is a decision nobody finds."""
    index = (page.parent / "README.md").read_text(encoding="utf-8")

    assert f"]({page.name})" in index


def test_decisions_are_numbered_without_a_gap() -> None:
    """A number names one decision."""
    numbers = [int(page.name[:4]) for page in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_keeps_the_template(page: Path) -> None:
    """Context, options, choice, consequences: in this order, and nothing else."""
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert headings == ["Context", "Options", "Choice", "Consequences"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A page that links to a file of the repository links to one that exists."""
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_public_names_are_where_type_checkers_are_told() -> None:
    """What is imported when it is used is what annotations promise."""
    tree = ast.parse((ROOT / "actorflow" / "__init__.py").read_text())
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("actorflow.")
        for alias in node.names
    }

    assert told == actorflow._HOME_OF
    assert sorted(told) == sorted(set(actorflow.__all__) - {"__version__"})


def test_tests_of_ones_own_need_no_pytest() -> None:
    """Only who tests a log or a store of their own runs suites that are made for it."""
    code = "import sys; sys.modules['pytest'] = None; import actorflow.testing as t; "
    code += "print(t.runtime, t.Simulation, t.Replayer)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_importing_imports_nothing_else() -> None:
    """Who defines activities does not wait for a database to be imported."""
    code = (
        "import sys, actorflow; print('attrs' in sys.modules); actorflow.activity;"
        "print('sqlite3' in sys.modules); actorflow.Runtime; print('sqlite3' in "
        "sys.modules)"
    )
    assert run_python(code).split() == ["False", "False", "True"]


def test_a_name_that_is_not_there_is_refused() -> None:
    """As by any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Workflows'"):
        _ = actorflow.Workflows  # type: ignore[attr-defined]
