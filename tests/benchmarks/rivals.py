"""The servers that `bench-serving` measures beside ours, as their own documentation has one write them.

    python -m tests.benchmarks.rivals fastapi|litserve BUNDLE PORT

Both run the same network with the same weights in torch, with torchvision's transform, and answer the same keys.
"""

import io
import sys
from pathlib import Path

import litserve
import torch
from fastapi import UploadFile
from PIL import Image
from torchvision import transforms

from model_training.runtime.card import ModelCard, read_card
from model_training.runtime.network import ClassificationNetwork, load_network


def load(bundle: Path) -> tuple[ModelCard, ClassificationNetwork, transforms.Compose]:
    card = read_card(bundle / "card.json")
    size = (card.preprocessing.height, card.preprocessing.width)
    transform = transforms.Compose(
        [
            transforms.Resize(size),
            transforms.ToTensor(),
            transforms.Normalize(card.preprocessing.mean, card.preprocessing.std),
        ]
    )
    return card, load_network(card, bundle), transform


def phrase(card: ModelCard, probabilities: torch.Tensor) -> dict[str, object]:
    best = int(probabilities.argmax())
    keys = [label.key for label in card.labels]
    shares = dict(zip(keys, probabilities.tolist(), strict=True))
    return {"class": keys[best], "confidence": shares[keys[best]], "probabilities": shares}


def serve_fastapi(bundle: Path, port: int) -> None:
    """One process, one request at a time: the endpoint of FastAPI's and PyTorch's tutorials."""
    import uvicorn
    from fastapi import FastAPI

    card, network, transform = load(bundle)
    app = FastAPI()

    @app.post("/predict")
    async def predict(file: UploadFile) -> dict[str, object]:
        image = Image.open(io.BytesIO(await file.read())).convert("RGB")
        with torch.no_grad():
            logits = network.backbone(transform(image).unsqueeze(0))
        return phrase(card, torch.softmax(logits, 1)[0])

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


class Api(litserve.LitAPI):
    """At the module's level, since LitServe's worker is a fresh process that imports it."""

    bundle: Path

    def setup(self, device: str) -> None:
        self.card, network, self.transform = load(self.bundle)
        self.network = network.backbone

    def decode_request(self, request: UploadFile) -> torch.Tensor:
        return self.transform(Image.open(request.file).convert("RGB"))

    def batch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(inputs)

    def predict(self, batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return torch.softmax(self.network(batch), 1)

    def unbatch(self, output: torch.Tensor) -> list[torch.Tensor]:
        return list(output)

    def encode_response(self, output: torch.Tensor) -> dict[str, object]:
        return phrase(self.card, output)


def serve_litserve(bundle: Path, port: int) -> None:
    """Batches of up to 16 that wait 10 ms, one worker: the batching example of LitServe's documentation."""
    api = Api(max_batch_size=16, batch_timeout=0.01)
    api.bundle = bundle
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False, access_log=False)


if __name__ == "__main__":
    kind, folder, number = sys.argv[1:]
    {"fastapi": serve_fastapi, "litserve": serve_litserve}[kind](Path(folder), int(number))
