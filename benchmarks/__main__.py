"""Runs every benchmark, each in a process of its own.

python -m benchmarks [chain map ...] [--quick] [--json FILE]

With ``--json`` figures are kept, and nothing is printed; see `benchmarks.picture`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main() -> None:
    """Run what was asked for; fail if one of them does."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCRIPTS)}; all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less work")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(SCRIPTS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    figures, failed = {}, False
    for name in options.names or SCRIPTS:
        print(f"== {name}", flush=True)
        code, said = _run(name, quick=options.quick, as_json=options.json is not None)
        failed = failed or code != 0
        if said:
            figures[name] = json.loads(said)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(failed)


def _run(name: str, *, quick: bool, as_json: bool) -> tuple[int, Any]:
    command = [sys.executable, "-m", f"benchmarks.bench_{name}"]
    command += ["--quick"] * quick + ["--json"] * as_json
    done = subprocess.run(  # noqa: S603 - our own
        command,
        cwd=HERE.parent,
        stdout=subprocess.PIPE if as_json else None,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    main()
