from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_training.runtime.card import ModelCard, read_card
from model_training.runtime.errors import BundleError
from model_training.runtime.execution import OpenVINOExecution, TorchExecution, choose_execution
from model_training.runtime.export import export_openvino
from model_training.runtime.network import load_network
from model_training.runtime.streams import Running

REMEDY = "hwapung train"


@pytest.fixture(scope="module")
def card(tiny_bundle: Path) -> ModelCard:
    return read_card(tiny_bundle / "card.json")


@pytest.fixture(scope="module")
def fast(tiny_bundle: Path) -> OpenVINOExecution:
    return OpenVINOExecution(tiny_bundle / "network.xml")


@pytest.fixture(scope="module")
def exact(tiny_bundle: Path, card: ModelCard) -> TorchExecution:
    return TorchExecution(load_network(card, tiny_bundle), "cpu")


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


def noise(count: int, card: ModelCard, seed: int = 0) -> np.ndarray:
    size = (count, card.preprocessing.height, card.preprocessing.width, 3)
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 2, 7, 33])
def test_both_engines_agree(count: int, card: ModelCard, fast: OpenVINOExecution, exact: TorchExecution) -> None:
    pixels = noise(count, card)
    ours, theirs = fast(pixels), exact(pixels)
    assert ours.shape == theirs.shape == (count, len(card.labels))
    assert ours.dtype == theirs.dtype == np.float32
    assert np.abs(ours - theirs).max() <= 1e-4
    if count > 1:  # a barely trained network says nearly the same of all: agreement has to be far closer than that
        assert np.abs(ours - theirs).max() <= np.ptp(theirs, axis=0).min() / 10


@pytest.mark.parametrize("value", [0, 255])
def test_both_engines_agree_at_the_ends(
    value: int, card: ModelCard, fast: OpenVINOExecution, exact: TorchExecution
) -> None:
    pixels = np.full_like(noise(1, card), value)
    assert np.abs(fast(pixels) - exact(pixels)).max() <= 1e-4


def test_an_answer_does_not_depend_on_its_neighbours(card: ModelCard, fast: OpenVINOExecution) -> None:
    pixels = noise(33, card)
    together = fast(pixels)
    alone = np.concatenate([fast(pixels[index : index + 1]) for index in range(33)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_pixels_may_be_read_only_and_strided(card: ModelCard, fast: OpenVINOExecution, exact: TorchExecution) -> None:
    pixels = noise(8, card)[::2, :, ::-1]
    pixels.flags.writeable = False
    assert np.abs(fast(pixels) - exact(np.ascontiguousarray(pixels))).max() <= 1e-4


def test_an_empty_batch(card: ModelCard, fast: OpenVINOExecution) -> None:
    assert fast(noise(0, card)).shape == (0, len(card.labels))


def test_threads_do_not_get_each_others_results(card: ModelCard, fast: OpenVINOExecution) -> None:
    batches = [noise(count, card, seed) for seed, count in enumerate([1, 5, 3, 9, 2, 7])]
    expected = [fast(batch) for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(20):
            for found, right in zip(pool.map(fast, batches), expected, strict=True):
                np.testing.assert_allclose(found, right, atol=1e-6)


def test_images_are_computed_as_they_come(card: ModelCard, fast: OpenVINOExecution, exact: TorchExecution) -> None:
    pixels = noise(5, card)
    for engine in (fast, exact):
        for ours, theirs in zip(engine.observe(iter(pixels)), engine.observe(pixels), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_first_answer_is_one_threads(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO's bindings hang where two threads ask for their first answers at the same time."""
    compute = OpenVINOExecution.compute
    names: list[str] = []

    def tell(*arguments: Any) -> list[np.ndarray]:
        names.append(threading.current_thread().name)
        return compute(*arguments)

    monkeypatch.setattr(OpenVINOExecution, "compute", tell)
    OpenVINOExecution(tiny_bundle / "network.xml")
    assert names == [threading.current_thread().name]


def test_streams_that_are_free_share_what_waits(card: ModelCard, tiny_bundle: Path) -> None:
    """Full parts as long as there are many, single images at the end."""
    network, other = (OpenVINOExecution(tiny_bundle / "network.xml", at_once=at_once) for at_once in (4, 8))
    network.streams, other.streams = 0, 0  # nobody computes: parts are taken by hand
    running = Running([network, other])
    running._streams = [Future(), Future()]
    for pixels in noise(13, card):
        running.put(pixels)
    taken = [running._take()]
    running._end()
    while part := running._take():
        taken.append(part)
    told = [(part.network, part.first, len(part.images)) for part in taken if part]
    assert told[:5] == [(0, 0, 4), (0, 4, 4), (0, 8, 3), (0, 11, 1), (0, 12, 1)]
    assert told[5:] == [(1, 0, 7), (1, 7, 3), (1, 10, 2), (1, 12, 1)]


def test_a_network_of_fewer_streams_runs_beside(card: ModelCard, tiny_bundle: Path) -> None:
    network, other = (OpenVINOExecution(tiny_bundle / "network.xml", at_once=1) for _ in range(2))
    network.reserve(4)
    network.streams, network.threads = 4, ThreadPoolExecutor(4)
    other.requests = other.requests[:1]
    pixels = noise(40, card)
    for found in network.run_beside(iter(pixels), other):
        np.testing.assert_allclose(found[0], network(pixels), atol=1e-5)


@pytest.mark.parametrize("images", [1, 2, 3, 7])
def test_networks_side_by_side_say_what_they_say_alone(
    tiny_bundle: Path, card: ModelCard, tmp_path: Path, images: int
) -> None:
    changed = load_network(card, tiny_bundle)
    with torch.no_grad():
        for each in changed.parameters():
            each.mul_(1.1)
    export_openvino(changed, noise(2, card), tmp_path / "network.xml")
    network, other = (OpenVINOExecution(folder / "network.xml") for folder in (tiny_bundle, tmp_path))
    network.streams = 2  # so that an odd number leaves one to all cores
    network.threads = ThreadPoolExecutor(2)
    pixels = noise(images, card)
    found = network.run_beside(pixels, other)
    assert np.abs(found[0][0] - found[1][0]).max() > 1e-2
    for ours, theirs in zip(found, [network.run(pixels), other.run(pixels)], strict=True):
        for one, alone in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, alone, atol=1e-4)


def test_an_image_alone_is_in_all_networks_at_a_time(tiny_bundle: Path, card: ModelCard) -> None:
    """None of them waits for another."""
    networks = [OpenVINOExecution(tiny_bundle / "network.xml") for _ in range(2)]
    networks[0].streams = 2  # with one, all cores are what a stream has
    told: list[str] = []
    for each, name in zip(networks, "ab", strict=True):
        each._together = Told(each._together, name, told)
    networks[0].run_beside(noise(1, card), networks[1])
    assert told == ["a begins", "b begins", "b ends", "a ends"]


@pytest.mark.parametrize(("fails", "left"), [("b begins", "a ends"), ("b ends", "a ends"), ("a ends", "b ends")])
def test_a_network_that_fails_leaves_no_other_one_busy(
    tiny_bundle: Path, card: ModelCard, fails: str, left: str
) -> None:
    networks = [OpenVINOExecution(tiny_bundle / "network.xml") for _ in range(2)]
    networks[0].streams = 2
    told: list[str] = []
    for each, name in zip(networks, "ab", strict=True):
        each._together = Told(each._together, name, told, fails)
    with pytest.raises(RuntimeError, match=fails):
        networks[0].run_beside(noise(1, card), networks[1])
    assert left in told


class Told:
    """A request that tells when it is begun and waited for, and fails at one of these steps."""

    def __init__(self, request: Any, name: str, told: list[str], fails: str = "") -> None:
        self._request, self._name, self._told, self._fails = request, name, told, fails
        self.output_tensors = request.output_tensors

    def start_async(self, *arguments: Any, **options: Any) -> None:
        self._tell("begins")
        self._request.start_async(*arguments, **options)

    def wait(self) -> None:
        self._request.wait()
        self._tell("ends")

    def _tell(self, step: str) -> None:
        words = f"{self._name} {step}"
        if words == self._fails:
            raise RuntimeError(words)
        self._told.append(words)


def test_what_goes_wrong_while_they_come_is_passed_on(card: ModelCard, fast: OpenVINOExecution) -> None:
    def come() -> Iterator[np.ndarray]:
        yield noise(1, card)[0]
        raise KeyError("bug")

    for _ in range(9):  # more than there are streams
        with pytest.raises(KeyError, match="bug"):
            fast(come())
    assert len(fast(noise(3, card))) == 3


def test_images_of_another_size_are_refused_and_the_next_are_answered(card: ModelCard, fast: OpenVINOExecution) -> None:
    pixels = noise(3, card)
    expected = fast(pixels)
    for _ in range(fast.streams + 1):  # one more than could each take a stream with it
        with pytest.raises(ValueError, match="shape"):
            fast(pixels[:, :-1])
    np.testing.assert_allclose(fast(pixels), expected, atol=1e-6)


def test_a_processor_takes_the_fast_form(card: ModelCard, tiny_bundle: Path) -> None:
    network = load_network(card, tiny_bundle)
    assert isinstance(choose_execution(card, tiny_bundle, lambda: network, "cpu"), OpenVINOExecution)
    plain = card.model_copy(update={"openvino_model": None})
    assert isinstance(choose_execution(plain, tiny_bundle, lambda: network, "cpu"), TorchExecution)


def refusal(card: ModelCard, bundle: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        choose_execution(card, bundle, lambda: load_network(card, bundle), "cpu")
    assert "\n" not in str(caught.value)
    assert str(bundle / "network.xml") in caught.value.message
    assert REMEDY in caught.value.remedy
    return caught.value


def test_a_missing_fast_form(card: ModelCard, bundle: Path) -> None:
    (bundle / "network.xml").unlink()
    assert "missing" in refusal(card, bundle).message


@pytest.mark.parametrize(
    "content", [b"", b"text", b"<net/>", b'<?xml version="1.0"?><net version="11"><layers>', bytes(99)]
)
def test_a_corrupt_fast_form(card: ModelCard, bundle: Path, content: bytes) -> None:
    (bundle / "network.xml").write_bytes(content)
    assert "can't load" in refusal(card, bundle).message


def test_missing_and_truncated_fast_weights(card: ModelCard, bundle: Path) -> None:
    path = bundle / "network.bin"
    path.write_bytes(path.read_bytes()[:1000])
    refusal(card, bundle)
    path.unlink()
    refusal(card, bundle)


def test_an_exported_form_has_a_free_batch_and_fixed_images(card: ModelCard, tiny_bundle: Path, tmp_path: Path) -> None:
    import openvino

    export_openvino(load_network(card, tiny_bundle), noise(2, card), tmp_path / "network.xml")
    shape = openvino.Core().read_model(tmp_path / "network.xml").input(0).partial_shape
    assert shape[0].is_dynamic
    assert [shape[axis].get_length() for axis in (1, 2, 3)] == [card.preprocessing.height, card.preprocessing.width, 3]
    fresh = OpenVINOExecution(tmp_path / "network.xml")
    pixels = noise(5, card)
    assert np.abs(fresh(pixels) - TorchExecution(load_network(card, tiny_bundle), "cpu")(pixels)).max() <= 1e-4


@pytest.mark.parametrize("images", [1, 2, 7, 16])
def test_parts_of_several_images_say_what_single_images_say(tiny_bundle: Path, card: ModelCard, images: int) -> None:
    pixels = noise(images, card)
    single, parts = (OpenVINOExecution(tiny_bundle / "network.xml", at_once=at_once) for at_once in (1, 3))
    for ours, theirs in zip(parts.run(pixels), single.run(pixels), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_in_half_precision(card: ModelCard, tiny_bundle: Path, exact: TorchExecution) -> None:
    pixels = noise(33, card)
    fast = choose_execution(card, tiny_bundle, lambda: load_network(card, tiny_bundle), "cuda:0")
    assert isinstance(fast, TorchExecution)
    assert np.abs(fast(pixels) - exact(pixels)).max() <= 0.1
