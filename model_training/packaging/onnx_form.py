"""A classifier's bundle → one ONNX file: pixels in, logits and the gate's distance out, as the bundle says them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..runtime.card import Card, ClassifierCard, read_card
from ..runtime.classifier import ImageClassifier
from ..runtime.errors import BundleError
from ..runtime.files import replacing
from ..runtime.load import load_bundle
from ..runtime.network import load_network
from ..runtime.ood import Gaussian, Mahalanobis
from ..runtime.preprocess import read
from .gate import make_companion

#: Noise beside the examples: whatever the network meets, it must say the same.
_RANDOM = 16
#: How far logits may be apart, and distances in parts of the bound above which a picture is unknown: those of a
#: companion, whose weights the bundle's form has in 16 bits, are rounded in another place.
LARGEST_DIFFERENCE, LARGEST_DISTANCE = 1e-3, 1e-2
#: The oldest that has all operators of the networks, and that every runtime of today reads.
_OPSET = 17


@dataclass(frozen=True)
class Parity:
    """Largest differences between the file and the bundle: of logits, and of distances in parts of the gate's bound."""

    pictures: int
    logits: float
    distances: float


def export_onnx(bundle: Path, path: Path) -> Parity:
    """Write `path`: input `pixels`, uint8 (N, height, width, 3), as `preprocessing` makes them; outputs `logits`,
    float32 (N, classes), and, where the card has a gate with a bound, `distance`, float32 (N,). The card's temperature,
    thresholds and bounds hold for them.

    Raises `BundleError` for a model of another task, one in 8-bit integers, or a file that says something else, and
    without the extra `onnx`.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise BundleError(f"{error.name} is not installed.", "Install hwapung[onnx].") from None
    card = read_card(bundle / "card.json", Card)
    if not isinstance(card, ClassifierCard) or card.task == "sketch":
        raise BundleError(f"{bundle}: a {card.task} model is no single network.", "Give a classifier's bundle.")
    if card.openvino_model is not None and card.openvino_model.precision == "int8":
        raise BundleError(
            f"{bundle}: its thresholds are those of 8-bit integers.", "Convert it first: --precision float32."
        )
    model = load_bundle(bundle)
    assert isinstance(model, ImageClassifier)
    pixels = _choose_pixels(card, bundle)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        _write(_Observed(card, bundle).eval(), pixels[:2], temporary)
        parity = _compare(temporary, model, pixels)
        if parity.logits > LARGEST_DIFFERENCE or parity.distances > LARGEST_DISTANCE:
            raise BundleError(
                f"{path}: the ONNX form differs by {parity.logits:.1e} in the logits and {parity.distances:.1e} in the "
                f"distances, more than {LARGEST_DIFFERENCE:.0e} and {LARGEST_DISTANCE:.0e}.",
                "Serve the bundle itself.",
            )
    return parity


class _Observed(nn.Module):
    """What `runtime.ood.Observer` makes of pixels, as one graph."""

    def __init__(self, card: ClassifierCard, bundle: Path) -> None:
        super().__init__()
        self.network = load_network(card, bundle)
        self.until = card.ood.stages if card.ood is not None else None
        self.gaussians: nn.ModuleList | None = None
        self.companion: nn.Module | None = None
        if card.ood is None or card.ood.threshold is None:
            return
        self.gaussians = nn.ModuleList(map(_Distance, Mahalanobis.load(bundle / card.ood.file).gaussians))
        if card.ood.companion is not None:
            # Stored in 16 bits, as in the bundle.
            self.companion = make_companion(card.ood.companion).half().float()

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        if self.gaussians is None:
            return (self.network(pixels),)
        if self.companion is not None:
            logits, seen = self.network(pixels), self.companion(pixels)
        else:
            logits, _, seen = self.network.observe(pixels, self.until)
        return logits, torch.stack([each(seen) for each in self.gaussians]).amin(0)


class _Distance(nn.Module):
    """A `Gaussian`'s distance in 32 bits: what lies beside the basis is subtracted before it is squared, so that no
    two large numbers cancel."""

    mean: Tensor
    basis: Tensor
    variances: Tensor

    def __init__(self, gaussian: Gaussian) -> None:
        super().__init__()
        for name in ("mean", "basis", "variances"):
            self.register_buffer(name, torch.as_tensor(getattr(gaussian, name)).float())
        self.rest = float(gaussian.rest)

    def forward(self, features: Tensor) -> Tensor:
        centred = features - self.mean
        along = centred @ self.basis
        beside = centred - along @ self.basis.T
        return (along.square() / self.variances).sum(1) + beside.square().sum(1) / self.rest


def _write(network: _Observed, example: np.ndarray, path: Path) -> None:
    outputs = ["logits", "distance"] if network.gaussians is not None else ["logits"]
    axes = {name: {0: "pictures"} for name in ("pixels", *outputs)}
    with warnings.catch_warnings(), torch.inference_mode():
        # The tracer's advice to its users, of which ours can take none.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.from_numpy(example),),
            str(path),
            input_names=["pixels"],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def _compare(path: Path, model: ImageClassifier, pixels: np.ndarray) -> Parity:
    import onnxruntime

    found = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"pixels": pixels})
    wanted = model.observe(pixels)
    bound = model.card.ood.threshold if model.card.ood is not None else None
    apart = float(np.abs(found[1] - wanted.distances).max() / bound) if bound else 0.0
    return Parity(len(pixels), float(np.abs(found[0] - wanted.logits).max()), apart)


def _choose_pixels(card: ClassifierCard, bundle: Path) -> np.ndarray:
    examples = [read((bundle / "examples" / each.image).read_bytes(), card.preprocessing) for each in card.examples]
    shape = (_RANDOM, card.preprocessing.height, card.preprocessing.width, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return np.stack([*examples, *noise])
