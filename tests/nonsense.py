"""Calls with sense in every place but one."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any

import actorflow as af

NONSENSE = [
    *(
        object(),
        3,
        -1,
        True,
        1.5,
        math.nan,
        math.inf,
        b"x",
        "",
        "$",
        "${",
        "a b",
        "no such",
    ),
    *("\ud800", {}, {1: 2}, {"a": object()}, [], [1], (), {1}, int, lambda: 1),
]
_MEANT = re.compile("is not a duration|longer than a thousand years|must be")


def calls(
    function: Callable[..., Any], sense: Mapping[str, Any], otherwise: Any
) -> Iterator[Callable[[], Any]]:
    """Yield a call for each parameter of a function and each nonsense in its place.

    Args:
        function: is bound, if it is a method.
        sense: what to give for a parameter that has to be given, by its name.
        otherwise: what to give for all others of these.
    """
    parameters = inspect.signature(function).parameters.values()
    for wrong, nonsense in product(parameters, NONSENSE):
        args, kwargs = [], {}
        for each in parameters:
            value = nonsense if each is wrong else sense.get(each.name, otherwise)
            is_needed = each is wrong or each.default is each.empty
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                is_needed = each is wrong and each.kind == each.VAR_POSITIONAL
            if is_needed and each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
                args.append(value)
            elif is_needed:
                kwargs[each.name] = value
        if wrong.kind is wrong.VAR_POSITIONAL:
            args, kwargs = [*kwargs.values(), *args], {}
        yield partial(function, *args, **kwargs)


def refuses_well(call: Callable[[], Any]) -> None:
    """Let a call end well, or with an error that is meant for whoever called."""
    with suppress(af.ActorflowError, TimeoutError):
        try:
            answer = call()
            if inspect.isgenerator(answer):
                next(answer, None)
        except (TypeError, ValueError) as error:
            if not _MEANT.search(str(error)):
                raise
