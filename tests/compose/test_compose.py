"""The containers as a user runs them: built, started, asked through the one published port, and removed."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from PIL import Image

from tests.waiting import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT.parent / "shared" / "docker" / "engine"

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]


class Site(NamedTuple):
    """The running project: compose's arguments that name it, its environment, and the front end's address."""

    project: list[str]
    environment: dict[str, str]
    address: str

    def compose(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self.project, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, f"{arguments}:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
        return done.stdout

    def start(self) -> None:
        """Start what is not running; return when the front end is ready."""
        started = subprocess.run([*self.project, "up", "--detach"], cwd=ROOT, env=self.environment, check=False)
        deadline = time.monotonic() + 300
        while started.returncode == 0 and time.monotonic() < deadline:
            try:
                if requests.get(f"{self.address}/readyz", timeout=40).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.5)
        pytest.fail(self.compose("logs", "--tail", "60", check=False), pytrace=False)

    def inspect(self, service: str) -> dict[str, Any]:
        [container] = self.compose("ps", "--all", "--quiet", service).split()
        return json.loads(docker("inspect", container))[0]

    def python(self, service: str, program: str) -> str:
        """Run a program in a service's container; return what it prints."""
        return self.compose("exec", "--no-TTY", service, "python", "-c", program).strip()


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout


def has_engine() -> bool:
    """Whether `docker compose` works here, after the machine's own helper had its chance."""
    for attempt in range(2):
        if shutil.which("docker") and all(
            subprocess.run(["docker", *words], capture_output=True, check=False).returncode == 0
            for words in (["info"], ["compose", "version"])
        ):
            return True
        if attempt == 0 and ENGINE.exists() and os.geteuid() == 0:
            subprocess.run([str(ENGINE)], check=True)
    return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not has_engine():
        pytest.skip("no container engine here: install Docker with Compose v2, or start its daemon")
    port = free_port()
    # A project of its own, so that a user's containers, volumes and model store stay as they are.
    project = ["docker", "compose", "--project-name", f"hwapung-test-{port}"]
    store = tmp_path_factory.mktemp("store")
    store.chmod(0o755)  # the containers' user is another one
    environment = os.environ | {
        "HWAPUNG_PORT": f"127.0.0.1:{port}", "HWAPUNG_MODELS": "landscape", "RECIPE": "landscape", "STORE": str(store)
    }  # fmt: skip
    running = Site(project, environment, f"http://127.0.0.1:{port}")
    try:
        running.compose("build")
        running.start()
        yield running
    finally:
        running.compose("--profile", "train", "down", "--volumes", "--remove-orphans", check=False)


def draw_picture() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_picture_is_classified_through_the_published_port(site: Site) -> None:
    answer = requests.post(f"{site.address}/api/v1/models/landscape/predict", data=draw_picture(), timeout=60).json()
    assert answer["class"] in answer["probabilities"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert answer["model"] == "landscape"


def test_an_answer_is_explained_through_the_published_port(site: Site) -> None:
    answer = requests.post(f"{site.address}/api/v1/models/landscape/explain", data=draw_picture(), timeout=60).json()
    assert answer["explanation"]["class"] == answer["class"]


def test_bad_input_gets_its_own_error_through_all_layers(site: Site) -> None:
    url = f"{site.address}/api/v1/models/landscape/predict"
    response = requests.post(url, data=draw_picture()[:2000], timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "broken_picture")


def test_the_page_and_readiness_answer(site: Site) -> None:
    wait_until(lambda: requests.get(f"{site.address}/readyz", timeout=60).status_code == 200)
    assert "landscape" in requests.get(f"{site.address}/", timeout=60).text


def test_only_the_front_end_is_published(site: Site) -> None:
    published = {
        service: [port for port, hosts in site.inspect(service)["NetworkSettings"]["Ports"].items() if hosts]
        for service in ("model", "torchserve", "frontend")
    }
    assert published == {"model": [], "torchserve": [], "frontend": ["8000/tcp"]}


def test_torchserve_has_no_way_out_and_shows_the_front_end_no_management(site: Site) -> None:
    networks = list(site.inspect("torchserve")["NetworkSettings"]["Networks"])
    assert len(networks) == 1
    assert json.loads(docker("network", "inspect", networks[0]))[0]["Internal"] is True
    probe = "import socket; s = socket.socket(); s.settimeout(30); print(s.connect_ex(('torchserve', {port})))"
    opened = {port: site.python("frontend", probe.format(port=port)) == "0" for port in (8080, 8082, 8081, 7070, 7071)}
    assert opened == {8080: True, 8082: True, 8081: False, 7070: False, 7071: False}


@pytest.mark.parametrize("service", ["model", "torchserve", "frontend"])
def test_containers_are_hardened(site: Site, service: str) -> None:
    container = site.inspect(service)
    host = container["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Init"] is True
    assert host["Privileged"] is False
    assert container["Config"]["User"] not in ("", "root", "0")


@pytest.mark.parametrize("service", ["torchserve", "frontend"])
def test_processes_are_not_root_and_cannot_write_to_the_image(site: Site, service: str) -> None:
    assert site.python(service, "import os; print(os.getuid() != 0)") == "True"
    refused = "import pathlib\ntry: pathlib.Path('/srv/x').touch()\nexcept OSError as error: print(error.errno)"
    assert site.python(service, refused) in ("30", "13")  # a read-only file system, or no permission


def test_the_front_end_has_no_torch(site: Site) -> None:
    program = "import importlib.util; print(importlib.util.find_spec('torch'))"
    assert site.python("frontend", program) == "None"


def test_a_model_that_is_there_is_not_made_again(site: Site) -> None:
    assert "already" in site.compose("run", "--rm", "--no-TTY", "model")


def test_training_on_a_folder_replaces_the_served_model(site: Site, tmp_path: Path) -> None:
    """`docker compose run --rm train` with pictures of its own, in classes of which one is named in Hangul."""
    data = tmp_path / "그림"
    for number, name in enumerate(("먹 그림", "woodblock")):
        folder = data / name
        folder.mkdir(parents=True)
        for index in range(12):
            colour = (20 * index, 120 * number, 255 - 20 * index)
            Image.effect_noise((64, 64), 40 + 10 * index).convert("RGB").point(
                [min(255, value + colour[band]) for band in range(3) for value in range(256)]
            ).save(folder / f"{index}.png")
    for folder in (data, *data.rglob("*")):
        folder.chmod(0o755)
    settings = "network.pretrained=false training.epochs=1 training.batch_size=4"
    environment = site.environment | {"DATA": str(data), "SET": settings}
    trained = site._replace(environment=environment)
    trained.compose("run", "--rm", "--no-TTY", "train")
    site.compose("restart", "torchserve")
    site.start()
    answer = requests.post(f"{site.address}/api/v1/models/landscape/predict", data=draw_picture(), timeout=60).json()
    assert set(answer["probabilities"]) == {"먹 그림", "woodblock"}


def test_the_front_end_comes_back_to_life_with_torchserve(site: Site) -> None:
    """TorchServe ends in good order on SIGTERM, and its death shows as an error of ours, not as a hang."""
    site.compose("stop", "torchserve")
    assert site.inspect("torchserve")["State"]["ExitCode"] == 0
    url = f"{site.address}/api/v1/models/landscape/predict"
    down = requests.post(url, data=draw_picture(), timeout=60)
    assert (down.status_code, down.json()["error"]["code"]) == (503, "model_down")
    site.start()
    assert requests.post(url, data=draw_picture(), timeout=60).status_code == 200
