"""Writes what was measured into the page about it, with its picture.

python -m benchmarks --out build/bench
python -m benchmarks.page build/bench
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "explanation" / "speed.md"
PICTURE = DOCS / "images" / "benchmarks"
PART = re.compile(
    r"(<!-- figures from here[^\n]* -->\n).*?(<!-- figures to here -->)", re.DOTALL
)


def main() -> None:
    """Take over what a run of all benchmarks has left in a directory."""
    parser = argparse.ArgumentParser(description="Publish what was measured.")
    parser.add_argument("directory", type=Path, help="made by: python -m benchmarks")
    directory = parser.parse_args().directory
    text = "\n".join(table(json.loads((directory / "figures.json").read_text())))
    page = PART.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", PAGE.read_text())
    PAGE.write_text(page)
    for suffix in (".svg", ".png"):
        shutil.copy(directory / f"figures{suffix}", PICTURE.with_suffix(suffix))


def table(given: dict[str, Any]) -> Iterator[str]:
    """Yield a table of all figures, and what they were measured on."""
    for name, benchmark in given.items():
        yield f"**{benchmark['question']}** (`bench_{name}`)\n"
        yield "| | actorflow | against | ratio | spread | goal | |"
        yield "|---|--:|--:|--:|--:|--:|---|"
        for title, figure in benchmark["figures"].items():
            yield _row(title.strip(), figure)
        yield ""
    where = next(iter(given.values()))["on"]
    yield f"Measured on {', '.join(f'{key} {value}' for key, value in where.items())}."


def _row(title: str, figure: dict[str, Any]) -> str:
    ratios = [
        ours / floor
        for ours, floor in zip(
            figure["rounds"]["ours"], figure["rounds"]["floor"], strict=False
        )
    ]
    sign = "at least" if figure.get("more_is_better") else "at most"
    cells = (
        f"{title}, {figure['unit']}".rstrip(", "),
        _short(figure["ours"]),
        _short(figure["floor"]),
        _short(figure["ratio"]),
        f"{_short(min(ratios))} to {_short(max(ratios))}" if ratios else "",
        "" if figure["goal"] is None else f"{sign} {_short(figure['goal'])}",
        {None: "", True: "met", False: "missed"}[figure["met"]],
    )
    return f"| {' | '.join(cells)} |"


def _short(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


if __name__ == "__main__":
    main()
