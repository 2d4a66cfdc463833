"""The parts of these pages that are written by the code they describe.

``python docs/generated.py`` writes them anew, between their markers; a test tells when
that is due.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import click

import actorflow
import actorflow.errors
import actorflow.testing
from actorflow.model.events import TAGS

DOCS = Path(__file__).parent
PART = re.compile(
    r"(?P<begin><!-- begin (?P<name>[a-z-]+): [^\n]* -->\n)"
    r".*?"
    r"(?P<end><!-- end (?P=name) -->)",
    re.DOTALL,
)
SECTION = re.compile(r"^(Args|Attributes|Raises):$", re.MULTILINE)
ENTRY = re.compile(r"^ {4}(?P<name>\w+): (?P<text>.+(?:\n {8}.+)*)", re.MULTILINE)


def said(thing: Any) -> str:
    """Return what a docstring says before its sections, as Markdown."""
    text = SECTION.split(inspect.getdoc(thing) or "")[0]
    return " ".join(markdown(text).split())


def told(thing: Any, section: str) -> dict[str, str]:
    """Return what a docstring says of each name in one of its sections."""
    parts = SECTION.split(inspect.getdoc(thing) or "")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {
        entry["name"]: " ".join(markdown(entry["text"]).split())
        for entry in ENTRY.finditer(sections.get(section, ""))
    }


def markdown(text: str) -> str:
    """Return a docstring's text with single backticks only."""
    return text.replace("``", "`")


def sentence(text: str) -> str:
    """Return the first sentence, up to a colon or a full stop."""
    found = re.match(r"(?:`[^`]*`|[^`.:]|[.:](?!\s|$))*", text)
    return f"{found[0] if found else text}."


# -- the parts -------------------------------------------------------------------------


def events() -> Iterator[str]:
    """Yield a heading for every event, by its name in the log."""
    for tag, cls in TAGS.items():
        yield f"### {tag}\n"
        yield f"{said(cls)}\n"
        notes = told(cls, "Attributes")
        for field in attrs.fields(cls):
            note = f": {notes[field.name]}" if field.name in notes else ""
            yield f"- `{field.name}` ({_kind(cls, field)}){note}"
        yield ""


def _kind(cls: type[Any], field: Any) -> str:
    annotation = str(inspect.get_annotations(cls)[field.name])
    kind = "any value" if annotation == "Data" else f"`{annotation}`"
    kind = kind.replace("Data", "Any")
    if field.default is attrs.NOTHING:
        return kind
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return f"{kind}, empty by default"
    return f"{kind}, `{field.default!r}` by default"


def errors() -> Iterator[str]:
    """Yield a heading for every error, bases before what is derived from them."""
    for cls in vars(actorflow.errors).values():
        if not inspect.isclass(cls) or cls.__module__ != actorflow.errors.__name__:
            continue
        yield f"### {cls.__name__}\n"
        where = "actorflow" if hasattr(actorflow, cls.__name__) else "actorflow.errors"
        bases = " and ".join(f"`{base.__name__}`" for base in cls.__bases__)
        yield f"`{where}.{cls.__name__}`, derived from {bases}.\n"
        yield f"{said(cls)}\n"
        notes = told(cls, "Attributes") | told(cls, "Args")
        for name in _given(cls):
            yield f"- `{name}`" + (f": {notes[name]}" if name in notes else "")
        yield ""


def _given(cls: type[Any]) -> list[str]:
    if "__init__" not in vars(cls):
        return []
    parameters = inspect.signature(cls).parameters
    return [name for name in parameters if name != "message"]


GROUPS = {
    "Write definitions": ("actorflow.model",),
    "Run them": ("actorflow.runtime",),
    "Write actors of your own": ("actorflow.actors",),
    "Look at what was recorded": (
        *("actorflow.model.events", "actorflow.model.journal", "actorflow.log"),
        *("actorflow.model.timeline", "actorflow.runtime.lifecycle"),
        "actorflow.runtime.subscriptions",
    ),
    "Errors": ("actorflow.errors",),
}


def names() -> Iterator[str]:
    """Yield every public name with one sentence, by what it is for."""
    for title in GROUPS:
        yield f"### {title}\n"
        yield "| name | |\n|---|---|"
        for name in actorflow.__all__:
            thing = getattr(actorflow, name)
            if _group(thing) == title:
                link = f"[`{name}`](errors.md#{name.lower()})"
                shown = link if title == "Errors" else f"`{name}`"
                yield f"| {shown} | {_cell(sentence(said(thing)))} |"
        yield ""


def _group(thing: Any) -> str:
    """Return the group of whose modules the most exact one holds *thing*."""
    module = thing.__module__
    found = [
        (len(prefix), title)
        for title, prefixes in GROUPS.items()
        for prefix in prefixes
        if module.startswith(prefix)
    ]
    return max(found)[1]


def testing() -> Iterator[str]:
    """Yield every name of `actorflow.testing`."""
    yield "| name | |\n|---|---|"
    for name in actorflow.testing.__all__:
        text = sentence(said(getattr(actorflow.testing, name)))
        yield f"| `{name}` | {_cell(text)} |"


def commands() -> Iterator[str]:
    """Yield a heading for every command, with its options."""
    from actorflow.cli import main

    yield "### Options of every command\n"
    yield from _options(main, skip=frozenset({"--help", "--version"}))
    shared = {opt for param in main.params for opt in param.opts}
    for name, command in _all(main.commands):
        yield f"### actorflow {name}\n"
        context = click.Context(command, info_name=f"actorflow {name}")
        usage = " ".join(
            piece
            for piece in command.collect_usage_pieces(context)
            if "OPT" not in piece
        )
        yield f"```text\nactorflow {f'{name} {usage}'.strip()}\n```\n"
        yield "\n\n".join(_paragraphs(command.help or "")) + "\n"
        yield from _options(command, skip=frozenset(shared))
        if command.epilog:
            text = inspect.cleandoc(command.epilog.replace("\b", ""))
            yield f"```text\n{text}\n```\n"


def _all(commands: Mapping[str, click.Command]) -> Iterator[tuple[str, click.Command]]:
    for name, command in commands.items():
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", each) for sub, each in _all(command.commands))


def _paragraphs(text: str) -> list[str]:
    text = inspect.cleandoc(text.replace("\b", ""))
    return [" ".join(part.split()) for part in text.split("\n\n")]


def _options(command: click.Command, *, skip: frozenset[str]) -> Iterator[str]:
    context = click.Context(command)
    rows = [
        record
        for param in command.params
        if isinstance(param, click.Option)
        and not skip & set(param.opts)
        and (record := param.get_help_record(context)) is not None
    ]
    if rows:
        yield "| option | |\n|---|---|"
    for option, text in rows:
        yield f"| `{_cell(option)}` | {_cell(text)} |"
    if rows:
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "errors": errors,
    "events": events,
    "names": names,
    "testing": testing,
}


def written(page: str) -> str:
    """Return *page* with its parts as the code at hand writes them."""

    def fresh(found: re.Match[str]) -> str:
        text = "\n".join(PARTS[found["name"]]())
        return f"{found['begin']}\n{text.rstrip()}\n\n{found['end']}"

    return PART.sub(fresh, page)


def pages() -> list[Path]:
    """Return the pages that have such parts."""
    found = sorted(DOCS.glob("**/*.md"))
    return [page for page in found if PART.search(page.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    for each in pages():
        before = each.read_text(encoding="utf-8")
        each.write_text(written(before), encoding="utf-8")
