"""The JSON of answers and errors is what ARCHITECTURE.md promises."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import numpy as np
import pytest
from PIL import Image

from model_training.runtime.card import Reason
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import ImageError
from model_training.runtime.load import load_bundle
from tests.tiny_sketch import draw_page

ROOT = Path(__file__).resolve().parents[2]
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
CLASSES = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
#: Keys that answers may lack: `reason` belongs to unknown ones, `prediction_set` to the others; within it, the classes
#: by bounds of their own.
OPTIONAL = ("prediction_set", "class_conditional", "reason")


def closed(**properties: object) -> dict[str, object]:
    """An object with these keys, all of them and no others; those in `OPTIONAL` may be missing."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in OPTIONAL],
        "additionalProperties": False,
    }


ANSWER: dict[str, object] = {
    "class": {"type": "string", "minLength": 1},
    "confidence": SHARE,
    "processing_time_ms": {"type": "number", "exclusiveMinimum": 0},
    "probabilities": {"type": "object", "minProperties": 2, "additionalProperties": SHARE},
    "verdict": {"enum": ["sure", "unsure", "unknown"]},
    "reason": {"enum": list(get_args(Reason))},
    "model": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
    "version": {"type": "string", "minLength": 1},
    "prediction_set": closed(coverage=SHARE, classes=CLASSES, class_conditional=CLASSES),
}
EXPLANATION = closed(
    method={"const": "grad-cam"},
    media_type={"const": "image/png"},
    width={"type": "integer", "minimum": 1},
    height={"type": "integer", "minimum": 1},
    data={"type": "string", "contentEncoding": "base64", "pattern": "^iVBORw0KGgo[A-Za-z0-9+/]+={0,2}$"},
    **{"class": {"type": "string", "minLength": 1}},
)
ERROR = closed(
    error=closed(
        code={"enum": ["empty_body", "not_a_picture", "broken_picture", "picture_too_large"]},
        message={"type": "string", "pattern": "^[^\\n]+$"},
        remedy={"type": "string", "pattern": "^[^\\n]+$"},
    )
)
OBJECT: dict[str, object] = {
    "box": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}]},
    "score": {"anyOf": [{"type": "null"}, SHARE]},
    "class": {"type": "string", "minLength": 1},
    "title": closed(en={"type": "string"}, ko={"type": "string"}),
    "confidence": SHARE,
    "probabilities": {"type": "object", "minProperties": 1, "maxProperties": 5, "additionalProperties": SHARE},
}
SIDE = {"type": "integer", "minimum": 1}
PAGE = closed(media_type={"const": "image/png"}, width=SIDE, height=SIDE, data={"type": "string", "minLength": 1})


def drawn(verdict: str, *, paper: bool = False, **own: object) -> dict[str, object]:
    """An answer with objects; `own`: what they have besides."""
    return closed(
        objects={"type": "array", "items": closed(**OBJECT, **own)},
        verdict={"const": verdict},
        width=SIDE,
        height=SIDE,
        processing_time_ms={"type": "number", "exclusiveMinimum": 0},
        model=ANSWER["model"],
        version=ANSWER["version"],
        **({"page": PAGE} if paper else {}),
    )


EMBEDDED = {"embedding": {"type": "string", "minLength": 1}}
CONTRACT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def conforms(schema: dict[str, object], instance: object) -> bool:
    return not [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(instance)]


def through_json(value: object) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.fixture(scope="module")
def classifier(tiny_bundle: Path) -> Classifier:
    return Classifier.load(tiny_bundle)


@pytest.fixture(scope="module")
def image() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_documented_answer_conforms() -> None:
    (example,) = re.findall(r'```json\n(\{"class".*?)\n```', CONTRACT, re.DOTALL)
    assert conforms(closed(**ANSWER), json.loads(example))
    assert json.loads(example).keys() == ANSWER.keys() - {"reason"}


def test_every_reason_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \| [A-Z]", CONTRACT[CONTRACT.index("| `reason` |") :], re.MULTILINE)
    assert tuple(documented) == get_args(Reason)


def test_an_unknown_answer_conforms_and_is_explained_all_the_same(
    classifier: Classifier, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert classifier.card.ood is not None
    strict = classifier.card.ood.model_copy(update={"threshold": -1.0})
    monkeypatch.setattr(classifier, "card", classifier.card.model_copy(update={"ood": strict}))
    plain, explained = (through_json(one) for one in classifier.answer([image, image], [False, True]))
    assert (plain["verdict"], plain["reason"]) == (explained["verdict"], explained["reason"]) == ("unknown", "unlike")
    assert conforms(closed(**ANSWER), plain)
    assert conforms(closed(**ANSWER, explanation=EXPLANATION), explained)
    assert not {"prediction_set"} & plain.keys()


def test_the_documented_explanation_conforms() -> None:
    (example,) = re.findall(r'`"explanation": (\{.*?\})`', CONTRACT, re.DOTALL)
    example = json.loads(example)
    assert example.keys() == EXPLANATION["properties"].keys()  # type: ignore[attr-defined]
    assert conforms(EXPLANATION, example | {"data": "iVBORw0KGgoAAAA="})


def test_answers_conform(classifier: Classifier, image: bytes) -> None:
    plain, explained = (through_json(one) for one in classifier.answer([image, image], [False, True]))
    assert conforms(closed(**ANSWER), plain)
    assert conforms(closed(**ANSWER, explanation=EXPLANATION), explained)
    assert not conforms(closed(**ANSWER), explained)


def test_the_documented_objects_and_page_conform() -> None:
    (example,) = re.findall(r'```json\n(\{"objects".*?)\n```', CONTRACT, re.DOTALL)
    assert conforms(drawn("recognised", **EMBEDDED), json.loads(example))
    (page,) = re.findall(r'`"page": (\{.*?\})`', CONTRACT, re.DOTALL)
    assert conforms(PAGE, json.loads(page))


@pytest.mark.parametrize(("name", "own"), [("sketch", EMBEDDED), ("sketch_detector", {})])
def test_answers_with_objects_conform(tiny_sketch_bundle: Path, name: str, own: dict[str, object]) -> None:
    model = load_bundle(tiny_sketch_bundle.with_name(name))
    images = [draw_page(0, 5), draw_page(0, 5), draw_page()]
    plain, sheet, empty = (through_json(one) for one in model.answer(images, paper=[False, True, True]))
    assert len(plain["objects"]) == len(sheet["objects"]) == 2
    assert conforms(drawn("recognised", **own), plain)
    assert conforms(drawn("recognised", paper=True, **own), sheet)
    assert not conforms(drawn("recognised", **own), sheet)
    assert conforms(drawn("no_drawing", paper=True, **own), empty)
    for verdict in ("no_drawing", "nothing_found"):
        assert f"`{verdict}`" in CONTRACT


def test_every_example_is_an_explained_answer(classifier: Classifier) -> None:
    text = {"type": "string", "minLength": 1}
    answer = closed(**ANSWER, explanation=EXPLANATION)
    schema = closed(name=text, label=text, media_type={"const": "image/jpeg"}, data=text, answer=answer)
    examples = through_json(classifier.examples())
    assert examples
    assert all(conforms(schema, example) for example in examples)


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (b"", "empty_body", 400),
        (b"text", "not_a_picture", 400),
        (None, "broken_picture", 400),
        (bytes(26 * 2**20), "picture_too_large", 413),
    ],
)
def test_errors_conform(classifier: Classifier, image: bytes, data: bytes | None, code: str, status: int) -> None:
    (error,) = classifier.answer([image[:500] if data is None else data])
    assert isinstance(error, ImageError)
    answer = through_json(error.as_answer())
    assert conforms(ERROR, answer)
    assert (answer["error"]["code"], error.status) == (code, status)
    assert re.search(rf"{status} \([^)]*`{code}`", CONTRACT)
