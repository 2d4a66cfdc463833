"""Draws contestants beside each other, as `bench_peers` has measured them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

from benchmarks.bench_peers import TITLES
from benchmarks.peers import CONTESTANTS

NAMES = {
    "actorflow": "actorflow",
    "sqlite": "plain SQLite",
    "dbos": "DBOS",
    "langgraph": "LangGraph",
}
OURS, FLOOR, PEER = "#2f6fb3", "#b9bec4", "#d9a05b"
COLOURS = {"actorflow": OURS, "sqlite": FLOOR}


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw rates of all contestants, one panel for each work, as SVG and PNG."""
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
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=150)


def _rates(figures: dict[str, Any], title: str) -> Iterator[tuple[str, float]]:
    for name in CONTESTANTS:
        found = figures.get(f"{title}: {name}")
        if found is not None:
            yield name, found["floor"]
            yield "actorflow", found["ours"]
