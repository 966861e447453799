"""A bundle → a folder for any web server: a page that classifies in the browser, so that no picture leaves it."""

from __future__ import annotations

import gettext
import json
import shutil
import tarfile
from pathlib import Path

import frontend
from frontend import wording
from model_training.datasets.sources.client import Client
from model_training.datasets.sources.npm import Package, fetch_package, find_registry
from model_training.packaging.onnx_form import Parity, export_onnx
from model_training.progress import follow
from model_training.runtime.card import ModelCard, Text, read_card
from model_training.runtime.errors import BundleError, OutputError
from model_training.runtime.files import write_text

#: What computes in the browser. The package has no file of its licence: LICENSE.onnxruntime-web is among the page's.
RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    "MIT",
)
_RUNTIME_FILES = ("dist/ort.wasm.min.mjs", "dist/ort-wasm-simd-threaded.mjs", "dist/ort-wasm-simd-threaded.wasm")
_PARTS = Path(__file__).parent / "static" / "page"
_FRONTEND = Path(frontend.__file__).parent
_FROM_FRONTEND = ("hwapung.css", "seal.svg", "ridges.svg")

#: The page's own sentences; what it says of answers is the front end's.
WORDS = {
    "private": Text(
        en="Your picture stays on this device: the model runs in your browser.",
        ko="그림은 이 기기를 벗어나지 않습니다. 모델이 브라우저 안에서 돌아갑니다.",
    ),
    "served": Text(
        en="This folder is all of it: any web server that serves files can serve it.",
        ko="이 폴더가 전부입니다. 파일을 내주는 웹 서버라면 무엇으로든 열 수 있습니다.",
    ),
    "ready": Text(
        en="Ready. Choose a picture, drop it here, or paste it.",
        ko="준비되었습니다. 그림을 선택하거나 끌어다 놓거나 붙여 넣으세요.",
    ),
    "choose": Text(en="Choose a picture", ko="그림 선택"),
    "examples": Text(en="Or try one of these", ko="예시 그림으로 해 보기"),
    "example": Text(en="An example picture", ko="예시 그림"),
    "loading": Text(en="The model is loading…", ko="모델을 불러오는 중…"),
    "looking": Text(en="Looking at the picture…", ko="그림을 보는 중…"),
    "unreadable": Text(
        en="Your browser can't read this picture. Try a JPEG or PNG.",
        ko="브라우저가 이 그림을 읽지 못합니다. JPEG나 PNG로 해 보세요.",
    ),
    "large": Text(en="This picture has more than 25 MiB.", ko="그림이 25 MiB보다 큽니다."),
    "failed": Text(en="The model can't be loaded", ko="모델을 불러오지 못했습니다"),
}

#: Those of the front end's pages that have no name there. `%(…)s` is filled by the page.
_SENTENCES = {
    "name": "Hwapung",
    "drop": "Drop a picture here",
    "show": "Show it a picture",
    "confidence": "confidence",
    "closest": "Closest to “%(title)s”",
    "nearest": "The nearest class is “%(title)s”. Of a picture like this it says little.",
    "candidates": "In %(coverage)s of cases the true class is one of these: %(classes)s",
    "anyway": "Show the probabilities anyway",
    "limits": "Its limits",
}


def export_page(bundle: Path, folder: Path, cache: Path) -> Parity:
    """Write the page, the model and its runtime into a new folder. `cache`: where the runtime's package is kept.

    Raises `BundleError` for a model that the page can't judge as the server does, and what `export_onnx` raises;
    `OutputError` for a folder that holds something; `DatasetError` where the runtime can't be had.
    """
    card = read_card(bundle / "card.json", ModelCard)
    preprocessing = card.preprocessing
    if card.task != "classification" or preprocessing.fit not in ("stretch", "letterbox"):
        raise BundleError(
            f"{bundle}: the page shows classifiers of whole pictures.", "Give a bundle with fit: stretch or letterbox."
        )
    if preprocessing.jpeg_quality is not None:
        raise BundleError(
            f"{bundle}: its pictures are packed as JPEG by one encoder, which browsers have not.",
            "Train with preprocessing.jpeg_quality=null.",
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder} holds something.", "Name a new folder.")
    with follow("Fetching onnxruntime-web") as step:
        archive = fetch_package(Client(), RUNTIME, cache, find_registry(), step.update)
    parity = export_onnx(bundle, folder / "model.onnx")
    _unpack_runtime(archive, folder / "ort")
    shutil.copytree(_PARTS, folder, dirs_exist_ok=True)
    for name in _FROM_FRONTEND:
        shutil.copyfile(_FRONTEND / "static" / name, folder / name)
    for each in card.examples:
        (folder / "examples").mkdir(exist_ok=True)
        shutil.copyfile(bundle / "examples" / each.image, folder / "examples" / each.image)
    shutil.copyfile(bundle / "card.json", folder / "card.json")
    write_text(folder / "words.json", json.dumps(_gather_words(card), ensure_ascii=False, indent=1))
    return parity


def _unpack_runtime(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with tarfile.open(archive) as package:
        for name in _RUNTIME_FILES:
            content = package.extractfile(f"package/{name}")
            assert content is not None
            (folder / Path(name).name).write_bytes(content.read())


def _gather_words(card: ModelCard) -> dict[str, dict[str, object]]:
    """Language → what the page says: in the card's words where it has its own, else in the front end's, or these."""
    with (_FRONTEND / "translations" / "ko" / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        korean = gettext.GNUTranslations(file)
    said: dict[str, dict[str, object]] = {}
    for language, translate in (("en", str), ("ko", korean.gettext)):
        verdicts = {
            name: {"title": translate(str(title)), "text": translate(str(text)), "leads": False}
            for name, (title, text) in wording.VERDICTS.items()
        }
        reasons = {name: translate(str(each)) for name, each in wording.REASONS.items()}
        for verdict, told in card.verdicts.items():
            own = getattr(told.text, language)
            if verdict == "unknown":
                reasons["unlike"] = own
            else:
                title = getattr(told.title, language)
                verdicts[verdict] = {"title": title, "text": own, "leads": told.instead_of_class}
        said[language] = {name: getattr(each, language) for name, each in WORDS.items()} | {
            **{name: translate(sentence) for name, sentence in _SENTENCES.items()},
            "unknown": translate(str(wording.UNKNOWN)),
            "verdicts": verdicts,
            "reasons": reasons,
        }
    return said
