"""Options that several commands take, each said once."""

from __future__ import annotations

import click

inputs_option = click.option(
    "-i",
    "--input",
    "inputs",
    multiple=True,
    metavar="KEY=VALUE",
    help="An input; JSON, else text.",
)
attributes_option = click.option(
    "-a",
    "--attribute",
    "attributes",
    multiple=True,
    metavar="KEY=VALUE",
    help="A search attribute, for `list --where`.",
)
where_option = click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only those with this search attribute; JSON, else text.",
)
workflow_option = click.option(
    "--workflow", metavar="NAME", help="Only executions of this workflow."
)
activities_option = click.option(
    "--activities",
    multiple=True,
    metavar="MODULE[:NAME,..]",
    help="Where the activities are that the graph only names.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="How many activities may run at once.",
)
durability_option = click.option(
    "--durability",
    type=click.Choice(["full", "process"]),
    default="full",
    show_default=True,
    help="What the log survives: a power cut, or the death of the process.",
)
priority_option = click.option(
    "--priority",
    type=int,
    default=0,
    show_default=True,
    help="The higher, the sooner; one level is worth five minutes of waiting.",
)
tags_option = click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Only for a worker that has this tag.",
)
