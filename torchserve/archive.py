"""Bundle → `<name>.mar`: handler, vendored runtime, the bundle's files and what TorchServe has to know of the model.

An archive serves on a machine that has the libraries but nothing of this repository.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from model_archiver.model_archiver_config import ModelArchiverConfig
from model_archiver.model_packaging_utils import ModelExportUtils

import model_training
from model_training.runtime.card import Card, read_card
from model_training.runtime.errors import BundleError, ServingError

CARD = "card.json"
HANDLER = Path(__file__).parent / "handlers" / "classify.py"
MODEL_CONFIG = Path(__file__).parent / "config" / "model-config.yaml"
PACKAGE = Path(model_training.__file__).parent


def build_archive(bundle: Path, model_store: Path) -> Path:
    """Write `<model_store>/<card's name>.mar` and return its path.

    The card is validated and every file that it lists is compared with its hash first. The archive appears under its
    name complete or not at all, also where two builds of one name run at once: the later one to finish stays.

    Raises `CardError`, `BundleError` (a file that is missing, altered or outside the bundle), `ServingError`.
    """
    card = read_card(bundle / CARD, Card)
    _verify_files(card, bundle)
    try:
        model_store.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="hwapung-stage-") as stage,
            tempfile.TemporaryDirectory(prefix=".archive-", dir=model_store) as finished,
        ):
            for name, source in _contents(card, bundle):
                link = Path(stage) / name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(source.resolve())  # the weights are read once, into the archive
            # The packaging step without the archiver's own staging, which works in one folder per model name for
            # everyone on the machine. Stored, not deflated: weights hardly shrink, and a worker starts sooner.
            ModelExportUtils.archive(finished, card.name, stage, _manifest(card), "zip-store")
            return (Path(finished) / f"{card.name}.mar").replace(model_store / f"{card.name}.mar")
    except OSError as error:
        raise ServingError(
            f"{model_store}: the archive can't be written ({error.strerror or error}).",
            "Free some space there or choose another folder with --out.",
        ) from error


def _contents(card: Card, bundle: Path) -> Iterator[tuple[str, Path]]:
    """Name in the archive → file. Of the repository only the runtime goes in, so no training code can be leant on."""
    yield HANDLER.name, HANDLER
    yield MODEL_CONFIG.name, MODEL_CONFIG
    for source in (PACKAGE / "__init__.py", *sorted((PACKAGE / "runtime").rglob("*.py"))):
        yield f"{PACKAGE.name}/{source.relative_to(PACKAGE).as_posix()}", source
    for name in (CARD, *card.files):
        yield name, bundle / name


def _manifest(card: Card) -> str:
    return ModelExportUtils.generate_manifest_json(
        ModelArchiverConfig(
            model_name=card.name, version=card.version, handler=HANDLER.name, config_file=str(MODEL_CONFIG)
        )
    )


def _verify_files(card: Card, bundle: Path) -> None:
    remedy = "Make the bundle again: hwapung train."
    for name, expected in card.files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.parts[0] == PACKAGE.name:
            raise BundleError(f"{bundle / CARD}: {name!r} is not the name of a file in a bundle.", remedy)
        try:
            with (bundle / path).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(f"{bundle / path}: {error.strerror}.", remedy) from None
        if actual != expected:
            raise BundleError(f"{bundle / path}: the file is not the one that the card describes.", remedy)
