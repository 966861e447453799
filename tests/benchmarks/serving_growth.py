"""How TorchServe's rate, latency and memory grow: with connections, with classes, with a picture's size."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from tests.benchmarks.results import Table
from tests.benchmarks.serving_material import CLASSES, MEGAPIXELS, make_class_bundles
from tests.benchmarks.serving_servers import Asked, count_memory, load, serving

CONNECTIONS = (1, 4, 16, 64, 256)
Figures = dict[str, float]


def measure_growth(bundle: Path, images: dict[str, list[Path]], seconds: float, rounds: int) -> Figures:
    """TorchServe's queue takes as many requests as there are connections; by default it refuses what is beyond 128."""
    classes = make_class_bundles(bundle)
    figures: Figures = {}
    with serving([bundle, *classes.values()], job_queue_size=max(CONNECTIONS)) as server:
        base = f"{server.inference_url}/predictions"
        load(f"{base}/landscape", 16, 2, "raw", images["web"])
        for count in CONNECTIONS:
            found = load(f"{base}/landscape", count, seconds, "raw", images["web"])
            figures |= {f"connections_{count}": found.rate, f"connections_{count}_p50_ms": found.percentile(50)}
            figures[f"connections_{count}_mb"] = count_memory(server)
        found_of: dict[int, list[Asked]] = {count: [] for count in CLASSES}
        for _ in range(rounds):
            for count in CLASSES:
                found_of[count].append(load(f"{base}/classes_{count}", 1, seconds, "raw", images["web"][:1]))
        for count, several in found_of.items():
            figures[f"classes_{count}_p50_ms"] = statistics.median(each.percentile(50) for each in several)
        for size in MEGAPIXELS:
            found = load(f"{base}/landscape", 1, seconds, "raw", images[f"{size:g}"])
            figures |= {
                f"megapixels_{name(size)}_p50_ms": found.percentile(50),
                f"megapixels_{name(size)}_mb": count_memory(server),
            }
    first, last = CONNECTIONS[-2:]
    figures["ms_a_connection"] = slope(figures, "connections_{}_p50_ms", (first, last))
    figures["us_a_class"] = 1000 * slope(figures, "classes_{}_p50_ms", CLASSES)
    figures["ms_a_megapixel"] = slope(figures, "megapixels_{}_p50_ms", MEGAPIXELS)
    figures["mb_a_megapixel"] = slope(figures, "megapixels_{}_mb", MEGAPIXELS)
    return figures


def slope(figures: Figures, key: str, steps: tuple[float, ...]) -> float:
    """How much a figure grows with each unit of its steps: the line of least squares."""
    return float(np.polyfit(steps, [figures[key.format(name(step))] for step in steps], 1)[0])


def name(step: float) -> str:
    """In a figure's key, which a dot would end."""
    return f"{step:g}".replace(".", "_")


def make_tables() -> tuple[Table, ...]:
    def table(columns: tuple[str, ...], keys: tuple[str, ...], steps: tuple[float, ...], caption: str) -> Table:
        rows = tuple((f"{step:g}", *(f"{{{key.format(name(step))}:.1f}}" for key in keys)) for step in steps)
        return Table(columns, rows, caption)

    memory = "TorchServe and its workers, MB"
    return (
        table(
            ("connections", "predictions a second", "p50, ms", memory),
            ("connections_{}", "connections_{}_p50_ms", "connections_{}_mb"),
            CONNECTIONS,
            "TorchServe at more connections: {ms_a_connection:.1f} ms of waiting for each that is added",
        ),
        table(
            ("classes", "p50, ms"),
            ("classes_{}_p50_ms",),
            CLASSES,
            "With more classes, in float32 at one connection: {us_a_class:.1f} µs a class",
        ),
        table(
            ("megapixels", "p50, ms", memory),
            ("megapixels_{}_p50_ms", "megapixels_{}_mb"),
            MEGAPIXELS,
            "With larger pictures, at one connection: {ms_a_megapixel:.2f} ms and {mb_a_megapixel:.1f} MB a megapixel",
        ),
    )
