"""YAML into nodes, and data into YAML: the only module that knows its syntax.

YAML is read by the rules of its version 1.2: ``on``, ``no`` and ``2024-02-29`` are
text, ``1e5`` is a number. A file is data, so a tag (``!!python/object`` and all others)
is refused; so are merge keys, which other readers take for ordinary ones, and numbers
such as ``010``, of which one does not know what they are.
"""

from __future__ import annotations

import re
from typing import Any

from actorflow.model.nodes import (
    UNREAD,
    Builder,
    Fault,
    Node,
    Place,
    Unreadable,
    place_at,
    short,
)

PLAIN = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
    "infinite": re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    "merge": re.compile(r"<<"),
}
"""What is not text, if it is written without quotes."""

_AMBIGUOUS = re.compile(r"[-+]?0[0-9]+")


def read_yaml(text: str) -> tuple[Node, list[Fault]]:
    """Return what *text* holds, with the faults that did not end the reading.

    Raises:
        Unreadable: it is no YAML, or too much.
    """
    import yaml

    build = Builder()
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                message = "holds more than one document; a file is one workflow"
                raise Unreadable(message, _place(event))
            _take(build, event)
    except yaml.reader.ReaderError as error:
        reason = f"the character U+{error.character:04X} is not allowed"
        raise Unreadable(reason, place_at(text, int(error.position))) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(filter(None, [error.context, error.problem]))
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        raise Unreadable(reason, place) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"is no YAML: {short(str(error))}") from None
    if build.root is None:
        raise Unreadable("is empty")
    return build.root, build.faults


def _take(build: Builder, event: Any) -> None:
    import yaml

    place = _place(event)
    if getattr(event, "tag", None) is not None:
        message = f"tag {short(event.tag)!r}: a workflow file is data, without tags"
        raise Unreadable(message, place)
    match event:
        case yaml.ScalarEvent() if build.wants_key:
            _key(build, place, event)
        case yaml.ScalarEvent():
            value = event.value
            if event.implicit[0]:  # written plainly, without quotes
                value = _resolved(build, place, value)
            build.scalar(place, value, event.anchor)
        case yaml.AliasEvent():
            build.alias(place, str(event.anchor))
        case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            build.open(place, is_mapping=is_mapping, anchor=event.anchor)
        case yaml.CollectionEndEvent():
            build.close()
        case _:
            pass  # the ends of stream and document


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _key(build: Builder, place: Place, event: Any) -> None:
    if event.anchor is not None:
        raise Unreadable("a key cannot have an anchor", place)
    if event.value == "<<" and event.implicit[0]:
        message = "merge keys (<<) are not read; write the keys out, or '<<' in quotes"
        raise Unreadable(message, place)
    build.key(place, event.value)


def _resolved(build: Builder, place: Place, text: str) -> Any:
    """Return what a scalar without quotes stands for."""
    kind = next((kind for kind, form in PLAIN.items() if form.fullmatch(text)), "text")
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if _AMBIGUOUS.fullmatch(text):
            build.fault(f"{short(text)} begins with 0; put it in quotes", place)
            return UNREAD
        case "int" | "float":
            return build.number(place, text)
        case "infinite":
            build.fault(f"{text} is no number that can be recorded", place)
            return UNREAD
        case _:
            return text


def write_yaml(data: Any) -> str:
    """Return *data* as text that `read_yaml` reads as the same."""
    import yaml

    return str(
        yaml.dump(data, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=88)
    )


def _dumper() -> Any:
    """Return what puts quotes where `read_yaml` would take text for something else."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    def text(dumper: Any, value: str) -> Any:
        # Other quotes lose line ends that are not a newline.
        style = None if value.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    Dumper.yaml_implicit_resolvers = {}
    for tag, pattern in PLAIN.items():
        whole = re.compile(rf"(?:{pattern.pattern})\Z")
        Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", whole, None)
    return Dumper
