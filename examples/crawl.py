"""A crawler that forgets nothing: the activities that `crawl.yaml` names.

Run it with ``python examples/crawl.py``. The web is a dictionary here; put an HTTP
client into `fetch_page`, give the runtime the path of a file, and kill it whenever you
like: pages that were fetched are not fetched again.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve, frozen

import actorflow as af

FILE = Path(__file__).with_suffix(".yaml")
WEB = {
    "/": ["/a", "/b"],
    "/a": ["/", "/a/1", "/a/2"],
    "/b": ["/a", "/missing"],
    "/a/1": ["/b"],
    "/a/2": ["/a/2/deep"],
    "/a/2/deep": [],
}


@frozen
class Page:
    """What was found at an address."""

    url: str
    links: tuple[str, ...] = ()


@frozen
class Level:
    """How far the crawl has come.

    Attributes:
        frontier: to fetch next.
        seen: fetched, or about to be.
        broken: could not be fetched.
    """

    frontier: tuple[str, ...]
    depth: int = 0
    seen: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@af.activity
def first_level(url: str) -> Level:
    """Begin with one page."""
    return Level(frontier=(url,), seen=(url,))


@af.activity
def fetch_page(url: str) -> Page:
    """Fetch a page."""
    if url not in WEB:
        raise af.ActivityError(f"{url} does not exist", type="not_found")
    return Page(url, tuple(WEB[url]))


@af.activity
def next_level(level: Level, pages: list[af.Outcome]) -> Level:
    """Collect the links that nobody has followed yet."""
    outcomes = list(zip(level.frontier, pages, strict=True))
    links = [link for _, page in outcomes if page.value for link in page.value.links]
    fresh = tuple(dict.fromkeys(link for link in links if link not in level.seen))
    broken = tuple(url for url, page in outcomes if page.error)
    return evolve(
        level,
        frontier=fresh,
        depth=level.depth + 1,
        seen=level.seen + fresh,
        broken=level.broken + broken,
    )


ACTIVITIES = [first_level, fetch_page, next_level]


def main() -> None:
    """Crawl the little web."""
    crawl = af.Workflow.load(FILE)
    with af.Runtime(":memory:", definitions=[crawl], activities=ACTIVITIES) as runtime:
        found: Level = runtime.start(crawl, start="/").result(timeout=10)["found"]
        print(f"{len(found.seen)} pages: {', '.join(found.seen)}")
        print(f"broken: {', '.join(found.broken)}")


if __name__ == "__main__":
    main()
