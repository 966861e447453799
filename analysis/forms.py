"""`hwapung compare precisions BUNDLE… --data FOLDER`: which form of which network to serve, in one table.

Every bundle in torch, and in OpenVINO with 32-bit floats, with bfloat16 where the processor has it, and with 8-bit
integers, on the same test images:
accuracy with its interval, agreement with the first row, size, latency of one image and throughput.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table as Printed

from model_training.datasets.reopen import Opened, open_bundle
from model_training.evaluation.predict import predict_logits
from model_training.packaging.served_form import export_form
from model_training.packaging.sight import choose_sight, recall_untouched
from model_training.progress import follow, print_whole
from model_training.recipe import Precision
from model_training.runtime.errors import DatasetError
from model_training.runtime.execution import Execution, OpenVINOExecution, TorchExecution, can_run
from model_training.runtime.files import replacing
from model_training.runtime.forms import able_forms
from model_training.runtime.network import load_network
from model_training.translation import plain

from .compare import compare
from .document import Cell, Table
from .metrics import Score, grouped_share
from .translation import _
from .writer import to_csv

BATCH = 16
FORMS = ("torch", "float32", "bf16", "int8")


@dataclass(frozen=True)
class Row:
    """`agreement`: share of test images that get the first row's class; `size`: bytes of its files; `latency`:
    seconds, the median of single images; `throughput`: images a second in batches of 16; `verdict`: whether it is
    better or worse than the first row, or that these images can't tell."""

    bundle: str
    form: str
    accuracy: Score
    agreement: float
    size: int
    latency: float
    throughput: float
    verdict: str


def compare_forms(bundles: list[Path], data: Path, build: Path, seconds: float = 3.0) -> list[Row]:
    """Every form of every bundle. `seconds`: how long each throughput is measured.

    Raises what `open_bundle` raises, and `DatasetError` where two bundles were not tested on the same images.
    """
    rows: list[Row] = []
    first: np.ndarray | None = None
    opened = [open_bundle(bundle, data, build / "cache") for bundle in bundles]
    for each in opened:
        if each.card.data.fingerprint != opened[0].card.data.fingerprint:
            raise DatasetError(
                f"{each.folder} and {bundles[0]} were not tested on the same pictures.",
                "Train both on one folder with one data.split.seed.",
            )
    for each in opened:
        pixels, test = each.prepared.pixels, each.prepared.rows["test"]
        targets = each.prepared.targets[test]
        for form, execution, size in _load_forms(each):
            with follow(f"{each.folder.name}, {form}"):
                said = predict_logits(execution, pixels, test).argmax(1)
                if first is None:
                    first = said
                found = compare(said == targets, first == targets, np.arange(len(test)))
                latency, throughput = measure_speed(execution, pixels[test[:BATCH]], seconds)
            accuracy = grouped_share(said == targets, np.arange(len(test)))
            agreement = float((said == first).mean())
            rows.append(Row(str(each.folder), form, accuracy, agreement, size, latency, throughput, found.verdict))
    return rows


def _load_forms(opened: Opened) -> Iterator[tuple[str, Execution, int]]:
    """Name, execution and bytes of each form: the one that the bundle has, and the others made for the occasion, as
    packing makes them."""
    network = load_network(opened.card, opened.folder)
    sight = choose_sight(network, opened.card.preprocessing, recall_untouched(opened.card))
    made = {each.precision: each for each in able_forms(opened.card)}
    with tempfile.TemporaryDirectory(prefix="forms-") as folder:
        for form in FORMS:
            model = Path(folder) / f"{form}.xml"
            if form == "torch":
                execution: Execution = TorchExecution(network, "cpu")
                model = opened.folder / "weights.safetensors"
            elif form in made:
                model = opened.folder / made[form].file
                execution = OpenVINOExecution(model, made[form].precision)
            elif form == "bf16":
                if not can_run("bf16"):
                    continue
                export_form(model, "float32", opened.prepared, network, sight)
                execution = OpenVINOExecution(model, "bf16")
            else:
                precision: Precision = "int8" if form == "int8" else "float32"
                execution = export_form(model, precision, opened.prepared, network, sight)
            files = (model, model.with_suffix(".bin"))
            yield form, execution, sum(each.stat().st_size for each in files if each.exists())


def measure_speed(
    execution: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, seconds: float
) -> tuple[float, float]:
    """`pixels`: uint8 (N, height, width, 3). Returns the median seconds of one image, and images a second of whole
    batches, the median over batches; both after a warm-up."""
    one = np.ascontiguousarray(pixels[:1])
    pixels = np.ascontiguousarray(pixels)
    execution(one)
    execution(pixels)
    latency = float(np.median(_times(lambda: execution(one), seconds / 2)))
    return latency, len(pixels) / float(np.median(_times(lambda: execution(pixels), seconds)))


def _times(call: Callable[[], object], seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return times


def as_table(rows: list[Row]) -> Table:
    header = (
        _("bundle"),
        _("form"),
        _("accuracy"),
        _("against the first"),
        _("agreement"),
        plain("MB"),
        _("ms a picture"),
        _("pictures a second"),
    )
    cells = [
        (
            each.bundle,
            each.form,
            each.accuracy,
            each.verdict,
            each.agreement,
            each.size / 1e6,
            each.latency * 1000,
            each.throughput,
        )
        for each in rows
    ]
    return Table("forms", _("Forms"), header, cells)


def _print(table: Table) -> None:
    printed = Printed()
    for name, cell in zip(table.header, table.rows[0], strict=True):
        printed.add_column(name.en, justify="left" if isinstance(cell, str) else "right")
    for row in table.rows:
        printed.add_row(*map(_show, row))
    print_whole(printed)


def _show(cell: Cell) -> str:
    if isinstance(cell, Score):
        return f"{cell.value:.3f} ({cell.low:.3f}–{cell.high:.3f})"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def measure(bundles: list[Path], data: Path, build: Path, seconds: float) -> None:
    """Print `compare_forms` as a table and write it to `build`/forms.csv."""
    table = as_table(compare_forms(bundles, data, build, seconds))
    _print(table)
    with replacing(build / "forms.csv") as temporary:
        temporary.write_text(to_csv(table), "utf-8-sig")
