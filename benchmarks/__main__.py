"""Runs every benchmark, each in a process of its own, and keeps what they say.

    python -m benchmarks [chain map ...] [--quick] [--out DIR]

In DIR are then ``figures.json`` (every round of every figure), ``figures.md`` (a table
of all), and, where matplotlib is installed, ``figures.svg`` and ``figures.png``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import page

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main() -> None:
    """Run what was asked for; fail if one of them does."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCRIPTS)}; all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less work")
    parser.add_argument("--out", type=Path, help="keep figures and pictures here")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(SCRIPTS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    figures = {}
    for name in options.names or SCRIPTS:
        print(f"== {name}", flush=True)
        figures[name] = _run(name, quick=options.quick)
        if options.out is not None and figures[name]:
            _keep({name: said for name, said in figures.items() if said}, options.out)
    sys.exit(None in figures.values())


def _run(name: str, *, quick: bool) -> Any:
    """Return what a benchmark has measured; None if it failed."""
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory, "figures.json")
        command = [sys.executable, "-m", f"benchmarks.bench_{name}"]
        command += ["--json", str(kept), *["--quick"] * quick]
        done = subprocess.run(command, cwd=HERE.parent, check=False)  # noqa: S603 - our own
        return json.loads(kept.read_text()) if done.returncode == 0 else None


def _keep(figures: dict[str, Any], out: Path) -> None:
    """Write down what there is so far: the whole takes a while."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    (out / "figures.md").write_text("\n".join(page.table(figures)) + "\n")
    if "peers" in figures and find_spec("matplotlib"):
        from benchmarks import picture

        picture.draw(figures["peers"]["figures"], out / "figures")
    print(f"kept in {out}", flush=True)


if __name__ == "__main__":
    main()
