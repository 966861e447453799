"""`make bench-batch`: what a table of many pictures costs beside the answers themselves.

Rates are of ResNet-18 in int8 at 224×224 on JPEGs of 800 pixels: a folder by `hwapung predict --to`, against the same
bytes from memory in this process; and the folder by `--server`, against what a load of as many connections gets of the
same TorchServe; and through the front end's API, where a visitor asks about single pictures beside the batch
(`batch_visitors`). All in turn, in rounds; a ratio is of one round. Ray on two nodes of this machine is measured
against the local engine on as many cores (`batch_cluster`). Memory is that of a process of its own with a simulated
network, whose table has a thousand rows and then a million (`batch_rows`). Writes `build/bench/batch.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hwapung.batch.engines import Engine, LocalEngine, ServerEngine
from hwapung.batch.run import Extras, predict_many
from hwapung.batch.sources import open_source
from hwapung.batch.tables import open_table
from hwapung.client import Client
from hwapung.local import front_end
from tests.benchmarks.batch_cluster import measure_cluster
from tests.benchmarks.batch_visitors import measure_rate, measure_visitors
from tests.benchmarks.results import MADE_HERE, Entry, Table, publish
from tests.benchmarks.serving_material import link_pictures, make_images, make_served_bundle
from tests.benchmarks.serving_servers import ask_in_process, load, serving

#: Links to the same few files: what differs is the name.
PICTURES = 480
CONNECTIONS = 16
#: What is written → how many rows of it at most, and how `batch_rows` is asked for it.
LEAST_ROWS = 1_000
WRITTEN = {
    "csv": (1_000_000, ["a.csv"]),
    "json": (1_000_000, ["a.json"]),
    "parquet": (1_000_000, ["a.parquet"]),
    "links": (100_000, ["a.csv", "sorted"]),
}
TARGETS = {
    "local_over_in_process": (">=", 0.95),
    "server_over_torchserve": (">=", 0.85),
    "cluster_over_local": ("<=", 1.25),
    "api_over_torchserve": (">=", 0.85),
    "visitor_over_alone": ("<=", 1.2),
    "memory_growth": ("<=", 1.2),
}
ENTRY = Entry(
    section="Serving",
    title="Many pictures at once",
    command="make bench-batch",
    data=MADE_HERE,
    tables=(
        Table(
            ("", "pictures a second", "of what is possible"),
            (
                ("`hwapung predict FOLDER --to`", "{local:.1f}", "{local_over_in_process:.0%}"),
                ("the same bytes from memory, in process", "{in_process:.1f}", ""),
                ("`--server`", "{server:.1f}", "{server_over_torchserve:.0%}"),
                ("`POST …/batch` of the front end", "{api:.1f}", "{api_over_torchserve:.0%}"),
                ("TorchServe under a load of 16 connections", "{torchserve:.1f}", ""),
            ),
        ),
        Table(
            ("", "pictures a second", "of the local engine's time"),
            (
                ("`hwapung predict FOLDER --to` on two cores", "{local_command_rate:.1f}", ""),
                ("`--engine ray` on two nodes of a core each", "{cluster_rate:.1f}", "{cluster_over_local:.0%}"),
            ),
            "{cluster_pictures:,.0f} pictures as whole commands, without what a run of a few takes",
        ),
    ),
    notes=(
        "A visitor who asks about a picture now and then has the answer in {visitor_ms:.0f} ms beside a batch, in "
        "{visitor_alone_ms:.0f} ms without one. Who comes while nobody was there for 2 s finds the model at work, and "
        "waits {first_question_ms:.0f} ms once.",
        "With a simulated network a process takes at most, for a thousand rows and for a million, as csv "
        "{memory_csv_few:.0f} and {memory_csv:.0f} MB ({rate_csv:,.0f} rows a second), as json "
        "{memory_json_few:.0f} and {memory_json:.0f} MB ({rate_json:,.0f}), as Parquet {memory_parquet_few:.0f} and "
        "{memory_parquet:.0f} MB ({rate_parquet:,.0f}); with links, {memory_links_few:.0f} MB for a "
        "thousand and {memory_links:.0f} MB for a hundred thousand ({rate_links:,.0f}).",
    ),
)


def rate(engine: Engine, folder: Path) -> float:
    """Rows a second of a whole run, from the walk to the table."""
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        found = predict_many(engine, open_source([folder]), open_table(Path(place) / "a.csv"), Extras())
        return found.rows / (time.perf_counter() - started)


def measure_rates(bundle: Path, rounds: int) -> dict[str, float]:
    images = make_images()["web"]
    folder = link_pictures(PICTURES)
    engine = LocalEngine(bundle, "cpu", None)
    found: dict[str, list[float]] = {name: [] for name in ("in_process", "local", "torchserve", "server", "api")}
    many = images * 2  # as many as the engine takes at a time
    for number in range(rounds + 1):
        one = ask_in_process(engine.model, many, 3).rate, rate(engine, folder)
        if number:  # the first is a warm-up
            found["in_process"].append(one[0])
            found["local"].append(one[1])
    with serving([bundle]) as server, front_end(server.inference_url, ["landscape"], 0) as site:
        url = f"{server.inference_url}/predictions/landscape"
        asked = ServerEngine(Client(url, connections=CONNECTIONS))
        for number in range(rounds + 1):
            rates = load(url, CONNECTIONS, 3, "raw", images).rate, rate(asked, folder), measure_rate(site, images)
            if number:
                for name, each in zip(("torchserve", "server", "api"), rates, strict=True):
                    found[name].append(each)
        visitors = measure_visitors(site, images)
    figures = {name: statistics.median(each) for name, each in found.items()}
    for part, whole in (("local", "in_process"), ("server", "torchserve"), ("api", "torchserve")):
        pairs = zip(found[part], found[whole], strict=True)
        figures[f"{part}_over_{whole}"] = statistics.median(a / b for a, b in pairs)
    return figures | visitors


def measure_memory() -> dict[str, float]:
    figures: dict[str, float] = {}
    growth = []
    for name, (most, arguments) in WRITTEN.items():
        found = []
        for rows in (LEAST_ROWS, most):
            command = [sys.executable, "-m", "tests.benchmarks.batch_rows", str(rows), *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
        growth.append(found[1]["memory"] / found[0]["memory"])
        figures |= {f"memory_{name}_few": found[0]["memory"], f"memory_{name}": found[1]["memory"]}
        figures |= {f"rate_{name}": found[1]["rate"]}
    return figures | {"memory_growth": max(growth)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cluster-pictures", type=int, default=10_000, help="fewer than 2,000 tell nothing")
    parser.add_argument("--cluster-rounds", type=int, default=1)
    arguments = parser.parse_args()
    bundle = make_served_bundle()
    figures = measure_memory() | measure_rates(bundle, arguments.rounds)
    figures |= measure_cluster(bundle, arguments.cluster_pictures, arguments.cluster_rounds)
    figures["cluster_pictures"] = arguments.cluster_pictures
    for name, value in figures.items():
        print(f"{name:<32}{value:>12.3f}", flush=True)
    setup = f"{PICTURES} pictures, medians of {arguments.rounds} rounds"
    publish("batch", ENTRY, figures, TARGETS, setup)


if __name__ == "__main__":
    main()
