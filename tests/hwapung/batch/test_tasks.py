"""Tables of models that name objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_training.runtime.card import Card, read_card
from tests.running import run
from tests.tiny_sketch import draw_page


@pytest.mark.parametrize("name", ["sketch", "sketch_detector"])
def test_objects_are_rows_and_folders(
    name: str, tiny_sketch_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages, table, into = tmp_path / "pages", tmp_path / "a.json", tmp_path / "sorted"
    pages.mkdir()
    for page, cells in (("blank.png", ()), ("two.png", (0, 5))):
        (pages / page).write_bytes(draw_page(*cells))
    (pages / "broken.png").write_bytes(b"no picture")
    bundle = ["--bundle", str(tiny_sketch_bundle.parent / name), "--device", "cpu"]
    asked = ["predict", str(pages), "--to", str(table), *bundle]
    boxes = f"error: {name} draws no heatmaps: its boxes say where an object was seen. Leave --explain out.\n"
    for arguments in (
        [*asked, "--explain", str(tmp_path / "e")],
        ["predict", str(pages / "two.png"), *bundle, "--explain", "e"],
    ):
        assert run(capsys, *arguments) == (2, "", boxes)
    assert [each.name for each in tmp_path.iterdir()] == ["pages"]
    assert run(capsys, *asked, "--sort-into", str(into))[0] == 1
    blank, broken, two = json.loads(table.read_text("utf-8"))
    assert (blank["objects"], blank["verdict"], blank["width"]) == ([], "no_drawing", 640)
    assert (broken["error"], broken["objects"], broken["verdict"]) == ("not_a_picture", None, None)
    assert [each["box"] for each in two["objects"]] == [[0, 0, 160, 160], [160, 160, 320, 320]]
    assert not two["objects"][0].keys() & {"embedding", "title"}
    classes = {each["class"] for each in two["objects"]}
    assert classes <= {label.key for label in read_card(tiny_sketch_bundle.parent / name / "card.json", Card).labels}
    places = {each.relative_to(into).as_posix() for each in into.rglob("*.png")}
    assert places == {"none/no_drawing/blank.png"} | {f"{each}/{two['verdict']}/two.png" for each in classes}
