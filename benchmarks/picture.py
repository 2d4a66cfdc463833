"""Draws what was measured, and writes it into the page about it.

    python -m benchmarks --json benchmarks/results/DATE.json
    python -m benchmarks.picture benchmarks/results/DATE.json

The picture compares contestants (`bench_peers`); the page has every figure.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

from benchmarks.bench_peers import TITLES
from benchmarks.peers import CONTESTANTS

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "explanation" / "speed.md"
PICTURE = DOCS / "images" / "benchmarks"
PART = re.compile(
    r"(<!-- figures from here[^\n]* -->\n).*?(<!-- figures to here -->)", re.DOTALL
)
NAMES = {
    "actorflow": "actorflow",
    "sqlite": "plain SQLite",
    "dbos": "DBOS",
    "langgraph": "LangGraph",
}
OURS, FLOOR, PEER = "#2f6fb3", "#b9bec4", "#d9a05b"
COLOURS = {"actorflow": OURS, "sqlite": FLOOR}


def main() -> None:
    """Draw, and write."""
    parser = argparse.ArgumentParser(description="Draw what was measured.")
    parser.add_argument("figures", type=Path, help="made by: python -m benchmarks")
    given = json.loads(parser.parse_args().figures.read_text())
    if "peers" in given:
        draw(given["peers"]["figures"])
    text = "\n".join(table(given))
    page = PART.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", PAGE.read_text())
    PAGE.write_text(page)


def draw(figures: dict[str, Any]) -> None:
    """Draw rates of all contestants, one panel for each work."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "actorflow"})
    figure, panels = plt.subplots(1, len(TITLES), figsize=(11, 2.6), layout="tight")
    for panel, title in zip(panels, TITLES.values(), strict=True):
        rates = dict(_rates(figures, title))
        names = [name for name in reversed(CONTESTANTS) if name in rates]
        values = [rates[name] for name in names]
        bars = panel.barh(
            [NAMES[name] for name in names],
            values,
            color=[COLOURS.get(name, PEER) for name in names],
        )
        panel.bar_label(bars, [f" {value:,.0f}" for value in values], fontsize=8)
        panel.set_xscale("log")
        panel.set_xlim(min(values) / 3, max(values) * 8)
        panel.set_title(f"{title}, a second", fontsize=10)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(PICTURE.with_suffix(".png"), dpi=150)


def _rates(figures: dict[str, Any], title: str) -> Iterator[tuple[str, float]]:
    for name in CONTESTANTS:
        found = figures.get(f"{title}: {name}")
        if found is not None:
            yield name, found["floor"]
            yield "actorflow", found["ours"]


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
