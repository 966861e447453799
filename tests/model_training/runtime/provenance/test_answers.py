"""A classifier's answers carry provenance where the card asks for it, and nothing else about them changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_training.recipe import load_recipe
from model_training.runtime.card import read_card, write_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import ImageError
from model_training.runtime.provenance.credentials import TRUST
from tests.cards import make_card
from tests.signing import Authority, created, picture
from tests.torchserve.tiny import make_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    write_card(read_card(bundle / "card.json").model_copy(update={"reads_provenance": True}), bundle / "card.json")
    return bundle


@pytest.mark.parametrize("name", ["ai_vs_real", "ai_vs_real_small", "ai_vs_real_vit"])
def test_recipes_that_ask_for_it(name: str) -> None:
    assert load_recipe(name).provenance is True
    assert load_recipe("landscape").provenance is False


def test_a_card_of_before_asks_for_none() -> None:
    content = make_card().model_dump(mode="json")
    del content["reads_provenance"]
    assert make_card().model_validate(content).reads_provenance is False


def test_predictions_and_explanations_say_where_a_file_comes_from(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority()
    plain, maker = picture(), authority.certify("Signing desk", "Brush Co")
    monkeypatch.setenv(TRUST, str(authority.write_list(tmp_path)))
    answers = Classifier.load(bundle).answer([maker.sign(plain, created()), b"none", plain], [True, False, False])
    signed, broken, unsigned = answers
    assert isinstance(broken, ImageError)
    assert isinstance(signed, dict)
    assert isinstance(unsigned, dict)
    assert (signed["provenance"]["says"], signed["provenance"]["level"]) == ("ai", "signed")  # type: ignore[index]
    assert unsigned["provenance"] == {"says": "nothing", "level": None, "statements": [], "unread": []}
    assert "explanation" in signed
    assert json.loads(json.dumps(signed)) == signed
    # Credentials lie beside the pixels, and what they say does not weigh on what the pixels say.
    assert {**signed, "provenance": 0, "explanation": 0} == {**unsigned, "provenance": 0, "explanation": 0}


def test_a_model_that_does_not_ask_loads_no_library(bundle: Path, tmp_path: Path) -> None:
    silent = make_tiny_bundle(tmp_path / "silent")
    model = Classifier.load(silent)
    assert model.credentials is None
    (answer,) = model.answer([picture()])
    assert "provenance" not in answer  # type: ignore[operator]
