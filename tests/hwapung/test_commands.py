"""predict, convert, archive and evaluate on a real, tiny bundle."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zipfile
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from hwapung.places import find_bundle
from hwapung.prediction import REASONS, _remark
from model_training.runtime.card import ClassifierCard, OutOfDistribution, Reason, read_card, write_card
from model_training.runtime.errors import BundleError
from model_training.runtime.execution import TorchExecution
from model_training.runtime.network import load_network
from model_training.runtime.ood import GATE, Gaussian, Mahalanobis
from tests.hwapung.test_cli import run
from tests.signing import picture
from tests.tiny_sketch import LABELS, draw_page
from tests.torchserve.tiny import make_tiny_bundle


@pytest.fixture
def images(procedural_folder: Path, tmp_path: Path) -> list[str]:
    """A landscape, what is no picture, and another landscape of the first one's name."""
    folder = tmp_path / "그림"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
    first, second = sorted(procedural_folder.rglob("*.jpg"))[:2]
    (folder / "one" / "a.jpg").write_bytes(first.read_bytes())
    (folder / "two" / "a.jpg").write_bytes(second.read_bytes())
    (folder / "text.jpg").write_text("no picture")
    return [str(folder / name) for name in ("one/a.jpg", "text.jpg", "two/a.jpg")]


def test_pictures_are_answered_line_by_line(
    tiny_bundle: Path, images: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "predict", *images, "--bundle", str(tiny_bundle), "--device", "cpu")
    assert status == 1
    first, second = out.splitlines()
    titles = tuple(label.title.en for label in read_card(tiny_bundle / "card.json").labels)
    assert first.removeprefix(f"{images[0]}: ").startswith(titles)
    assert ", confidence 0." in first
    assert second.startswith(f"{images[2]}: ")
    assert err.startswith(f"error: {images[1]}: ")
    assert err.count("\n") == 1
    status, _, err = run(capsys, "predict", images[0], "--bundle", str(tiny_bundle), "--device", "cpu")
    assert (status, err) == (0, "")


def test_what_a_file_says_of_its_origin_ends_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    write_card(read_card(bundle / "card.json").model_copy(update={"reads_provenance": True}), bundle / "card.json")
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", "NovelAI")
    (tmp_path / "stating.png").write_bytes(picture("PNG", pnginfo=note))
    (tmp_path / "silent.png").write_bytes(picture("PNG"))
    files = [str(tmp_path / name) for name in ("stating.png", "silent.png")]
    _, out, _ = run(capsys, "predict", *files, "--bundle", str(bundle), "--device", "cpu")
    stating, silent = out.splitlines()
    assert stating.endswith("; the file says: ai, claimed")
    assert "the file says" not in silent


def test_a_form_is_asked_for_by_name(tiny_bundle: Path, images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = [images[0], "--bundle", str(tiny_bundle), "--device", "cpu", "--json", "--form"]
    status, out, _ = run(capsys, "predict", *options, "float32")
    assert (status, json.loads(out)[0]["version"]) == (0, "1.0")
    for form, message in (("int8", "the bundle has no int8 form"), ("int4", "There is no form 'int4'")):
        status, out, err = run(capsys, "predict", *options, form)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_pictures_are_answered_for_a_program(
    tiny_bundle: Path, images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heatmaps = tmp_path / "new" / "heatmaps"
    options = ["--bundle", str(tiny_bundle), "--device", "cpu", "--json", "--explain", str(heatmaps)]
    status, out, _ = run(capsys, "predict", *images, *options)
    assert status == 1
    first, bad, second = json.loads(out)
    assert [first["path"], bad["path"], second["path"]] == images
    assert first["confidence"] == max(first["probabilities"].values())
    assert bad["error"]["code"] == "not_a_picture"
    assert sorted(path.name for path in heatmaps.iterdir()) == ["a-2.png", "a.png"]
    with Image.open(heatmaps / "a-2.png") as covered, Image.open(images[2]) as original:
        assert covered.size == original.size


def close_gate(bundle: Path, into: Path) -> Path:
    """A copy of the bundle to which every picture is a stranger by its features."""
    copied = shutil.copytree(bundle, into)
    card = read_card(copied / "card.json", ClassifierCard)
    network = TorchExecution(load_network(card, copied), "cpu")
    size = network.observe(np.zeros((1, card.preprocessing.height, card.preprocessing.width, 3), np.uint8))[2].shape[1]
    Mahalanobis((Gaussian(np.zeros(size), np.eye(size)[:, :1], np.ones(1), 1.0),)).save(copied / GATE)
    strict = OutOfDistribution(threshold=-1, rejected=1, fitted_on=90)
    changes = {"ood": strict, "openvino_model": None}
    write_card(card.model_copy(update=changes), copied / "card.json")
    return copied


def test_of_a_stranger_the_verdict_leads(
    tiny_bundle: Path, images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = close_gate(tiny_bundle, tmp_path / "landscape")
    options = ["--bundle", str(bundle), "--device", "cpu", "--explain", str(tmp_path / "heatmaps")]
    status, out, _ = run(capsys, "predict", images[0], *options)
    assert status == 0
    titles = "|".join(label.title.en for label in read_card(tiny_bundle / "card.json").labels)
    said = r"unlike anything learned: no training picture comes close \(nearest: "
    assert re.fullmatch(f"{re.escape(images[0])}: {said}({titles})\\)\n", out)
    assert not (tmp_path / "heatmaps").exists()
    _, out, _ = run(capsys, "predict", images[0], *options, "--json")
    (answer,) = json.loads(out)
    assert (answer["verdict"], answer["reason"]) == ("unknown", "unlike")
    assert "explanation" in answer  # programs get it, of the nearest class


def test_every_reason_is_said() -> None:
    assert set(REASONS) == set(get_args(Reason))


def test_an_unknown_object_is_no_name(
    tiny_sketch_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, page = close_gate(tiny_sketch_bundle, tmp_path / "sketch"), tmp_path / "page.png"
    page.write_bytes(draw_page(0, 10))
    _, out, _ = run(capsys, "predict", str(page), "--bundle", str(bundle), "--device", "cpu")
    stranger = rf"\? \(nearest: ({'|'.join(LABELS)})\)"
    assert re.fullmatch(f"{re.escape(str(page))}: {stranger}, {stranger}\n", out)


def test_a_drawing_is_answered_in_one_line(
    tiny_sketch_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.png"
    page.write_bytes(draw_page(5))
    status, out, err = run(capsys, "predict", str(page), "--bundle", str(tiny_sketch_bundle), "--device", "cpu")
    assert (status, err) == (0, "")
    assert out.startswith(f"{page}: ")
    assert out.count("\n") == 1


def test_a_bundle_is_found_by_its_name(
    tiny_bundle: Path, images: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    build = tmp_path / "build"
    (build / "bundles").mkdir(parents=True)
    (build / "bundles" / "mine").symlink_to(tiny_bundle)
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "archive", "mine")
    assert (status, out) == (0, "build/model_store/landscape.mar\n")
    status, _, err = run(capsys, "predict", images[0], "--bundle", "yours")
    assert status == 2
    assert "Choose one of mine, or train one: hwapung train." in err


def test_a_checkout_keeps_its_archives_where_containers_look(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torchserve" / "model_store").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "archive", str(tiny_bundle))[:2] == (0, "torchserve/model_store/landscape.mar\n")


def test_another_precision_can_be_archived_from_what_convert_prints(
    tiny_bundle: Path, procedural_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--precision", "torch", "--data", str(procedural_folder), "--build", str(tmp_path)]
    status, made, _ = run(capsys, "convert", str(tiny_bundle), *given)
    assert status == 0
    status, archived, _ = run(capsys, "archive", made.strip(), "--out", str(tmp_path / "store"))
    assert status == 0
    with zipfile.ZipFile(archived.strip()) as archive:
        assert json.loads(archive.read("card.json"))["openvino_model"] is None


@pytest.mark.slow
def test_an_evaluation_for_a_program(
    tiny_bundle: Path, procedural_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--build", str(tmp_path / "build"), "--reports", str(tmp_path / "reports")]
    given = ["--data", str(procedural_folder), "--device", "cpu", "--json", "--zip"]
    status, out, err = run(capsys, "evaluate", str(tiny_bundle), *given, *places)
    assert status == 0, err
    found = json.loads(out)
    headline = next(each for each in read_card(tiny_bundle / "card.json").metrics if each.is_headline)
    assert found["accuracy"]["value"] == pytest.approx(headline.value, abs=1e-4)
    assert found["accuracy"]["images"] == headline.images
    assert found["accuracy"]["low"] < found["accuracy"]["value"] <= found["accuracy"]["high"]
    report = Path(found["report"])
    with zipfile.ZipFile(found["zip"]) as packed:
        assert packed.read(f"{report.parent.name}/index.html") == report.read_bytes()
        assert any(name.endswith(".webp") for name in packed.namelist())


def test_without_a_name_the_newest_bundle_is_meant(tmp_path: Path) -> None:
    for age, name in ((30, "newer"), (60, "older")):
        card = tmp_path / "bundles" / name / "card.json"
        card.parent.mkdir(parents=True)
        card.write_text("{}")
        os.utime(card, (time.time() - age,) * 2)
    assert find_bundle(None, tmp_path).name == "newer"
    assert find_bundle("older", tmp_path).name == "older"
    with pytest.raises(BundleError, match="Choose one of newer, older"):
        find_bundle("other", tmp_path)


def test_a_strip_and_a_file_that_ends_early_are_remarked_on() -> None:
    said: dict[str, object] = {"verdict": "sure"}
    assert _remark(said) == ""  # type: ignore[arg-type]
    cut = said | {"panels": [{}] * 12, "warnings": ["truncated"]}
    assert _remark(cut) == "; a strip of 12 panels; the file ends early"  # type: ignore[arg-type]
