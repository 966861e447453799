"""The servers that `bench-serving` measures beside ours, as their own documentation has one write them.

    python -m tests.benchmarks.rivals fastapi|litserve|openvino BUNDLE PORT

All run the same network with the same weights and answer the same keys: two of them in torch with torchvision's
transform, the third in OpenVINO, as an able engineer makes the first one faster in an afternoon.
"""

import io
import queue
import sys
from pathlib import Path
from typing import Annotated

import litserve
import numpy as np
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


def serve_openvino(bundle: Path, port: int) -> None:
    """FastAPI's threads decode side by side and share as many infer requests as OpenVINO wants for throughput; pixels
    are scaled and laid out inside the graph. In float32, without batches and without a gate."""
    import openvino
    import uvicorn
    from fastapi import FastAPI, File

    card, network, _ = load(bundle)
    side = (card.preprocessing.width, card.preprocessing.height)
    example = torch.zeros(1, 3, side[1], side[0])
    model = openvino.convert_model(network.backbone, example_input=example, input=[(1, 3, side[1], side[0])])
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    to_float = steps.input().preprocess().convert_element_type(openvino.Type.f32)
    to_float.mean([255 * each for each in card.preprocessing.mean]).scale(
        [255 * each for each in card.preprocessing.std]
    )
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(steps.build(), "CPU", hints)
    free: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
    for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")):
        free.put(compiled.create_infer_request())
    app = FastAPI()

    @app.post("/predict")
    def predict(file: Annotated[bytes, File()]) -> dict[str, object]:
        image = Image.open(io.BytesIO(file)).convert("RGB").resize(side, Image.Resampling.BILINEAR)
        request = free.get()
        try:
            logits = torch.from_numpy(request.infer({0: np.asarray(image)[None]})[0].copy())
        finally:
            free.put(request)
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
    {"fastapi": serve_fastapi, "litserve": serve_litserve, "openvino": serve_openvino}[kind](Path(folder), int(number))
