from __future__ import annotations

import csv
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from analysis.document import to_csv
from analysis.forms import FORMS, as_table, compare_forms, measure_speed
from model_training.runtime.card import read_card
from model_training.runtime.errors import DatasetError

pytest.importorskip("nncf", reason="nncf is not installed: pip install -r requirements/quantise.txt")


def test_every_form_of_every_bundle_is_held_to_the_first(bundle: Path, images: Path, tmp_path: Path) -> None:
    rows = compare_forms([bundle, bundle], images, tmp_path, seconds=0.01)
    assert [each.form for each in rows] == [*FORMS, *FORMS]
    first = rows[0]
    assert first.agreement == 1.0
    assert first.size == (bundle / "weights.safetensors").stat().st_size
    assert rows[1].agreement == 1.0  # OpenVINO in float32 is the same network
    assert rows[1].accuracy == first.accuracy
    assert rows[2].size < rows[1].size
    assert {each.verdict for each in rows} == {"can't tell"}
    assert all(each.latency > 0 and each.throughput > 0 for each in rows)
    table = list(csv.DictReader(to_csv(as_table(rows)).splitlines()))
    assert float(table[0]["accuracy"]) == pytest.approx(first.accuracy.value, abs=1e-6)
    assert (bundle / "card.json").is_file()
    assert not (bundle / "network.xml").exists()  # the bundle is only read


def test_bundles_of_other_images_are_refused(bundle: Path, images: Path, tmp_path: Path) -> None:
    other = tmp_path / "landscape"
    shutil.copytree(bundle, other)
    card = read_card(other / "card.json")
    recipe = dict(card.provenance.recipe)
    recipe["data"] = {**recipe["data"], "split": {"seed": 5}}  # type: ignore[dict-item]
    provenance = card.provenance.model_copy(update={"recipe": recipe})
    (other / "card.json").write_text(card.model_copy(update={"provenance": provenance}).model_dump_json(), "utf-8")
    with pytest.raises(DatasetError, match="not tested on the same pictures"):
        compare_forms([bundle, other], images, tmp_path / "build", seconds=0.01)


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
