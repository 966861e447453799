from __future__ import annotations

import csv
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.forms import FORMS, _load_forms, _print, as_table, compare_forms, measure_speed
from analysis.writer import to_csv
from hwapung.cli import main
from model_training.datasets.prepare import prepare
from model_training.datasets.reopen import open_bundle, read_recipe
from model_training.packaging.convert import convert_bundle
from model_training.packaging.quantise import quantise
from model_training.runtime.card import read_card
from model_training.runtime.errors import DatasetError
from model_training.runtime.execution import OpenVINOExecution, can_run
from tests.analysis.conftest import LABELS, draw_images

pytestmark = pytest.mark.slow


@pytest.fixture
def quantised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bundle's network in 8 bits takes seconds, and is the same the second time."""
    made: dict[str, bytes] = {}

    def once(model: Path, pixels: np.ndarray, rows: np.ndarray) -> None:
        if not made:
            quantise(model, pixels, rows)
            made.update({suffix: model.with_suffix(suffix).read_bytes() for suffix in (".xml", ".bin")})
        for suffix, data in made.items():
            model.with_suffix(suffix).write_bytes(data)

    monkeypatch.setattr("model_training.packaging.served_form.quantise", once)


@pytest.mark.usefixtures("quantised_once")
def test_every_form_of_every_bundle_is_held_to_the_first(
    bundle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = compare_forms([bundle, bundle], images, tmp_path, seconds=0.01)
    here = [form for form in FORMS if form != "bf16" or can_run("bf16")]
    assert [each.form for each in rows] == [*here, *here]
    first = rows[0]
    assert first.agreement == 1.0
    assert first.size == (bundle / "weights.safetensors").stat().st_size
    assert rows[1].agreement == 1.0  # OpenVINO in float32 is the same network
    assert rows[1].accuracy == first.accuracy
    assert rows[len(here) - 1].size < rows[1].size
    assert {each.verdict for each in rows} == {"can't tell"}
    assert all(each.latency > 0 and each.throughput > 0 for each in rows)
    table = list(csv.DictReader(to_csv(as_table(rows)).splitlines()))
    assert float(table[0]["accuracy"]) == pytest.approx(first.accuracy.value, abs=1e-6)
    _print(as_table(rows))
    printed = capsys.readouterr().err
    assert f"{first.accuracy.value:.3f} ({first.accuracy.low:.3f}–{first.accuracy.high:.3f})" in printed
    assert printed.count("can't tell") == 2 * len(here)
    assert (bundle / "card.json").is_file()
    assert not (bundle / "network.xml").exists()  # the bundle is only read


def test_bundles_of_other_images_are_refused(bundle: Path, images: Path, tmp_path: Path) -> None:
    other = tmp_path / "landscape"
    shutil.copytree(bundle, other)
    card = read_card(other / "card.json")
    recipe = dict(card.provenance.recipe)
    recipe["data"] = {**recipe["data"], "split": {"seed": 5}}  # type: ignore[dict-item]
    provenance = card.provenance.model_copy(update={"recipe": recipe})
    changed = card.model_copy(update={"provenance": provenance})
    (other / "card.json").write_text(changed.model_dump_json(), "utf-8")
    with pytest.raises(DatasetError, match="does not hold, split for split, the pictures"):
        compare_forms([bundle, other], images, tmp_path / "build", seconds=0.01)
    fingerprint = prepare(read_recipe(changed), images, tmp_path / "cache").provenance.fingerprint
    data = card.data.model_copy(update={"fingerprint": fingerprint})
    (other / "card.json").write_text(changed.model_copy(update={"data": data}).model_dump_json(), "utf-8")
    with pytest.raises(DatasetError, match="not tested on the same pictures"):
        compare_forms([bundle, other], images, tmp_path / "build", seconds=0.01)


def test_images_that_the_bundle_may_have_been_trained_on_are_refused_in_a_line(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = draw_images(tmp_path / "strange", dict.fromkeys(LABELS, 20), seed=9)
    build = tmp_path / "build"
    with pytest.raises(SystemExit) as ended:
        main(["compare", "precisions", str(bundle), "--data", str(strange), "--build", str(build)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {strange} does not hold, split for split, the pictures that {bundle} was trained and tested on. "
        "Give the folder of its training, unchanged."
    )
    assert not (build / "forms.csv").exists()


def test_the_row_of_the_served_form_is_of_what_is_served(
    tiny_bundle: Path, procedural_folder: Path, tmp_path: Path
) -> None:
    quantised = convert_bundle(tiny_bundle, "int8", procedural_folder, tmp_path)
    opened = open_bundle(quantised, procedural_folder, tmp_path / "cache")
    pixels = np.ascontiguousarray(opened.prepared.pixels[opened.prepared.rows["test"]])
    said = {form: (execution(pixels), size) for form, execution, size in _load_forms(opened)}
    # What the bundle serves; made for the occasion from another bundle it comes out the same.
    served = OpenVINOExecution(quantised / "network.xml")(pixels)
    assert np.array_equal(said["int8"][0], served)
    made = {
        form: execution(pixels)
        for form, execution, _ in _load_forms(
            replace(opened, folder=tiny_bundle, card=read_card(tiny_bundle / "card.json"))
        )
    }
    np.testing.assert_allclose(made["int8"], served, atol=1e-5)
    assert np.abs(said["float32"][0] - served).max() > 1e-4
    sizes = [(quantised / name).stat().st_size for name in ("network.xml", "network.bin")]
    assert said["int8"][1] == sum(sizes)


def test_speed_is_the_medians_of_single_images_and_of_batches() -> None:
    slept: list[int] = []

    def execute(pixels: np.ndarray) -> np.ndarray:
        slept.append(len(pixels))
        time.sleep(0.002 * len(pixels))
        return pixels

    latency, throughput = measure_speed(execute, np.zeros((4, 2, 2, 3), np.uint8), 0.05)
    assert latency >= 0.002
    assert throughput <= 4 / 0.008
    assert slept[:2] == [1, 4]
    assert set(slept) == {1, 4}
