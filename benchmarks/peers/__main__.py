"""Let one contestant do one work, and print the seconds.

python -m benchmarks.peers actorflow fan_out 1000 DIRECTORY
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path

from benchmarks.peers import WORKS


def main(contestant: str, work: str, count: str, directory: str) -> None:
    """Run it."""
    if work not in WORKS:
        sys.exit(f"no work is called {work}; there are {', '.join(WORKS)}")
    module = importlib.import_module(f"benchmarks.peers.on_{contestant}")
    seconds = getattr(module, work)(Path(directory), int(count))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak_kb": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
