"""A bundle's torch weights as a file: what can be said of it without torch, which a worker loads when it needs it."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from .errors import BundleError

WEIGHTS = "weights.safetensors"
_REMEDY = "Make the bundle again: hwapung train."


def check_weights(bundle: Path) -> None:
    """Raises `BundleError` where the file is missing, cut or something else; whether each tensor fits, only the network
    can tell."""
    path = bundle / WEIGHTS
    try:
        with safe_open(path, "numpy"):
            pass
    except FileNotFoundError:
        raise missing_weights(path) from None
    except (SafetensorError, OSError) as error:
        raise unfit_weights(path, error) from None


def missing_weights(path: Path) -> BundleError:
    return BundleError(f"{path}: the weights are missing.", _REMEDY)


def unfit_weights(path: Path, error: Exception) -> BundleError:
    reason = " ".join(str(error).split())[:300]  # torch lists the names that do not fit on lines of their own
    return BundleError(f"{path}: the weights do not fit the card ({reason}).", _REMEDY)
