"""Large values are kept outside the log; nobody who uses them can tell."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow.log.blobs import BlobStore, FileBlobs, MemoryBlobs
from actorflow.log.memory import MemoryLog
from actorflow.log.sqlite import SQLiteLog
from actorflow.testing import Simulation, runtime
from tests.flows.helpers import echo

LARGE = "x" * 2000
OVER = 1000
WAIT = 20.0


class CountingBlobs:
    """A store that counts what is asked of it, and may refuse."""

    def __init__(self) -> None:
        self.inner = MemoryBlobs()
        self.puts: list[str] = []
        self.gets: list[str] = []
        self.refuses = False

    def put(self, key: str, content: bytes) -> None:
        """Count, and put."""
        if self.refuses:
            raise OSError(28, "No space left on device")
        self.puts.append(key)
        self.inner.put(key, content)

    def get(self, key: str) -> bytes:
        """Count, and get."""
        self.gets.append(key)
        return self.inner.get(key)

    def is_empty(self) -> bool:
        """Tell whether there is none."""
        return self.inner.is_empty()

    def sweep(self, live: Collection[str], *, before: float) -> int:
        """Sweep."""
        return self.inner.sweep(live, before=before)


@af.activity
def make(size: int) -> dict[str, Any]:
    """Return something of that size, with parts."""
    return {"text": "x" * size, "number": 7, "items": ["a" * size, "b", None]}


@af.activity
def measure(made: dict[str, Any]) -> int:
    """Look at it."""
    return len(made["text"])


@af.activity
def nothing() -> None:
    """Look at nothing."""


def results(run: af.ExecutionHandle) -> list[Any]:
    """Return the recorded results of activations."""
    return [
        r.event.result
        for r in run.history()
        if type(r.event).__name__ == "ActivationCompleted"
    ]


def is_reference(data: Any) -> bool:
    """Tell whether only a reference is recorded."""
    return isinstance(data, dict) and data.get("$") == "blob"


def sizes_only() -> af.Flow:
    """Make something, carry it past a step, look at it, and return its size."""
    return (
        af.Flow("sizes", inputs=["size"])
        .then(make, into="made")
        .then(nothing)
        .then(measure)
        .output("measure")
    )


sizes = sizes_only().output("made", "measure").build()


def test_of_a_large_result_the_log_has_a_reference() -> None:
    """Of a small one, itself."""
    with runtime(sizes, claim_check_over=OVER) as rt:
        large = rt.start(sizes, size=2000)
        small = rt.start(sizes, size=10)
        large.wait()
        small.wait()

        assert [is_reference(r) for r in results(large)] == [True, False, False]
        assert [is_reference(r) for r in results(small)] == [False, False, False]


def test_without_being_asked_nothing_leaves_the_log() -> None:
    """Large values are kept elsewhere only if a runtime is told so."""
    with runtime(sizes) as rt:
        run = rt.start(sizes, size=1_000_000)
        run.wait()
        assert not any(is_reference(result) for result in results(run))


def test_whoever_uses_it_gets_the_value() -> None:
    """The next step, and the caller."""
    with runtime(sizes, claim_check_over=OVER) as rt:
        output = rt.start(sizes, size=2000).result()

    assert output["measure"] == 2000
    assert output["made"] == make(2000)


def test_it_is_loaded_only_where_somebody_looks() -> None:
    """Steps, variables and outputs carry it past for nothing."""
    blobs = CountingBlobs()
    flow = sizes_only().build()
    with runtime(flow, blobs=blobs, claim_check_over=OVER) as rt:
        assert rt.start(flow, size=2000).result() == 2000

    assert len(blobs.gets) == 1


def test_a_template_that_is_a_variable_loads_nothing() -> None:
    """What a step is given is what is recorded: the activity alone looks into it."""
    blobs = CountingBlobs()
    named = af.Workflow(
        "named",
        steps=[
            af.Step(
                "make",
                activity=make,
                parameters={"size": 2000},
                store="it",
                next=[af.Edge("measure")],
            ),
            af.Step(
                "measure",
                activity=measure,
                parameters={"made": "${state.it}"},
                store="size",
            ),
        ],
        outputs=[af.Output("size")],
    )
    with runtime(named, blobs=blobs, claim_check_over=OVER) as rt:
        assert rt.start(named).result() == {"size": 2000}

    assert (len(blobs.puts), len(blobs.gets)) == (1, 1)


def test_the_same_value_is_kept_once() -> None:
    """It is named by what is in it."""
    with runtime(sizes, claim_check_over=OVER) as rt:
        runs = [rt.start(sizes, size=2000) for _ in range(3)]
        keys = {run.result() and results(run)[0]["sha256"] for run in runs}

    assert len(keys) == 1


def test_inputs_signals_records_and_yielded_values_may_be_large() -> None:
    """Whatever is recorded of a user's value."""

    @af.activity
    def work(ctx: af.ActivityContext, text: str, note: str) -> int:
        ctx.emit(text)
        return len(ctx.record("kept", lambda: text + note))

    flow = (
        af.Flow("f", inputs=["text"])
        .wait_signal("note", into="note")
        .then(work)
        .output("work")
        .build()
    )
    with runtime(flow, claim_check_over=OVER) as rt:
        run = rt.start(flow, text=LARGE)
        run.signal("note", LARGE)
        assert run.result() == 4000
        assert list(run.emitted()) == [LARGE]
        assert not [r for r in run.history() if LARGE in str(r.event)]


def test_a_dynamic_node_passes_it_on() -> None:
    """What it calls, is given, and returns is recorded as references."""

    @af.dynamic
    async def node(ctx: af.Context, size: int) -> Any:
        made = await ctx.run(make, size)
        sizes = await ctx.map(measure, [made, made])
        await ctx.wait_signal("go")
        return {**made, "sizes": sizes}

    flow = af.Flow("f", inputs=["size"]).then(node).output("node").build()
    log = MemoryLog()
    with runtime(flow, log=log, claim_check_over=OVER) as rt:
        run = rt.start(flow, size=2000, execution_id="x")
        run.wait()
        assert not [r for r in run.history() if LARGE in str(r.event)]
    with runtime(flow, log=MemoryLog(store=log.store), claim_check_over=OVER) as rt:
        rt.signal("x", "go")
        assert rt.get("x").result() == {**make(2000), "sizes": [2000, 2000]}


def test_a_path_may_lead_into_it() -> None:
    """Outputs, templates and items find what is inside."""
    flow = (
        af.Flow("f")
        .then(make, input={"size": 2000}, into="made")
        .map("all", af.activity(name="echo")(lambda item: item), over="made.items")
        .then(af.activity(name="twice")(lambda n: n * 2), input={"n": "${made.number}"})
    )
    with runtime(flow, claim_check_over=OVER) as rt:
        made = rt.start(flow.build()).result()

    assert made["all"] == ["a" * 2000, "b", None]
    assert made["twice"] == 14


def test_an_output_may_be_a_part_of_it() -> None:
    """Which part is part of the reference."""
    step = af.Step("make", activity=make, parameters={"size": 2000}, store="made")
    outputs = [
        af.Output("n", variable="made.number"),
        af.Output("text", variable="made.text"),
    ]
    workflow = af.Workflow("w", steps=[step], outputs=outputs)
    with runtime(workflow, claim_check_over=OVER) as rt:
        assert rt.start(workflow).result() == {"n": 7, "text": LARGE}


def test_a_part_that_is_not_there_is_named() -> None:
    """When it is looked at."""
    step = af.Step("make", activity=make, parameters={"size": 2000}, store="made")
    outputs = [af.Output("n", variable="made.nothing")]
    workflow = af.Workflow("w", steps=[step], outputs=outputs)
    with (
        runtime(workflow, claim_check_over=OVER) as rt,
        pytest.raises(af.UnreadableError, match="'nothing' is missing"),
    ):
        rt.start(workflow).result()


def test_any_process_finds_it_beside_the_log(tmp_path: Path) -> None:
    """Without being told where it is, or that there is anything."""
    log = tmp_path / "orders.db"
    with af.Runtime(log, [sizes], claim_check_over=OVER) as rt:
        rt.start(sizes, size=2000, execution_id="x").result(WAIT)
    assert (tmp_path / "orders.db-blobs").is_dir()

    with af.Runtime(log, [sizes]) as rt:
        assert rt.get("x").result()["made"] == make(2000)


def test_a_backup_has_them_too(tmp_path: Path) -> None:
    """Wherever they are kept, beside the copy of the log."""
    large = tmp_path / "elsewhere"
    with af.Runtime(
        tmp_path / "log.db", [sizes], blobs=large, claim_check_over=OVER
    ) as rt:
        rt.start(sizes, size=2000, execution_id="x").result(WAIT)
        assert isinstance(rt.log, SQLiteLog)
        rt.log.backup(tmp_path / "copy.db")
    break_blobs(large, None)

    with af.Runtime(tmp_path / "copy.db", [sizes]) as rt:
        assert rt.get("x").result()["made"] == make(2000)


def test_it_may_be_kept_elsewhere(tmp_path: Path) -> None:
    """A path is a directory."""
    large = make(200_000)
    with af.Runtime(tmp_path / "log.db", [sizes], blobs=tmp_path / "large") as rt:
        assert rt.start(sizes, size=200_000).result(WAIT)["made"] == large

    assert len(list((tmp_path / "large").glob("*/*"))) == 1


def break_blobs(directory: Path, content: bytes | None) -> None:
    """Damage, or remove, every blob."""
    for file in directory.glob("*/*"):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "is not in"),
        (b'{"text":"forged"}', "SHA-256"),
        (b"", "SHA-256"),
        (b'{"$enc":"keys","v":""}', "is damaged"),
    ],
    ids=["missing", "forged", "empty", "sealed"],
)
def test_a_missing_or_damaged_value_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    """Never another value."""
    log = tmp_path / "log.db"
    with af.Runtime(log, [sizes], claim_check_over=OVER) as rt:
        rt.start(sizes, size=2000, execution_id="x").result(WAIT)
        key = results(rt.get("x"))[0]["sha256"]
    break_blobs(tmp_path / "log.db-blobs", content)
    with af.Runtime(log, [sizes]) as rt, pytest.raises(af.UnreadableError) as caught:
        rt.get("x").result()

    assert key in str(caught.value)
    assert told in str(caught.value)
    assert "made" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"{}"], ids=["missing", "damaged"])
def test_a_diagnosis_tells_of_values_that_cannot_be_had(
    tmp_path: Path, content: bytes | None
) -> None:
    """Once each, with the event that refers to it."""
    log = tmp_path / "log.db"
    with af.Runtime(log, [sizes], claim_check_over=OVER) as rt:
        rt.start(sizes, size=2000, execution_id="x").result(WAIT)
    with af.Runtime(log, [sizes]) as rt:
        assert isinstance(rt.log, SQLiteLog)
        assert list(rt.log.diagnose()) == []
        break_blobs(tmp_path / "log.db-blobs", content)
        (finding,) = rt.log.diagnose()

    assert (finding.severity, finding.stream) == ("error", "x")
    assert finding.message.startswith("blob ")


@pytest.mark.parametrize(
    "key", ["../../secret", "/etc/hostname", None, 7, ["a"], "0" * 63 + "/"]
)
def test_no_reference_leads_out_of_the_store(tmp_path: Path, key: Any) -> None:
    """A log may have been written by anybody."""
    (tmp_path / "secret").write_text('"told"')
    log = SQLiteLog(tmp_path / "log.db")
    with pytest.raises(af.UnreadableError, match="is not the name of a blob"):
        log.codec.from_data({"$": "blob", "sha256": key, "size": 1})
    log.close()


def test_what_looks_like_a_reference_is_a_value() -> None:
    """A user's mapping comes back as it is."""
    forged = {"$": "blob", "sha256": "0" * 64, "size": 5000}
    flow = af.Flow("f", inputs=["value"]).then(echo).output("echo").build()
    with runtime(flow) as rt:
        assert rt.start(flow, value=forged).result() == forged


def test_if_the_store_refuses_the_log_takes_it() -> None:
    """The work was done; it is not done again because a disk is full."""
    blobs = CountingBlobs()
    blobs.refuses = True
    with runtime(sizes, blobs=blobs, claim_check_over=OVER) as rt:
        run = rt.start(sizes, size=2000)
        assert run.result()["measure"] == 2000
        assert not any(is_reference(result) for result in results(run))


class Keys:
    """A payload codec that turns things round."""

    name = "keys"

    def encode(self, payload: bytes) -> bytes:
        """Turn it round."""
        return payload[::-1]

    def decode(self, stored: bytes) -> bytes:
        """Turn it back."""
        return stored[::-1]


def test_what_the_log_encrypts_is_encrypted_there_too(tmp_path: Path) -> None:
    """A payload codec is about every payload, wherever it lies."""
    blobs: BlobStore = FileBlobs(tmp_path / "large")
    codec = af.Codec(payload=Keys())
    with af.Runtime(
        tmp_path / "log.db", [sizes], blobs=blobs, claim_check_over=OVER, codec=codec
    ) as rt:
        assert rt.start(sizes, size=2000).result(WAIT)["made"] == make(2000)

    (file,) = (tmp_path / "large").glob("*/*")
    assert b"xxxx" not in file.read_bytes()


def test_sweeping_keeps_what_an_execution_refers_to() -> None:
    """And deletes the rest, when it is old enough."""
    blobs = MemoryBlobs()
    with runtime(sizes, blobs=blobs, claim_check_over=OVER) as rt:
        run = rt.start(sizes, size=2000)
        run.result()
        blobs.put("0" * 64, b"of an execution that was pruned")

        assert rt.sweep_blobs(older_than=-1e10) == 1
        assert rt.sweep_blobs(older_than=-1e10) == 0
        assert run.result()["made"] == make(2000)


def test_sweeping_keeps_what_is_still_on_its_way() -> None:
    """A signal in the inbox refers to it as well; what was put lately may do so."""
    blobs = MemoryBlobs()
    with runtime(sizes, blobs=blobs, claim_check_over=OVER) as rt:
        blobs.put("0" * 64, b"its event comes in a moment")

        assert rt.sweep_blobs() == 0


def test_pruning_takes_along_what_only_the_pruned_referred_to() -> None:
    """What others refer to as well stays."""
    with runtime(sizes, claim_check_over=OVER) as rt:
        runs = [rt.start(sizes, size=size) for size in (2000, 2000, 3000)]
        for run in runs:
            run.result()
        rt.clock.advance(86_400)
        kept = rt.start(sizes, size=2000)
        kept.result()
        assert rt.codec.blobs is not None
        shared, own = (results(run)[0]["sha256"] for run in runs[1:])
        rt.clock.advance(7200)

        assert rt.prune(older_than=43_200) == 3
        assert kept.result()["made"] == make(2000)
        assert rt.codec.blobs.get(shared)
        with pytest.raises(af.BlobMissingError):
            rt.codec.blobs.get(own)


def test_every_crash_leads_to_the_same_end() -> None:
    """A value is durable before the event that refers to it."""
    Simulation(
        sizes, inputs={"size": 2000}, settings={"claim_check_over": OVER}
    ).crash_everywhere()


@pytest.mark.parametrize("over", [0, -1, 255])
def test_what_is_no_longer_than_a_reference_is_not_large(over: int) -> None:
    """A setting that makes no sense is refused."""
    with pytest.raises(af.SettingError, match="claim_check_over"):
        af.Runtime(":memory:", claim_check_over=over)
