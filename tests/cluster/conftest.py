"""Two nodes of Ray on this machine, each with a core, and a bundle that both answer by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

#: Broken pictures among the others.
BROKEN = 7


@pytest.fixture(scope="session", autouse=True)
def _has_ray() -> None:
    pytest.importorskip("ray.data", reason="needs hwapung[ray]")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that speaks S3, with a bucket `pictures`; this process and its children ask it."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    patch = pytest.MonkeyPatch()
    known = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in known.items() | {("AWS_REGION", "us-east-1"), ("AWS_EC2_METADATA_DISABLED", "true")}:
        patch.setenv(name, value)
    from pyarrow import fs

    fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True).create_dir("pictures")
    yield address
    patch.undo()
    server.stop()


@pytest.fixture(scope="module")
def cluster(service: str) -> Iterator[Any]:
    """A head without cores, for whoever drives it, and two nodes with one each; `nodes` are these."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture(scope="session")
def pictures(procedural_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 of them, some broken."""
    folder = tmp_path_factory.mktemp("many") / "그림"
    folder.mkdir()
    drawn = sorted(procedural_folder.rglob("*.jpg")) + sorted(procedural_folder.rglob("*.png"))
    for number in range(400):
        path = folder / f"{number:03d}{drawn[0].suffix}"
        if number % 50 == BROKEN:
            path.write_bytes(b"broken")
        else:
            os.link(drawn[number % len(drawn)], path)
    return folder
