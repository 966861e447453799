"""`make bench-reliability`: what faults, crowds and time cost. Writes `build/bench/reliability.json`.

Each part's figures are kept in `build/bench/reliability/`, so that parts can be measured one by one (`--parts`); what
is published is of all of them, and names the commit of each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from model_training.runtime.files import write_text
from tests.benchmarks import reliability_faults as faults
from tests.benchmarks import reliability_memory as memory
from tests.benchmarks import reliability_serving as serving
from tests.benchmarks.request_memory import measure_request_memory
from tests.benchmarks.results import (
    FOLDER,
    MADE_HERE,
    Entry,
    Table,
    Targets,
    describe_commit,
    list_missed,
    publish,
)

TARGETS: Targets = {
    "mixed_requests": (">=", 100_000),
    "mixed_wrong": ("<=", 0),
    "mixed_lost": ("<=", 0),
    "mixed_untyped": ("<=", 0),
    "mixed_dead_workers": ("<=", 0),
    "faults_times": (">=", 20),
    "faults_lost": ("<=", 0),
    "faults_untyped": ("<=", 0),
    "faults_wrong": ("<=", 0),
    "faults_recovery_p95_s": ("<=", 15),
    "goodput_over_peak": (">=", 0.9),
    "overload_p99_over_full_batch": ("<=", 3),
    "overload_health_s": ("<=", 1),
    "other_client_p50_over_full_batch": ("<=", 2),
    "slow_connections": (">=", 500),
    "good_beside_slow": (">=", 0.9),
    "soak_minutes": (">=", 60),
    "soak_bad": ("<=", 0),
    "soak_growth_beyond_zero": ("<=", memory.NOISE_MIB_PER_HOUR),
    "largest_picture_mib": ("<=", 400),
    "largest_request_mib": ("<=", 400),
}

#: In the order in which they are measured: what takes longest comes last.
PARTS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "memory": lambda options: memory.measure_pictures(),
    "request_memory": lambda options: measure_request_memory(),
    "overload": lambda options: serving.measure_crowd(options.seconds),
    "slow": lambda options: serving.measure_slow(options.seconds),
    "mixed": lambda options: faults.measure_mixed(options.requests, options.seed),
    "faults": lambda options: faults.measure_faults(options.times, options.seed),
    "soak": lambda options: memory.measure_soak(options.minutes, options.seed),
}

ENTRY = Entry(
    section="Serving",
    title="Faults, crowds and time",
    command="make bench-reliability",
    data=MADE_HERE,
    tables=(
        Table(
            ("", ""),
            (
                ("requests: predict, explain, batch, video, and one in ten hostile", "{mixed_requests:,.0f}"),
                ("of these wrong, lost, without a typed answer",
                 "{mixed_wrong:.0f}, {mixed_lost:.0f}, {mixed_untyped:.0f}"),
                ("told to come again, or what is wrong with them", "{mixed_typed:,.0f}"),
                ("worker processes that died", "{mixed_dead_workers:.0f}"),
                ("faults of {faults_kinds:.0f} kinds, each so many times under 16 connections", "{faults_times:.0f}"),
                ("seconds until all was whole again, p50 / p95, of the slowest kind",
                 "{faults_recovery_p50_s:.1f} / {faults_recovery_p95_s:.1f}"),
                ("requests meanwhile; lost, untyped, wrong",
                 "{faults_requests:,.0f}; {faults_lost:.0f}, {faults_untyped:.0f}, {faults_wrong:.0f}"),
                ("connections in the hands of a front end's process that was killed", "{faults_excused:.0f}"),
                ("requests in {soak_minutes:.0f} minutes on four connections, with three processes killed; lost, "
                 "untyped or wrong; held by the front end's process that was killed",
                 "{soak_requests:,.0f}; {soak_bad:.0f}; {soak_excused:.0f}"),
                ("MiB an hour by which the process that grows most grows meanwhile; 95% interval",
                 "{soak_growth_mib_per_hour:.1f} ({soak_growth_low:.1f} to {soak_growth_high:.1f})"),
                ("the same in the second half of each process's life",
                 "{soak_late_growth_mib_per_hour:.1f} ({soak_late_growth_low:.1f} to {soak_late_growth_high:.1f})"),
                ("MiB that a model's worker holds in the first and last minute of its longest life",
                 "{soak_worker_first_mib:.0f}, {soak_worker_last_mib:.0f}"),
            ),
            "a network of 32×32 pixels, so that what is around it has most to do",
        ),
        Table(
            ("", ""),
            (
                ("answers a second at 16 connections", "{peak:.1f}"),
                ("answers a second where five times as many are asked for", "{goodput:.1f}"),
                ("of these, seconds until the answer, p50 / p99", "{overload_p50_s:.2f} / {overload_p99_s:.2f}"),
                ("at 16 connections, p50", "{full_batch_p50_s:.2f}"),
                ("refused, and after how many seconds (p99)", "{refused_share:.0%}, {refused_p99_s:.2f}"),
                ("slowest answer of /healthz meanwhile, s", "{overload_health_s:.2f}"),
                ("p50 of one visitor beside one with 32 connections, s", "{other_client_p50_s:.2f}"),
                ("rate of 16 visitors beside {slow_connections:.0f} slow connections, of that without",
                 "{good_beside_slow:.0%}"),
                ("memory that the worst picture of any format takes to decode, MiB", "{largest_picture_mib:.0f}"),
                ("memory that all who serve take for the worst request, MiB", "{largest_request_mib:.0f}"),
            ),
            "ResNet-18 at 224×224 in int8, JPEGs of 800 pixels, through the front end",
        ),
    ),
    notes=(
        "A connection that a killed process of the front end holds breaks: nothing else holds it. Who connects while "
        "none is there waits for the next one.",
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement of overload and slow")
    parser.add_argument("--requests", type=int, default=100_000, help="of mixed")
    parser.add_argument("--times", type=int, default=20, help="each of the faults")
    parser.add_argument("--minutes", type=float, default=60, help="of soak")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name, measure in PARTS.items():
        if name in options.parts:
            keep(name, measure(options))
    publish_kept()


def keep(part: str, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name:<44}{value:>12.3f}", flush=True)
    if missed := list_missed(figures, TARGETS):
        print("missed: " + "; ".join(missed), flush=True)
    content = {"commit": describe_commit(), "figures": figures}
    write_text(FOLDER / "reliability" / f"{part}.json", json.dumps(content, indent=2) + "\n")


def publish_kept() -> None:
    """All parts together, where all were measured without changes in hand; else say which were not. Those that were
    measured at another commit are named with it."""
    paths = {part: FOLDER / "reliability" / f"{part}.json" for part in PARTS}
    kept: dict[str, Any] = {part: json.loads(path.read_text()) for part, path in paths.items() if path.exists()}
    missing = [part for part in PARTS if part not in kept or kept[part]["commit"].endswith("+")]
    if missing:
        print(f"not published: not measured, or not at a commit: {', '.join(missing)}")
        return
    figures = {name: value for each in kept.values() for name, value in each["figures"].items()}
    earlier = [f"{part} at {each['commit']}" for part, each in kept.items() if each["commit"] != describe_commit()]
    setup = "; ".join(["all on one machine, the visitors, too", *earlier])
    publish("reliability", ENTRY, figures, TARGETS, setup)


if __name__ == "__main__":
    main()
