"""The workflow that `actorflow demo` kills: read a tree of Python and report on it.

Ordinary user code, as it would stand in a project of your own: functions, a graph, and
nothing about crashes. The one thing added for the demonstration is the ledger, a file
outside the log in which every activity notes that it has begun.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

import actorflow as af

TOP = 10
NOT_OURS = {"site-packages", "dist-packages", "__pycache__"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@frozen
class Function:
    """Where a function stands, and how long it is."""

    name: str
    path: str
    line: int
    lines: int


@frozen
class Module:
    """What one file has in it; nothing but its name if it is no readable Python."""

    path: str
    parses: bool
    lines: int = 0
    functions: int = 0
    classes: int = 0
    imports: tuple[str, ...] = ()
    longest: Function | None = None


@frozen
class Package:
    """A top-level package or module, by what lies on disk."""

    name: str
    files: int
    size: int
    lines: int = 0


@frozen
class Report:
    """What is known of the whole tree.

    Attributes:
        packages: the largest, by lines.
        longest: the longest functions.
        imported: the modules that most files import, with how many do.
        paths: every file that was read, in order.
        unreadable: files that are no valid Python, or may not be read.
    """

    files: int
    size: int
    lines: int
    functions: int
    classes: int
    packages: tuple[Package, ...]
    longest: tuple[Function, ...]
    imported: tuple[tuple[str, int], ...]
    paths: tuple[str, ...]
    unreadable: tuple[str, ...]


@af.activity
def list_sources(root: str, ledger: str, ctx: af.ActivityContext) -> list[str]:
    """Return every Python file under *root*, by its path from there."""
    note(ledger, ctx)
    return sources_in(root)


@af.activity(executor="process")  # parsing is pure Python: threads would take turns
def read_module(root: str, path: str, ledger: str, ctx: af.ActivityContext) -> Module:
    """Parse one file and count what is in it."""
    note(ledger, ctx)
    return module_at(root, path)


@af.activity
def measure_packages(
    root: str, files: list[str], ledger: str, ctx: af.ActivityContext
) -> list[Package]:
    """Return the number and the size of the files of every top-level package."""
    note(ledger, ctx)
    return packages_of(root, files)


@af.activity
def write_report(
    modules: list[Module], packages: list[Package], ledger: str, ctx: af.ActivityContext
) -> Report:
    """Bring both branches together."""
    note(ledger, ctx)
    return report_of(modules, packages)


analysis = af.Workflow(
    name="source-analysis",
    inputs=[af.Input("root", type="string"), af.Input("ledger", type="string")],
    steps=[
        af.Step(
            "list",
            activity=list_sources,
            parameters={"root": "${inputs.root}", "ledger": "${inputs.ledger}"},
            store="files",
            next=[
                af.Edge("read", branch="modules"),
                af.Edge("measure", branch="packages"),
                af.Edge("both", branch="report"),
            ],
        ),
        af.Step(
            "read",
            map=af.Map(
                over="state.files",
                activity=read_module,
                parameters={
                    "root": "${inputs.root}",
                    "path": "${item}",
                    "ledger": "${inputs.ledger}",
                },
            ),
            store="modules",
        ),
        af.Step(
            "measure",
            activity=measure_packages,
            parameters={
                "root": "${inputs.root}",
                "files": "${state.files}",
                "ledger": "${inputs.ledger}",
            },
            store="packages",
        ),
        af.Step(
            "both",
            join=af.Join(
                branches=["modules", "packages"],
                mappings={
                    "modules.modules": "modules",
                    "packages.packages": "packages",
                },
            ),
            next=[af.Edge("write")],
        ),
        af.Step(
            "write",
            activity=write_report,
            parameters={
                "modules": "${state.modules}",
                "packages": "${state.packages}",
                "ledger": "${inputs.ledger}",
            },
            store="report",
        ),
    ],
    outputs=[af.Output("report", branch="report")],
)


def note(ledger: str, ctx: af.ActivityContext) -> None:
    """Add a line to the ledger; what is appended in one write stays in one piece."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{ctx.address}\n".encode())
    finally:
        os.close(descriptor)


def sources_in(root: str) -> list[str]:
    """Return the Python files under *root*, add-ons left out, by path from there."""
    files = (path for path in Path(root).rglob("*.py") if path.is_file())
    found = (path.relative_to(root) for path in files)
    return sorted(str(path) for path in found if not NOT_OURS & set(path.parts))


def module_at(root: str, path: str) -> Module:
    """Return what one file has in it."""
    try:
        source = (Path(root) / path).read_bytes()
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return Module(path, parses=False)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, FUNCTIONS)]
    sizes = [Function(f.name, path, f.lineno, length_of(f)) for f in functions]
    return Module(
        path,
        parses=True,
        lines=len(source.splitlines()),
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        imports=tuple(sorted(set(imported_by(nodes)))),
        longest=max(sizes, key=rank, default=None),
    )


def packages_of(root: str, files: Sequence[str]) -> list[Package]:
    """Return the number and the size of the files of every top-level package."""
    count: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for path in files:
        count[package_of(path)] += 1
        size[package_of(path)] += (Path(root) / path).stat().st_size
    return [Package(name, count[name], size[name]) for name in sorted(count)]


def report_of(modules: Sequence[Module], packages: Sequence[Package]) -> Report:
    """Return the report on *modules* and *packages*."""
    lines: Counter[str] = Counter()
    for module in modules:
        lines[package_of(module.path)] += module.lines
    sized = [Package(p.name, p.files, p.size, lines[p.name]) for p in packages]
    longest = [module.longest for module in modules if module.longest]
    imported = Counter(name for module in modules for name in module.imports)
    return Report(
        files=len(modules),
        size=sum(package.size for package in packages),
        lines=lines.total(),
        functions=sum(module.functions for module in modules),
        classes=sum(module.classes for module in modules),
        packages=tuple(sorted(sized, key=lambda p: (-p.lines, p.name))[:TOP]),
        longest=tuple(sorted(longest, key=rank, reverse=True)[:TOP]),
        imported=tuple(sorted(imported.items(), key=lambda i: (-i[1], i[0]))[:TOP]),
        paths=tuple(module.path for module in modules),
        unreadable=tuple(module.path for module in modules if not module.parses),
    )


def package_of(path: str) -> str:
    """Return the top-level package, or module, that a file belongs to."""
    return Path(path).parts[0].removesuffix(".py")


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, decorators left out."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def rank(function: Function) -> tuple[int, str, int]:
    """Order functions by length; ties by place, so that every run agrees."""
    return function.lines, function.path, function.line


def imported_by(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the top-level modules that absolute imports name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
