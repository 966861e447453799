"""No skew between training and serving: an archive's own runtime, alone in a process, sees what training sees."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from model_training.datasets.folders import Dataset, Entry
from model_training.datasets.image_store import open_store
from model_training.runtime.card import read_card
from model_training.runtime.execution import TorchExecution
from model_training.runtime.explain import Explainer
from model_training.training.loop import Trained

ROOT = Path(__file__).resolve().parents[2]

#: Runs in a Python that knows nothing of the repository: -I takes neither the working folder, the environment nor the
#: user's packages; the archive's folder is the only thing added.
SERVE = """
import json, sys
from pathlib import Path
archive, pictures, out = map(Path, sys.argv[1:])
sys.path.insert(0, str(archive))

import numpy as np
from model_training.runtime.classifier import Classifier
from model_training.runtime.execution import OpenVINOExecution, TorchExecution
from model_training.runtime.network import load_network
from model_training.runtime.preprocess import read

classifier = Classifier.load(archive)
assert isinstance(classifier.execute, OpenVINOExecution)
data = [path.read_bytes() for path in sorted(pictures.iterdir())]
pixels = np.stack([read(one, classifier.card.preprocessing) for one in data])
torch_logits = TorchExecution(load_network(classifier.card, archive), "cpu")(pixels)
classes = torch_logits.argmax(1)
np.savez(
    out,
    pixels=pixels,
    torch=torch_logits,
    openvino=classifier.execute(pixels),
    heatmaps=classifier.explainer.heatmaps(pixels, classes),
)
modules = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print(json.dumps({
    "runtime": {name: file for name, file in modules.items() if name.split(".")[0] == "model_training"},
    "all": sorted(file for file in modules.values() if file and Path(file).is_absolute()),
    "path": sys.path,
    "answers": classifier.answer(data),
}))
"""


@dataclass(frozen=True)
class Served:
    """What the archive's runtime said of the pictures, sorted by name."""

    archive: Path
    names: list[str]
    pixels: np.ndarray
    torch: np.ndarray
    openvino: np.ndarray
    heatmaps: np.ndarray
    report: dict[str, object]


def awkward_images() -> dict[str, bytes]:
    """File name → bytes: everything that two decoders could disagree about."""
    generator = np.random.default_rng(5)
    y, x = np.mgrid[0:240, 0:320]
    hills = np.stack([127 + 120 * np.sin(x / a + y / b) for a, b in ((9, 31), (40, 7), (23, 17))], axis=2)
    base = Image.fromarray((hills + generator.normal(scale=4, size=hills.shape)).clip(0, 255).astype(np.uint8))
    alpha = Image.fromarray((x * 255 // 319).astype(np.uint8))
    clear = base.copy()
    clear.putalpha(alpha)
    turned = Image.Exif()
    turned[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey16 = Image.fromarray((np.asarray(base.convert("L")).astype(np.uint16)) * 257)
    large = base.resize((2000, 1500), Image.Resampling.BICUBIC)

    def encode(image: Image.Image, kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    others = [base.rotate(90), base.rotate(180)]
    return {
        "1-pixel-high.png": encode(base.resize((300, 1)), "PNG"),
        "1-pixel-wide.png": encode(base.resize((1, 300)), "PNG"),
        "16-bit-grey.png": encode(grey16, "PNG"),
        "animated.gif": encode(base, "GIF", save_all=True, append_images=others),
        "animated.webp": encode(base, "WEBP", save_all=True, append_images=others, lossless=True),
        "avif.avif": encode(base, "AVIF"),
        "black-and-white.png": encode(base.convert("1"), "PNG"),
        "cmyk.jpg": encode(base.convert("CMYK"), "JPEG"),
        "exif-rotated.jpg": encode(base, "JPEG", exif=turned.tobytes()),
        "float.tif": encode(base.convert("F"), "TIFF"),
        "grey-alpha.png": encode(clear.convert("LA"), "PNG"),
        "large-rotated.jpg": encode(large, "JPEG", exif=turned.tobytes(), quality=92),
        "large.jpg": encode(large, "JPEG", quality=92),
        "palette-transparent.png": encode(base.quantize(32), "PNG", transparency=3),
        "palette.png": encode(base.quantize(32), "PNG"),
        "plain.png": encode(base, "PNG"),
        "profile.jpg": encode(base, "JPEG", icc_profile=profile),
        "progressive.jpg": encode(base, "JPEG", progressive=True),
        "rgba.png": encode(clear, "PNG"),
        "rgba.webp": encode(clear, "WEBP"),
        "several-pages.tif": encode(base, "TIFF", save_all=True, append_images=others, compression="tiff_lzw"),
        "two-pictures.jpg": encode(base, "MPO", save_all=True, append_images=others),
    }


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("awkward")
    for name, data in awkward_images().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def served(tiny_store: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Served:
    archive, elsewhere = tmp_path_factory.mktemp("archive"), tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(tiny_store / "landscape.mar") as packed:
        packed.extractall(archive)
    out = elsewhere / "served.npz"
    done = subprocess.run(
        [sys.executable, "-I", "-c", SERVE, str(archive), str(images), str(out)],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    arrays = np.load(out)
    return Served(
        archive=archive,
        names=sorted(path.name for path in images.iterdir()),
        pixels=arrays["pixels"],
        torch=arrays["torch"],
        openvino=arrays["openvino"],
        heatmaps=arrays["heatmaps"],
        report=json.loads(done.stdout.splitlines()[-1]),
    )


@pytest.fixture(scope="module")
def trained_pixels(images: Path, tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The same files as training prepares them, by way of its memory-mapped store."""
    entries = tuple(Entry(path, "china", None) for path in sorted(images.iterdir()))
    dataset = Dataset(images, entries, ("china",), procedural=False)
    preprocessing = read_card(tiny_bundle / "card.json").preprocessing
    store = open_store(dataset, preprocessing, tmp_path_factory.mktemp("cache"), lambda done, total: None)
    assert store.errors == {}
    return np.array(store.pixels)


def test_only_the_archives_own_files_are_ours(served: Served) -> None:
    runtime = served.report["runtime"]
    assert isinstance(runtime, dict)
    assert {"model_training", "model_training.runtime", "model_training.runtime.classifier"} <= runtime.keys()
    for name, file in runtime.items():
        assert file is not None, name
        assert Path(file).resolve().is_relative_to(served.archive.resolve()), name
    libraries = Path(sys.prefix).resolve()
    files, places = served.report["all"], served.report["path"]
    assert isinstance(files, list)
    assert isinstance(places, list)
    for file in (*files, *places):
        path = Path(file).resolve()
        assert not path.is_relative_to(ROOT) or path.is_relative_to(libraries), file


def test_the_pixels_are_the_same_to_the_bit(served: Served, trained_pixels: np.ndarray) -> None:
    assert served.pixels.dtype == trained_pixels.dtype == np.uint8
    assert served.pixels.shape == trained_pixels.shape
    different = [
        name
        for name, ours, theirs in zip(served.names, served.pixels, trained_pixels, strict=True)
        if not np.array_equal(ours, theirs)
    ]
    assert different == []


def test_the_images_are_what_they_should_be(served: Served) -> None:
    """Agreement alone could be agreement in error: lossless forms of one picture have one set of pixels."""
    of = dict(zip(served.names, served.pixels.astype(int), strict=True))
    for name in ("animated.webp", "several-pages.tif"):
        np.testing.assert_array_equal(of[name], of["plain.png"])
    for name in ("progressive.jpg", "profile.jpg", "two-pictures.jpg", "large.jpg", "avif.avif", "animated.gif"):
        assert np.abs(of[name] - of["plain.png"]).mean() < 12, name
    grey = of["16-bit-grey.png"]
    assert (grey[..., 0] == grey[..., 2]).all()
    assert np.abs(of["float.tif"] - grey).mean() < 12
    assert of["rgba.png"][:, 0].min() > 230  # clear at the left, so white
    assert np.abs(of["rgba.png"] - of["plain.png"])[:, -1].mean() < 12
    assert np.abs(of["exif-rotated.jpg"] - np.rot90(of["plain.png"], -1)).mean() < 12
    assert np.abs(of["large-rotated.jpg"] - np.rot90(of["large.jpg"], -1)).mean() < 12


def test_the_logits_are_the_trained_networks(served: Served, trained_pixels: np.ndarray, tiny_trained: Trained) -> None:
    expected = TorchExecution(tiny_trained.network, "cpu")(trained_pixels)
    assert np.abs(served.torch - expected).max() <= 1e-4
    assert np.abs(served.openvino - expected).max() <= 1e-4
    spread = float(np.ptp(expected, axis=0).min())  # a tiny network's logits are close together: be closer
    assert np.abs(served.torch - expected).max() <= spread / 10
    assert np.abs(served.openvino - expected).max() <= spread / 10


def test_the_heatmaps_are_the_trained_networks(
    served: Served, trained_pixels: np.ndarray, tiny_trained: Trained
) -> None:
    classes = served.torch.argmax(1)
    expected = Explainer(tiny_trained.network, "cpu").heatmaps(trained_pixels, classes)
    np.testing.assert_allclose(served.heatmaps, expected, atol=5e-3)


def test_the_answers_follow_from_the_logits(served: Served, tiny_bundle: Path) -> None:
    card = read_card(tiny_bundle / "card.json")
    answers = served.report["answers"]
    assert isinstance(answers, list)
    assert len(answers) == len(served.names)
    for answer, logits in zip(answers, served.openvino, strict=True):
        odds = np.exp((logits - logits.max()) / card.calibration.temperature)
        assert list(answer["probabilities"].values()) == pytest.approx((odds / odds.sum()).tolist(), abs=1e-5)
        assert answer["confidence"] == max(answer["probabilities"].values())
