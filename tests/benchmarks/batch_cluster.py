"""Part of `make bench-batch`: a folder by Ray on two nodes of this machine, against the local engine on as many cores.

Both run as commands of their own; a rate is of the pictures that a run of all answers more than one of a few, divided
by the seconds that it takes more: starting Ray, and loading the network once for each actor, are paid once a cluster.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyarrow import parquet

from tests.benchmarks.serving_material import link_pictures

#: Pictures of the short run, which warms nothing but pays for all that is paid once.
FEW = 200
CORES = 2


def time_command(bundle: Path, folder: Path, table: Path, *options: str) -> float:
    """Seconds of a whole `hwapung predict`."""
    command = [sys.executable, "-m", "hwapung", "predict", str(folder), "--to", str(table), "--bundle", str(bundle)]
    started = time.perf_counter()
    subprocess.run([*command, *options], check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "2"})
    return time.perf_counter() - started


def measure_cluster(bundle: Path, pictures: int, rounds: int) -> dict[str, float]:
    """Seconds for each further picture, by both; `cluster_over_local` is of one round. Raises `AssertionError` where
    rows differ."""
    from ray.cluster_utils import Cluster

    few, many = link_pictures(FEW), link_pictures(pictures)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(CORES):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    by = {"local_command": (), "cluster": ("--engine", "ray", "--address", cluster.address)}
    found: dict[str, list[float]] = {name: [] for name in by}
    try:
        for _ in range(rounds):
            tables = []
            for name, options in by.items():
                with tempfile.TemporaryDirectory() as place:
                    short = time_command(bundle, few, Path(place) / "few.parquet", *options)
                    whole = time_command(bundle, many, table := Path(place) / "many.parquet", *options)
                    tables.append(parquet.read_table(table))
                found[name].append((whole - short) / (pictures - FEW))
            assert tables[0].equals(tables[1]), "Ray's rows differ from the local engine's"
    finally:
        cluster.shutdown()
    pairs = zip(found["cluster"], found["local_command"], strict=True)
    figures = {f"{name}_rate": 1 / statistics.median(each) for name, each in found.items()}
    return figures | {"cluster_over_local": statistics.median(a / b for a, b in pairs)}
