"""Where things lie by default, below the working directory: in a checkout where its containers look for them, too."""

from __future__ import annotations

from pathlib import Path

from model_training.runtime.errors import BundleError

BUILD = Path("build")


def default_store() -> Path:
    """The model store: the checkout's, which the containers read, else one in build/."""
    return _first_there(Path("torchserve/model_store"), BUILD / "model_store")


def default_reports() -> Path:
    """Reports: the checkout's folder, which the containers show, else one in build/."""
    return _first_there(Path("analysis/reports"), BUILD / "reports")


def default_gallery() -> Path | None:
    """What `hwapung gallery` wrote, if it did; absolute."""
    folder = BUILD / "gallery"
    return folder.absolute() if folder.is_dir() else None


def find_bundle(name: str | None, build: Path = BUILD) -> Path:
    """A bundle by its folder, or by its name in `build`/bundles; without a name the newest. Raises `BundleError`."""
    cards = sorted((build / "bundles").glob("*/card.json"), key=lambda card: card.stat().st_mtime)
    if name is None:
        if not cards:
            raise BundleError(f"There is no bundle in {build / 'bundles'}.", "Train one: hwapung train.")
        return cards[-1].parent
    for folder in (Path(name), build / "bundles" / name):
        if (folder / "card.json").is_file():
            return folder
    known = ", ".join(sorted(card.parent.name for card in cards))
    raise BundleError(
        f"There is no bundle {name!r}, neither as a folder nor in {build / 'bundles'}.",
        f"Choose one of {known}, or train one: hwapung train." if known else "Train one: hwapung train.",
    )


def _first_there(checkout: Path, otherwise: Path) -> Path:
    return checkout if checkout.is_dir() else otherwise
