"""What the rooms' tests share: a small dataset, a bundle trained on it, its archive, and the whole house running."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, expect, sync_playwright

from hwapung.local import serving
from model_training.datasets.prepare import Prepared, prepare
from model_training.datasets.procedural import write_dataset
from model_training.locks import exclusive
from model_training.packaging.bundle import make_bundle
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.card import read_card, write_card
from model_training.training.classification import train
from model_training.training.loop import Trained, start_fabric
from tests.tiny_sketch import make_tiny_sketch_bundle
from torchserve.archive import build_archive

# A busy machine is no fault. The same examples each time: looking for new ones is what tests/fuzz is for.
settings.register_profile("any machine", deadline=None, derandomize=True)
settings.load_profile("any machine")
expect.set_options(timeout=60_000)

# Processes that share the machine need less of it with a thread each: of networks this small two wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)

# A shell has what it starts in the background ignore Ctrl-C, and so would every process that a test means to interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

#: Small enough to train in seconds, real enough to be a convolutional network with batch norm.
TINY = [
    "network.backbone=mobilenetv3_small_050",
    "network.pretrained=false",
    "preprocessing.height=64",
    "preprocessing.width=64",
    "training.batch_size=8",
    "training.epochs=2",
    "serving.forms=[]",  # tests/model_training/packaging/test_forms.py makes them
    "serving.neighbours=none",  # and test_neighbours.py these
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays. So the garbage collector has nothing to look for meanwhile, and afterwards
    looks only at what the tests make: else it goes over millions of objects again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests that take long come first, then those with many: so no long one is left for the end, when the
    other process has nothing to do any more (`make test` hands them out in this order)."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -count[item.path]))


def pytest_unconfigure() -> None:
    gc.unfreeze()  # for Python's end, which lets go of everything


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Whatever a test draws without a seed of its own, it draws again the next time."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave how pytest ended for .ci/run, which can't learn it from make."""
    cache = getattr(session.config, "cache", None)
    if cache and not hasattr(session.config, "workerinput"):
        cache.set("hwapung/status", int(exitstatus))


def shared_folder(name: str) -> Path:
    """A folder of real pictures or weights; the test skips where it is not to be had."""
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"needs ../shared/{name}, which is not on this machine")
    return folder


@pytest.fixture(scope="session")
def procedural_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "procedural"
    write_dataset(folder, ("china", "japan"), 15, 7)
    return folder


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    return load_recipe("landscape_demo", [*TINY, "name=landscape"])


@pytest.fixture(scope="session")
def tiny_prepared(tiny_recipe: Recipe, procedural_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(tiny_recipe, procedural_folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tiny_trained(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tiny_recipe, tiny_prepared, tmp_path_factory.mktemp("runs"), start_fabric("cpu"))


def make_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], Path]) -> Path:
    """What `make` leaves in a folder. Of the processes that share a run's tests the first one makes it for all, which
    only read it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make(factory.mktemp(name))
    folder = factory.getbasetemp().parent / name
    told = folder / "made"
    with exclusive(folder):
        if not told.exists():
            told.write_text(str(make(folder)))
    return Path(told.read_text())


@pytest.fixture(scope="session")
def tiny_bundle(
    tiny_recipe: Recipe,
    tiny_prepared: Prepared,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    def make(folder: Path) -> Path:
        return make_bundle(tiny_recipe, tiny_prepared, request.getfixturevalue("tiny_trained"), folder)

    return make_once("bundles", tmp_path_factory, make)


@pytest.fixture(scope="session")
def tiny_strip_bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with `fit: strip`, and a gate that asks only what a picture is like."""
    bundle = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("strip") / "bundle")
    card = read_card(bundle / "card.json")
    preprocessing = card.preprocessing.model_copy(update={"fit": "strip"})
    ood = card.ood.model_copy(update={"threshold": None}) if card.ood else None
    write_card(card.model_copy(update={"preprocessing": preprocessing, "ood": ood}), bundle / "card.json")
    return bundle


@pytest.fixture(scope="session")
def tiny_store(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with `landscape.mar`."""
    store = tmp_path_factory.mktemp("store")
    build_archive(tiny_bundle, store)
    return store


@pytest.fixture(scope="session")
def tiny_sketch_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`sketch/`, with a hand-made detector and random weights; tests/tiny_sketch.py draws pages for it."""
    return make_once("sketch", tmp_path_factory, make_tiny_sketch_bundle)


@pytest.fixture(scope="session")
def tiny_sketch_store(tiny_sketch_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with `sketch.mar`."""
    store = tmp_path_factory.mktemp("sketch-store")
    build_archive(tiny_sketch_bundle, store)
    return store


@pytest.fixture(scope="session")
def live_site(tiny_store: Path) -> Iterator[str]:
    """The address of the real front end before the real TorchServe."""
    with serving(tiny_store) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all rooms: Playwright's synchronous interface can be open only once in a process."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
