"""Starting, failing to start, and leaving nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from model_training.runtime.errors import ServingError
from tests.torchserve.conftest import SETTINGS
from tests.torchserve.tiny import draw_image, make_tiny_bundle
from tests.waiting import PATIENCE, wait_until
from torchserve import launch
from torchserve.archive import build_archive
from torchserve.process import ProcessGroup
from torchserve.server import TorchServe
from torchserve.store import list_models

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def family(pid: int) -> list[psutil.Process]:
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_the_end(processes: list[psutil.Process]) -> None:
    """Of all of them."""
    wait_until(lambda: all(map(has_ended, processes)))


def rewrite(archive: Path, name: str, content: bytes) -> None:
    """Replace one file of an archive."""
    with zipfile.ZipFile(archive) as old:
        kept = {each: old.read(each) for each in old.namelist() if each != name}
    with zipfile.ZipFile(archive, "w") as new:
        for each, data in (kept | {name: content}).items():
            new.writestr(each, data)


# --- whole lives -----------------------------------------------------------------------------------------------------
def test_several_models_are_served_and_stopping_lets_requests_finish(hangul_store: Path, tmp_path: Path) -> None:
    second_store = tmp_path / "second"
    build_archive(make_tiny_bundle(tmp_path / "other", name="other", version="2.1"), second_store)
    server = TorchServe([hangul_store, second_store], SETTINGS.model_copy(update={"max_batch_delay_ms": 1000}))
    with server, ThreadPoolExecutor(4) as pool:
        assert server._group is not None
        assert server._folder is not None
        for name in ("tiny", "other"):
            server.wait_until_ready(name)
        processes = family(server._group.pid)
        assert len(processes) >= 3  # Java and a worker for each model
        libraries = {Path(each.path).name for process in processes for each in process.memory_maps()}
        assert any(name.startswith("libopenvino") for name in libraries)
        assert not any(name.startswith("libtorch") for name in libraries)  # nobody has asked for a heatmap
        with pytest.raises(ServingError, match="no model 'third'"):
            server.wait_until_ready("third")
        before = received(server)
        # They wait a second for others to join their batch: they are under way while the server is told to stop.
        late = [
            pool.submit(
                requests.post, f"{server.inference_url}/predictions/{name}", data=draw_image(), timeout=PATIENCE
            )
            for name in ("tiny", "other", "tiny", "other")
        ]
        wait_until(lambda: received(server) == before + 4)
        server.stop()
        answers = [each.result() for each in late]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {(answer.json()["model"], answer.json()["version"]) for answer in answers} == {
        ("tiny", "1.0"),
        ("other", "2.1"),
    }
    wait_for_the_end(processes)
    assert not server._folder.exists()


def received(server: TorchServe) -> float:
    """Predictions that it was asked for."""
    told = requests.get(server.metrics_url, timeout=PATIENCE).text
    return sum(map(float, re.findall(r"^ts_inference_requests_total{.*} (\S+)$", told, re.MULTILINE)))


def test_a_model_that_cannot_load_is_named_with_its_reason(hangul_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(hangul_store, tmp_path / "store")
    rewrite(store / "tiny.mar", "weights.safetensors", b"not weights")
    with TorchServe(store, SETTINGS) as server, pytest.raises(ServingError) as raised:
        server.wait_until_ready("tiny")
    assert "The model 'tiny' can't be loaded" in str(raised.value)
    assert "the weights do not fit the card" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_bug_in_the_model_is_a_500_for_its_image_only_and_the_worker_lives(
    hangul_store: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(hangul_store, tmp_path / "store")
    source = (ROOT / "model_training" / "runtime" / "classifier.py").read_text("utf-8")
    marker = "        started = time.perf_counter()\n"
    assert source.count(marker) == 1
    fault = '        if b"BUG" in images:\n            raise KeyError("bug")\n'
    rewrite(store / "tiny.mar", "model_training/runtime/classifier.py", source.replace(marker, fault + marker).encode())
    with TorchServe(store, SETTINGS) as server, ThreadPoolExecutor(3) as pool:
        server.wait_until_ready("tiny")
        url = f"{server.inference_url}/predictions/tiny"
        bodies = [draw_image(1), b"BUG", b""]
        responses = list(pool.map(lambda body: requests.post(url, data=body, timeout=PATIENCE), bodies))
        worker = requests.get(f"{server.management_url}/models/tiny", timeout=PATIENCE).json()[0]["workers"][0]
        assert server._group is not None
        log = "\n".join(server._group.lines())
    assert [response.status_code for response in responses] == [200, 500, 400]
    assert responses[1].json()["error"]["code"] == "internal"
    assert responses[2].json()["error"]["code"] == "empty_body"
    assert worker["status"] == "READY"
    assert "KeyError: 'bug'" in log


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A temporary folder whose path is short enough for sockets, which pytest's are not always."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_command_leaves_no_process_and_no_folder_however_it_ends(
    hangul_store: Path, scratch: Path, number: signal.Signals
) -> None:
    environment = os.environ | {
        "HWAPUNG_SERVING_METRICS_PORT": "0", "HWAPUNG_SERVING_MANAGEMENT_PORT": "0", "TMPDIR": str(scratch),
    }  # fmt: skip
    command = [sys.executable, "-m", "torchserve", "serve", "--model-store", str(hangul_store), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = next((line for line in process.stdout if line.startswith("Ready: ")), None)
    assert ready is not None
    url = ready.split()[1]
    assert requests.post(url, data=draw_image(), timeout=PATIENCE).json()["model"] == "tiny"
    processes = family(process.pid)
    assert len(processes) >= 4  # the command, its watcher, Java, a worker
    process.send_signal(number)
    process.stdout.read()
    assert process.wait(PATIENCE) == {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGKILL: -9}[number]
    wait_for_the_end(processes)
    wait_until(lambda: not list(scratch.glob("hwapung-serving-*")))


def test_sockets_fit_into_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path has at most 107 bytes; the temporary folder's may well be longer than that alone."""
    for length, parent in [(60, "/" + 59 * "x"), (120, "/tmp")]:
        monkeypatch.setattr(tempfile, "tempdir", "/" + (length - 1) * "x")
        monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix, dir: f"{dir}/{prefix}abcdefgh")
        assert launch.make_folder() == Path(parent) / "hwapung-serving-abcdefgh"
    with socket.socket(socket.AF_UNIX) as listener, pytest.raises(OSError, match="AF_UNIX path too long"):
        listener.bind(str(tmp_path / (108 * "x")))


def test_a_temporary_folder_that_cannot_be_written_to(hangul_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such")
    assert fails(hangul_store) == (
        "No folder can be made in /no/such: No such file or directory. Set TMPDIR to a short, writable path."
    )


# --- failing to start ------------------------------------------------------------------------------------------------
def fails(store: Path, settings: object = SETTINGS) -> str:
    with pytest.raises(ServingError) as raised:
        TorchServe(store, settings).start()  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_an_empty_or_missing_store(tmp_path: Path) -> None:
    assert "there is no model archive" in fails(tmp_path)
    assert "there is no model archive" in fails(tmp_path / "nowhere")


def test_an_archive_whose_manifest_is_nested_too_deeply(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "tiny.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "[" * 100_000)
    assert "tiny.mar: not a model archive that can be read" in fails(tmp_path)


def test_an_archive_whose_manifest_is_badly_packed(tmp_path: Path) -> None:
    manifest = b'{"model": {"modelName": "tiny", "modelVersion": "1.0"}}'
    with zipfile.ZipFile(tmp_path / "tiny.mar", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MAR-INF/MANIFEST.json", manifest)
        packed = archive.infolist()[0].compress_size
    whole = (tmp_path / "tiny.mar").read_bytes()
    start = whole.index(b"MANIFEST.json") + len("MANIFEST.json")
    (tmp_path / "tiny.mar").write_bytes(whole[:start] + b"\xff" * packed + whole[start + packed :])
    said = fails(tmp_path)
    assert "tiny.mar: not a model archive that can be read (Error -3 while decompressing" in said


def test_a_damaged_archive(hangul_store: Path, tmp_path: Path) -> None:
    whole = (hangul_store / "tiny.mar").read_bytes()
    (tmp_path / "tiny.mar").write_bytes(whole[: len(whole) // 2])
    assert "tiny.mar: not a model archive that can be read" in fails(tmp_path)
    spoilt = bytearray(whole)
    place = whole.index(b"def decode")
    spoilt[place : place + 3] = b"xxx"
    (tmp_path / "tiny.mar").write_bytes(spoilt)
    assert "image.py is damaged" in fails(tmp_path)


def test_two_archives_of_one_model(hangul_store: Path, tmp_path: Path) -> None:
    shutil.copy(hangul_store / "tiny.mar", tmp_path / "tiny.mar")
    shutil.copy(hangul_store / "tiny.mar", tmp_path / "again.mar")
    assert "again.mar and tiny.mar both bring the model 'tiny'" in fails(tmp_path)


def test_of_two_stores_the_newer_archive_of_a_model_is_served(hangul_store: Path, tmp_path: Path) -> None:
    older, newer = tmp_path / "tiny.mar", hangul_store / "tiny.mar"
    shutil.copy(newer, older)
    os.utime(older, (0, 0))
    assert [model.path for model in list_models([hangul_store, tmp_path])] == [newer]
    os.utime(older, (2**32, 2**32))
    assert [model.path for model in list_models([hangul_store, tmp_path, tmp_path / "none"])] == [older]


@pytest.mark.parametrize("setting", ["port", "metrics_port", "management_port"])
def test_a_port_that_is_taken(hangul_store: Path, setting: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        message = fails(hangul_store, SETTINGS.model_copy(update={setting: number}))
    assert f"127.0.0.1:{number} can't be used (Address already in use)" in message
    assert f"HWAPUNG_SERVING_{setting.upper()}" in message


def test_ports_that_nobody_asked_for_are_given_to_nobody_else(hangul_store: Path) -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chosen = [port for _ in range(2) for port in TorchServe(hangul_store, SETTINGS)._choose_ports()]
    assert len(set(chosen)) == 6
    assert all(10_000 <= port < lowest for port in chosen)


def test_no_java(hangul_store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert fails(hangul_store).startswith("There is no Java.")


def test_java_that_will_not_start(hangul_store: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    message = fails(hangul_store, SETTINGS.model_copy(update={"java_options": "-Xmx1k"}))
    assert "TorchServe has ended" in message
    assert "heap" in message.lower()
    assert list(scratch.iterdir()) == []


def test_the_command_says_an_error_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torchserve", "serve", "--model-store", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}: there is no model archive (.mar). Make one: hwapung archive.\n"


# --- the group -------------------------------------------------------------------------------------------------------
def test_a_group_that_ignores_its_end_is_killed(tmp_path: Path) -> None:
    program = "trap '' TERM; sleep 1000 & echo started; wait; wait"
    group = ProcessGroup(["/bin/sh", "-c", program], folder=tmp_path, env=os.environ, echo=None)
    wait_until(lambda: "started" in group.lines())
    processes = family(group.pid)
    assert len(processes) == 2
    group.stop(0.3)
    wait_for_the_end(processes)
    group.stop(0.3)


def test_the_first_heatmap_is_loaded_behind_the_predictions_of_who_asks_again(hangul_store: Path) -> None:
    with TorchServe(hangul_store, SETTINGS.model_copy(update={"max_batch_delay_ms": 1})) as server:
        server.wait_until_ready("tiny")
        url = f"{server.inference_url}/explanations/tiny"
        patient = {"come-again": "true"}
        first = requests.post(url, data=draw_image(), headers=patient, timeout=PATIENCE)
        assert (first.status_code, first.json()["error"]["code"]) == (503, "model_starting")
        predicted = requests.post(f"{server.inference_url}/predictions/tiny", data=draw_image(), timeout=PATIENCE)
        assert predicted.status_code == 200
        answers: list[requests.Response] = []

        def ask_again() -> bool:
            answers.append(requests.post(url, data=draw_image(), headers=patient, timeout=PATIENCE))
            return answers[-1].status_code != 503

        wait_until(ask_again)
        explained = answers[-1]
        assert explained.json()["explanation"]["method"] == "grad-cam"
