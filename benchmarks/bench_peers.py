"""How does the same work compare with peers and with plain SQLite?

    python -m benchmarks.bench_peers [--quick] [--json FILE]

Every contestant does every work in a process of its own, in turn, several rounds;
compared are rates (see benchmarks/peers). Where a peer is so slow that it would take
minutes, it does less of the same work.
"""

from __future__ import annotations

import json
import tempfile

from benchmarks.common import Figure, Options, elsewhere, report
from benchmarks.peers import CONTESTANTS

ROUNDS, QUICK_ROUNDS = 5, 2
PEERS = tuple(name for name in CONTESTANTS if name not in ("actorflow", "sqlite"))
TITLES = {
    "chain": "steps of a chain",
    "fan_out": "items of a fan-out",
    "executions": "executions of 3 steps",
}
COUNTS = {
    "chain": {"*": 100},
    "fan_out": {"*": 10_000, "dbos": 1_000},
    "executions": {"*": 10_000, "dbos": 200, "langgraph": 1_000},
}
QUICK = {"chain": 100, "fan_out": 1_000, "executions": 200}
GOALS = {
    "chain": {"sqlite": 0.6, "the fastest peer": 2.5},
    "fan_out": {"the fastest peer": 50.0},
    "executions": {"the fastest peer": 10.0},
}


def measure(options: Options) -> list[Figure]:
    """Let them all run, round by round."""
    return [figure for work in TITLES for figure in _compare(work, options)]


def _compare(work: str, options: Options) -> list[Figure]:
    opponents = ("sqlite", *PEERS, "the fastest peer")
    figures = {
        name: Figure(
            f"{TITLES[work]}: {name}",
            "1/s",
            more_is_better=True,
            goal=GOALS[work].get(name),
        )
        for name in opponents
    }
    for _ in range(QUICK_ROUNDS if options.quick else min(options.rounds, ROUNDS)):
        rates = {name: _rate(name, work, options) for name in CONTESTANTS}
        rates["the fastest peer"] = max(rates[name] for name in PEERS)
        for name, figure in figures.items():
            figure.add(rates["actorflow"], rates[name])
    return list(figures.values())


def _rate(contestant: str, work: str, options: Options) -> float:
    counts = COUNTS[work]
    count = QUICK[work] if options.quick else counts.get(contestant, counts["*"])
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        said = elsewhere("peers", contestant, work, count, directory)
    return count / float(json.loads(said.splitlines()[-1])["seconds"])


if __name__ == "__main__":
    report(__doc__, measure)
