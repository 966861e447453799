"""`hwapung predict --engine ray` on two nodes: the rows of the local engine, whatever goes meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs, parquet

from tests.alike import are_alike
from tests.conftest import ROOT

Rows = list[dict[str, Any]]


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hwapung", "predict", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def predict(*arguments: object) -> tuple[int, str, str]:
    process = start(*arguments)
    out, said = process.communicate(timeout=240)
    return process.returncode, out, said


def read(place: Path) -> Rows:
    rows: Rows = parquet.read_table(place).to_pylist()
    return rows


def wait_for_shards(table: Path, count: int, process: subprocess.Popen[str]) -> None:
    while len(list(table.glob("part-*"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.fixture(scope="module")
def wanted(pictures: Path, tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What the local engine writes."""
    table = tmp_path_factory.mktemp("local") / "a.parquet"
    status, _, said = predict(pictures, "--to", table, "--bundle", tiny_bundle)
    assert status == 1, said  # some pictures are broken
    return read(table)


def test_a_node_that_goes_takes_no_row_and_doubles_none(
    cluster: Any, pictures: Path, tiny_bundle: Path, tmp_path: Path, wanted: Rows
) -> None:
    table = tmp_path / "a.parquet"
    process = start(
        pictures, "--to", table, "--bundle", tiny_bundle, "--engine", "ray", "--address", cluster.address, "--json"
    )
    wait_for_shards(table, 2, process)
    cluster.remove_node(cluster.nodes[0], allow_graceful=False)
    done = len(list(table.glob("part-*")))
    out, said = process.communicate(timeout=240)
    cluster.nodes[0] = cluster.add_node(num_cpus=1)
    assert (process.returncode, done < 13) == (1, True), said
    assert are_alike(read(table), wanted)
    told = json.loads(out)
    assert (told["pictures"], told["failed"][0]["count"], told["resumed"]) == (400, 8, 0)
    assert {path.name[:5] for path in table.iterdir()} == {"part-"}


def test_a_killed_run_goes_on_from_its_shards(
    cluster: Any, pictures: Path, tiny_bundle: Path, tmp_path: Path, wanted: Rows
) -> None:
    table = tmp_path / "a.parquet"
    asked = (pictures, "--to", table, "--bundle", tiny_bundle, "--engine", "ray", "--address", cluster.address)
    process = start(*asked)
    wait_for_shards(table, 2, process)
    process.send_signal(signal.SIGSTOP)
    second = predict(*asked)
    assert (second[0], f"error: {table}: another process is writing this table." in second[2]) == (2, True), second
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (table / "_begun.json").exists()
    other = predict(pictures.parent, *asked[1:])
    assert (other[0], "the rows so far are of other pictures" in other[2]) == (2, True), other
    status, out, said = predict(*asked, "--json")
    assert status == 1, said
    there = json.loads(out)["resumed"]
    assert 0 < there < 400
    assert are_alike(sorted(read(table), key=lambda row: row["path"]), wanted)
    again = predict(*asked)
    assert (again[0], f"{table} is there already." in again[2]) == (2, True), again


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of memory with room for some of the shards."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or mount("-t", "tmpfs", "-o", "size=64k", "none", disk):
        pytest.skip("needs the right to mount a disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def mount(*arguments: object) -> int:
    return subprocess.run(["mount", *map(str, arguments)], stderr=subprocess.DEVNULL).returncode


def test_a_full_disk_is_named_and_costs_nothing(
    cluster: Any, small_disk: Path, pictures: Path, tiny_bundle: Path, wanted: Rows
) -> None:
    table = small_disk / "a.parquet"
    asked = (
        pictures,
        "--to",
        table,
        "--bundle",
        tiny_bundle,
        "--engine",
        "ray",
        "--address",
        cluster.address,
        "--json",
    )
    status, _, said = predict(*asked)
    assert status == 1, said
    assert [line for line in said.splitlines() if line.startswith(("error", "Traceback"))] == [
        f"error: {table}: there is no room left on the disk. Make room. Run the same command to go on from there."
    ], said
    there = {path.name: path.read_bytes() for path in table.glob("*part*")}
    assert there
    assert all(name.startswith("part-") for name in there), "half a shard takes the room"
    assert mount("-o", "remount,size=8m", small_disk) == 0
    status, out, said = predict(*asked)
    assert status == 1, said  # some pictures are broken
    assert 0 < json.loads(out)["resumed"] < 400
    assert {name: (table / name).read_bytes() for name in there} == there
    assert sorted(read(table), key=lambda row: row["path"]) == wanted


def test_buckets_in_and_out(
    cluster: Any, service: str, pictures: Path, tiny_bundle: Path, wanted: Rows, tmp_path: Path
) -> None:
    files = fs.S3FileSystem(endpoint_override=service)
    few = sorted(pictures.iterdir())[:40]
    for path in few:
        with files.open_output_stream(f"pictures/in/{path.name}") as stream:
            stream.write(path.read_bytes())
    named = ("s3://pictures/in", "--bundle", tiny_bundle)
    status, _, said = predict(
        *named, "--to", "s3://pictures/out/a.parquet", "--engine", "ray", "--address", cluster.address
    )
    assert status == 1, said
    found: Rows = parquet.read_table("pictures/out/a.parquet", filesystem=files).to_pylist()
    expected = [row | {"path": f"s3://pictures/in/{Path(row['path']).name}"} for row in wanted[:40]]
    assert are_alike(found, expected)
    assert predict(*named, "--to", tmp_path / "a.parquet")[0] == 1  # the local engine reads them, too
    assert are_alike(read(tmp_path / "a.parquet"), expected)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("s3://nowhere/in", "--to", "{tmp}/a.csv"), "error: s3://nowhere/in: can't be read (NO_SUCH_BUCKET"),
        (
            ("{pictures}", "--to", "s3://nowhere/a.parquet", "--engine", "ray"),
            "error: s3://nowhere/a.parquet: can't be written (",
        ),
        (
            ("s3://nowhere/in", "--to", "{tmp}/a.parquet", "--engine", "ray"),
            "error: s3://nowhere/in: can't be read (NO_SUCH_BUCKET",
        ),
        (
            ("{pictures}", "--to", "{tmp}/a.csv", "--engine", "ray"),
            "error: Ray writes a folder of Parquet files, and no {tmp}/a.csv.",
        ),
        (("{pictures}", "--to", "{tmp}/a.csv", "--address", "x:1"), "error: --address is of a Ray cluster."),
        (
            ("{pictures}", "--to", "{tmp}/a.parquet", "--engine", "ray", "--address", "127.0.0.1:1"),
            "error: No Ray cluster answers at 127.0.0.1:1 (Connection refused).",
        ),
    ],
)
def test_bad_input_gets_one_line(
    service: str, pictures: Path, tiny_bundle: Path, tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    said = predict(*(each.format(pictures=pictures, tmp=tmp_path) for each in arguments), "--bundle", tiny_bundle)
    lines = [each for each in said[2].splitlines() if each.startswith("error")]
    line = line.format(tmp=tmp_path)
    assert (len(lines), lines[0][: len(line)]) == (1, line), said
    assert said[0] in (1, 2)
    assert not list(tmp_path.iterdir())


def test_a_bucket_without_rights_gets_one_line(service: str, tiny_bundle: Path, tmp_path: Path) -> None:
    import requests

    requests.post(f"{service}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        status, _, said = predict("s3://pictures/in", "--to", tmp_path / "a.csv", "--bundle", tiny_bundle)
    finally:
        requests.post(f"{service}/moto-api/reset-auth", data=b"inf", timeout=10)
    assert (status, said.count("\n")) == (2, 1), said
    assert said.startswith("error: s3://pictures/in: can't be read (ACCESS_DENIED during "), said


def test_what_listens_elsewhere_is_no_cluster(pictures: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        process = start(
            pictures, "--to", tmp_path / "a.parquet", "--bundle", tiny_bundle, "--engine", "ray", "--address", address
        )
        with listening.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            _, said = process.communicate(timeout=240)
    assert (process.returncode, said.splitlines()[-1]) == (
        1,
        f"error: No Ray cluster answers at {address} (something else listens there). Give --address HOST:PORT of its "
        "head, or leave it out for this machine's cores.",
    )
