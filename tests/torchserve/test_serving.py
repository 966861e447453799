"""The real TorchServe with a real archive."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from PIL import Image

from tests.torchserve.tiny import LABELS, draw_image
from tests.waiting import PATIENCE
from torchserve.server import TorchServe

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def ask(server: TorchServe, body: bytes = b"", path: str = "predictions/tiny", **options: object) -> requests.Response:
    return requests.post(f"{server.inference_url}/{path}", data=body, timeout=60, **options)  # type: ignore[arg-type]


def batches(server: TorchServe) -> tuple[float, float]:
    """How many batches the handler has answered, and how many requests in them."""
    text = requests.get(server.metrics_url, timeout=PATIENCE).text
    count, total = (
        sum(float(value) for value in re.findall(rf"^BatchRequests_{part}{{.*}} (\S+)$", text, re.MULTILINE))
        for part in ("count", "sum")
    )
    return count, total


def describe(server: TorchServe) -> dict[str, object]:
    return requests.get(f"{server.management_url}/models/tiny", timeout=PATIENCE).json()[0]


def workers(server: TorchServe) -> list[int]:
    return [worker["pid"] for worker in describe(server)["workers"]]  # type: ignore[attr-defined]


def bomb() -> bytes:
    """A PNG of 50,000 × 50,000 black pixels in some 300 KB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 50_000 // 8)
    data = b"".join(packer.compress(row) for _ in range(50_000)) + packer.flush()
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- answers ---------------------------------------------------------------------------------------------------------
def test_raw_bytes_are_classified(server: TorchServe) -> None:
    response = ask(server, draw_image())
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert list(answer) == ["class", "confidence", "processing_time_ms", "probabilities", "verdict", "model", "version"]
    assert tuple(answer["probabilities"]) == LABELS
    assert answer["class"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert answer["confidence"] == answer["probabilities"][answer["class"]]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["processing_time_ms"] > 0
    assert (answer["verdict"], answer["model"], answer["version"]) == ("unsure", "tiny", "1.0")


def test_names_in_hangul_are_sent_as_they_are(server: TorchServe) -> None:
    assert '"산수화"'.encode() in ask(server, draw_image()).content


@pytest.mark.parametrize("part", ["data", "file"])
def test_a_multipart_part_is_classified_like_raw_bytes(server: TorchServe, part: str) -> None:
    image = draw_image(3)
    response = requests.post(
        f"{server.inference_url}/predictions/tiny", files={part: ("그림.jpg", image, "image/jpeg")}, timeout=60
    )
    assert response.status_code == 200
    assert response.json()["probabilities"] == ask(server, image).json()["probabilities"]


@pytest.mark.parametrize("content_type", ["image/png", "text/plain", "application/json", "application/octet-stream"])
def test_the_claimed_content_type_does_not_matter(server: TorchServe, content_type: str) -> None:
    response = ask(server, draw_image(format="PNG"), headers={"content-type": content_type})
    assert response.status_code == 200


def test_an_explanation_is_a_png_over_the_image(server: TorchServe) -> None:
    answer = ask(server, draw_image(), "explanations/tiny").json()
    assert answer["probabilities"] == ask(server, draw_image()).json()["probabilities"]
    explanation = answer["explanation"]
    image = Image.open(io.BytesIO(base64.b64decode(explanation["data"])))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    assert image.size == (explanation["width"], explanation["height"])
    assert explanation["class"] == answer["class"]


@pytest.mark.parametrize("header", ["describe", "Describe", "DESCRIBE"])
def test_describe_gives_the_card(server: TorchServe, header: str) -> None:
    card = ask(server, headers={header: "True"}).json()["card"]
    assert (card["name"], [label["key"] for label in card["labels"]]) == ("tiny", list(LABELS))


def test_describe_by_the_management_api_gives_the_card(server: TorchServe) -> None:
    described = requests.get(f"{server.management_url}/models/tiny?customized=true", timeout=60).json()[0]
    assert described["customizedMetadata"]["card"]["name"] == "tiny"


def test_describe_examples_gives_images_with_their_answers(server: TorchServe) -> None:
    [example] = ask(server, headers={"describe": "examples"}).json()["examples"]
    answer = ask(server, base64.b64decode(example["data"])).json()
    assert answer["probabilities"] == pytest.approx(example["answer"]["probabilities"], abs=1e-4)


# --- bad input -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda: b"", 400, "empty_body"),
        (lambda: b"Dear museum, here is my picture.", 400, "not_a_picture"),
        (lambda: draw_image(side=400)[:20_000], 400, "broken_picture"),
        (bomb, 413, "picture_too_large"),
        (lambda: os.urandom(30_000_000), 413, "picture_too_large"),
    ],
    ids=["empty", "text", "truncated", "bomb", "30 MB"],
)
@pytest.mark.parametrize("path", ["predictions/tiny", "explanations/tiny"])
def test_what_is_no_image_gets_its_own_error(server: TorchServe, path: str, make, status: int, code: str) -> None:  # type: ignore[no-untyped-def]
    before = workers(server)
    response = ask(server, make(), path)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert error["remedy"].endswith(".")
    assert workers(server) == before


def test_a_form_without_the_image_is_an_empty_body(server: TorchServe) -> None:
    response = requests.post(
        f"{server.inference_url}/predictions/tiny", files={"note": ("note.txt", b"hello")}, timeout=60
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "empty_body")


def test_an_unknown_model_is_404(server: TorchServe) -> None:
    assert ask(server, draw_image(), "predictions/nothing").status_code == 404


def test_another_method_is_answered_like_a_post(server: TorchServe) -> None:
    """TorchServe does not look at the method (`curl -T` sends PUT); the front end is what refuses."""
    got = requests.get(f"{server.inference_url}/predictions/tiny", timeout=60)
    put = requests.put(f"{server.inference_url}/predictions/tiny", data=draw_image(), timeout=60)
    assert (got.status_code, got.json()["error"]["code"]) == (400, "empty_body")
    assert put.status_code == 200


def test_models_cannot_be_registered_or_removed(server: TorchServe) -> None:
    url = f"{server.management_url}/models"
    assert requests.post(f"{url}?url=tiny.mar", timeout=PATIENCE).status_code == 405
    assert requests.delete(f"{url}/tiny", timeout=PATIENCE).status_code == 405
    assert ask(server, draw_image()).status_code == 200


# --- batches ---------------------------------------------------------------------------------------------------------
def test_requests_in_one_batch_are_judged_by_themselves(server: TorchServe) -> None:
    good, bad = draw_image(1), draw_image(2, side=400)[:20_000]
    sent = [
        ("predictions/tiny", good, {}),
        ("predictions/tiny", bad, {}),
        ("explanations/tiny", good, {}),
        ("predictions/tiny", b"", {}),
        ("predictions/tiny", b"", {"describe": "True"}),
        ("predictions/tiny", draw_image(5), {}),
        ("explanations/tiny", b"text", {}),
        ("predictions/tiny", b"", {"describe": "examples"}),
    ]
    alone = ask(server, good).json()["probabilities"]
    with ThreadPoolExecutor(len(sent)) as pool:
        for _ in range(50):  # until they share one: on a busy machine some come too late
            before = batches(server)
            responses = list(pool.map(lambda one: ask(server, one[1], one[0], headers=one[2]), sent))
            count, total = (after - earlier for after, earlier in zip(batches(server), before, strict=True))
            assert total == len(sent)
            if count == 1:
                break
    assert count == 1, "they did not share a batch"
    assert [response.status_code for response in responses] == [200, 400, 200, 400, 200, 200, 400, 200]
    bodies = [response.json() for response in responses]
    assert bodies[0]["probabilities"] == pytest.approx(alone, abs=1e-4)
    assert "explanation" not in bodies[0]
    assert bodies[1]["error"]["code"] == "broken_picture"
    assert bodies[2]["explanation"]["class"] == bodies[2]["class"]
    assert bodies[2]["probabilities"] == pytest.approx(alone, abs=1e-4)
    assert bodies[3]["error"]["code"] == "empty_body"
    assert bodies[4]["card"]["name"] == "tiny"
    assert bodies[5]["probabilities"] != pytest.approx(alone, abs=1e-4)
    assert bodies[6]["error"]["code"] == "not_a_picture"
    assert bodies[7]["examples"][0]["name"] == "first"


def test_many_at_once_of_every_kind_get_their_own_answers(server: TorchServe) -> None:
    """Good, bad, late and describing requests, and some whose client leaves before the answer, over several batches."""
    images = [draw_image(seed) for seed in range(20)]
    alone = [ask(server, image).json()["probabilities"] for image in images]

    def send(number: int) -> None:
        image, expected = images[number % len(images)], alone[number % len(images)]
        match number % 6:
            case 0 | 1:
                assert ask(server, image).json()["probabilities"] == pytest.approx(expected, abs=2e-6)
            case 2:
                response = ask(server, image[:100])
                assert (response.status_code, response.json()["error"]["code"]) == (400, "broken_picture")
            case 3:
                response = ask(server, b"no picture", headers={"deadline": "1000000000"})
                assert (response.status_code, response.json()["error"]["code"]) == (504, "model_too_slow")
            case 4:
                assert ask(server, headers={"describe": "True"}).json()["card"]["name"] == "tiny"
            case 5:
                host, port = server.inference_url.removeprefix("http://").split(":")
                with socket.create_connection((host, int(port))) as leaving:
                    head = f"POST /predictions/tiny HTTP/1.1\r\nHost: x\r\nContent-Length: {len(image)}\r\n\r\n"
                    leaving.sendall(head.encode() + image)

    before = workers(server)
    with ThreadPoolExecutor(24) as pool:
        for done in [pool.submit(send, number) for number in range(72)]:
            done.result()
    assert workers(server) == before


@pytest.mark.parametrize("deadline", ["99999999999.5", "soon", "nan", ""])
def test_a_deadline_that_is_not_over_changes_nothing(server: TorchServe, deadline: str) -> None:
    assert ask(server, draw_image(), headers={"deadline": deadline}).status_code == 200


# --- the worker ------------------------------------------------------------------------------------------------------
def test_workers_see_nothing_of_the_repository(server: TorchServe) -> None:
    [pid] = workers(server)
    worker = psutil.Process(pid)
    search_path = worker.environ()["PYTHONPATH"]
    assert not Path(worker.cwd()).is_relative_to(ROOT)
    assert str(ROOT) not in search_path
    assert (Path(worker.cwd()) / "model_training" / "runtime" / "classifier.py").is_file()
    assert worker.cwd() in search_path


def test_a_killed_worker_comes_back(server: TorchServe) -> None:
    [before] = workers(server)
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while workers(server) in ([before], [-1], []) and time.monotonic() < deadline:
        time.sleep(0.2)
    server.wait_until_ready("tiny", timeout_s=120)
    assert workers(server) != [before]
    assert ask(server, draw_image()).status_code == 200


def test_settings_of_the_archive_and_of_the_machine_both_count(server: TorchServe) -> None:
    described = describe(server)
    assert (described["batchSize"], described["maxBatchDelay"], described["minWorkers"]) == (16, 100, 1)
    assert (described["responseTimeout"], described["startupTimeout"]) == (60, 300)
    assert described["maxRetryTimeoutInSec"] == 2_147_483


def test_every_address_is_loopback(server: TorchServe) -> None:
    assert server._group is not None
    java = psutil.Process(server._group.pid)
    listening = {each.laddr.ip for each in java.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert listening
