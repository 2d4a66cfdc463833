"""How each event class becomes a mapping and comes back: made once a class.

Events of the model hold JSON trees already, so cattrs generates hooks that move fields
and leave out defaults. Events of users hold values, which go through the codec.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from functools import cache
from typing import Any

import attrs
from attrs import frozen
from cattrs import Converter
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from actorflow.log.classes import build, field_names, resolve_hints
from actorflow.model.events import Data, Failure

_CONVERTER = Converter(detailed_validation=False)


@frozen
class Hooks:
    """The two ways of one event class."""

    unstructure: Callable[[Any], Data]
    structure: Callable[[Any], Any]


def _as_is(value: Any, _: Any) -> Any:
    return value


def _mentions_failure(hint: Any) -> bool:
    return hint is Failure or any(map(_mentions_failure, typing.get_args(hint)))


def _text(text: str) -> str:
    # What an exception says may not be valid Unicode; a failure must be recordable.
    return text.encode("utf-8", "backslashreplace").decode()


def _write_failure(failure: Failure) -> dict[str, Any]:
    data: dict[str, Any] = {"type": failure.type, "message": _text(failure.message)}
    if failure.exceptions:
        data["exceptions"] = failure.exceptions
    if failure.traceback is not None:
        data["traceback"] = _text(failure.traceback)
    if failure.details is not None:
        data["details"] = failure.details
    if failure.address is not None:
        data["address"] = failure.address
    if failure.node is not None:
        data["node"] = failure.node
    if failure.execution is not None:
        data["execution"] = failure.execution
    if failure.causes:
        data["causes"] = [_write_failure(cause) for cause in failure.causes]
    return data


def _read_failure(data: dict[str, Any], _: Any) -> Failure:
    return Failure(
        data["type"],
        data["message"],
        tuple(data.get("exceptions", ())),
        data.get("traceback"),
        data.get("details"),
        data.get("address"),
        data.get("node"),
        tuple(_read_failure(cause, None) for cause in data.get("causes", ())),
        data.get("execution"),
    )


@cache
def model_hooks(cls: Any) -> Hooks:
    """Return hooks for an event of the model, whose fields are JSON trees already."""
    hints = resolve_hints(cls)
    out: dict[str, Any] = {}
    back: dict[str, Any] = {}
    for field in attrs.fields(cls):
        nested = _mentions_failure(hints[field.name])
        out[field.name] = override(unstruct_hook=_write_failure if nested else identity)
        back[field.name] = override(struct_hook=_read_failure if nested else _as_is)
    structure = make_dict_structure_fn(
        cls, _CONVERTER, _cattrs_detailed_validation=False, **back
    )
    return Hooks(
        make_dict_unstructure_fn(cls, _CONVERTER, _cattrs_omit_if_default=True, **out),
        lambda data: structure(data, cls),
    )


def user_hooks(
    cls: type[Any],
    tag: str,
    to_data: Callable[..., Data],
    from_data: Callable[..., Any],
) -> Hooks:
    """Return hooks for a user's event, whose fields are values."""
    names = field_names(cls)
    hints = resolve_hints(cls)

    def unstructure(event: Any) -> Data:
        return {
            name: to_data(getattr(event, name), path=f"{tag}.{name}") for name in names
        }

    def structure(data: Any) -> Any:
        return build(
            cls,
            {
                name: from_data(data[name], hints.get(name, Any), path=f"{tag}.{name}")
                for name in names
                if name in data
            },
        )

    return Hooks(unstructure, structure)
