"""What a soak has shown: as text, as JSON, and as a picture."""

from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.soak.check import Check

SHOWN = 20


def figures(check: Check) -> dict[str, Any]:
    """Return everything that was counted."""
    seconds = max(check.times) - min(check.times) if check.times else 0.0
    takeovers = sorted(check.takeovers())
    return {
        "python": platform.python_version(),
        "minutes": round(seconds / 60, 1),
        "kills": check.kills,
        "executions": len(check.stories),
        "by sort": dict(Counter(n.split("-")[0] for n in sorted(check.stories))),
        "events": len(check.times),
        "events a second": round(len(check.times) / seconds) if seconds else 0,
        "log bytes": check.log_bytes,
        "attempts begun": check.count("begin"),
        "attempts cut by a kill and repeated": check.repeats,
        "executions taken over": len(takeovers),
        "takeover seconds, median": round(median(takeovers), 2) if takeovers else None,
        "takeover seconds, longest": round(takeovers[-1], 2) if takeovers else None,
        "signals acknowledged": check.count("signal"),
        "promises broken": len(check.broken),
    }


def table(check: Check) -> str:
    """Return the report for people."""
    lines = [f"{name:38} {value}" for name, value in figures(check).items()]
    lines += [f"BROKEN: {each}" for each in check.broken[:SHOWN]]
    lines.append("everything held" if not check.broken else "NOT EVERYTHING HELD")
    return "\n".join(lines)


def write_json(check: Check, path: Path) -> None:
    """Write the report for programs."""
    document = {**figures(check), "broken": check.broken}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def draw(check: Check, path: Path) -> None:
    """Draw what was recorded over time, and when processes were killed."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    begin = min(check.times)
    kills = [line.at - begin for line in check.lines if line.what == "kill"]
    moments = sorted(time - begin for time in check.times)
    step = max(moments[-1] / 200, 0.1)
    rate = Counter(int(each / step) for each in moments)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(10, 6), height_ratios=(2, 1), layout="constrained"
    )
    above.vlines(
        kills,
        0,
        1,
        transform=above.get_xaxis_transform(),
        color="#d1495b",
        linewidth=0.6,
        alpha=0.7,
        label=f"SIGKILL ({len(kills)})",
    )
    spots = range(int(moments[-1] / step) + 1)
    above.plot(
        [n * step for n in spots],
        [rate[n] / step for n in spots],
        color="#00798c",
        linewidth=1.2,
        label="events recorded a second",
    )
    above.set(xlabel="seconds", ylim=(0, None))
    above.legend(loc="upper right")
    above.set_title(
        f"{len(moments):,} events, {len(check.stories):,} executions, "
        f"{len(check.broken)} promises broken",
        loc="left",
    )
    below.hist(check.takeovers() or [0], bins=60, color="#00798c")
    below.set(
        xlabel="seconds from a kill until an execution goes on elsewhere",
        ylabel="executions",
    )
    figure.savefig(path)
