"""`hwapung data convert`: what goes in comes out again, in both formats, by value; and the pages drawn beside a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from hwapung.cli import app
from model_training.detection.annotations import Scene
from model_training.detection.exports import export_scenes
from model_training.detection.formats import read_scenes
from model_training.detection.proof import _place_tag, draw_pages
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import lay, save_picture, tell


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """labelme's, with every trouble: two pictures of a name, a turned one, an empty page, hostile names of classes."""
    folder = tmp_path / "export"
    lay(folder, {"one/a.png": (101, 57), "two/a.jpg": (64, 48), "empty.png": (30, 30), "three/a.rf.1.jpg": (20, 20)})
    save_picture(folder / "turned.jpg", (120, 80), 6)
    for picture, size, shapes in (
        ("one/a", (101, 57), [("no", (10.25, 5, 30, 35.5)), ("한옥: 기와, #1", (0, 0, 101, 57))]),
        ("two/a", (64, 48), [("no", (1, 2, 3, 4))]),
        ("three/a.rf.1", (20, 20), [("null", (3, 3, 9, 9))]),
        ("empty", (30, 30), []),
        ("turned", (120, 80), [("no", (24, 8, 72, 32))]),
    ):
        rows = [{"label": label, "shape_type": "rectangle", "points": [box[:2], box[2:]]} for label, box in shapes]
        content = {"shapes": rows, "imagePath": "x.jpg", "imageWidth": size[0], "imageHeight": size[1]}
        (folder / f"{picture}.json").write_text(json.dumps(content), "utf-8")
    return folder


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_there_and_back_again(export: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    outcome = CliRunner().invoke(app, ["data", "convert", "--data", str(export), "--out", str(out), "--to", form])
    assert outcome.exit_code == 0, outcome.output
    assert f"{out}: 5 scenes, 5 boxes, 3 classes." in outcome.output
    assert "pictures turned by EXIF, whose boxes are turned along: 1 (turned.jpg)" in outcome.output
    before, after = read_scenes(export), read_scenes(out)
    assert set(before.classes) == set(after.classes) == {"no", "null", "한옥: 기와, #1"}
    after_boxes = tell(after, out)
    pictures = {"a.png", "a-2.jpg", "a.rf.1.jpg", "empty.png", "turned.jpg"}
    assert set(after_boxes) == {f"images/{name}" for name in pictures}
    names = {"images/a.png": "one/a.png", "images/a-2.jpg": "two/a.jpg", "images/a.rf.1.jpg": "three/a.rf.1.jpg"}
    before_boxes = tell(before, export)
    for name, boxes in after_boxes.items():
        assert boxes == before_boxes[names.get(name, name.removeprefix("images/"))], name
    assert before_boxes["turned.jpg"] == [("no", 48, 24, 72, 72)]
    groups = {scene.path.name: scene.group for scene in after.scenes}
    assert groups["a.rf.1.jpg"] == "a"
    assert (out / "images/turned.jpg").read_bytes() == (export / "turned.jpg").read_bytes()


def test_yolos_numbers(export: Path, tmp_path: Path) -> None:
    export_scenes(read_scenes(export), "yolo", tmp_path / "out", lambda done, total: None)
    content = yaml.safe_load((tmp_path / "out/data.yaml").read_text("utf-8"))
    assert content == {
        "path": ".",
        "train": "images",
        "val": "images",
        "names": {0: "no", 1: "null", 2: "한옥: 기와, #1"},
    }
    assert (tmp_path / "out/labels/turned.txt").read_text() == "0 0.750000 0.400000 0.300000 0.400000\n"
    assert (tmp_path / "out/labels/empty.txt").read_text() == ""


def test_cocos_numbers(export: Path, tmp_path: Path) -> None:
    export_scenes(read_scenes(export), "coco", tmp_path / "out", lambda done, total: None)
    content = json.loads((tmp_path / "out/annotations.json").read_text("utf-8"))
    image = next(each for each in content["images"] if each["file_name"] == "images/turned.jpg")
    assert (image["width"], image["height"]) == (80, 120)
    [annotation] = [each for each in content["annotations"] if each["image_id"] == image["id"]]
    assert (annotation["bbox"], annotation["area"], annotation["category_id"]) == ([48, 24, 24, 48], 1152, 1)


def test_cocos_own_code_reads_it(export: Path, tmp_path: Path) -> None:
    tools = pytest.importorskip("pycocotools.coco", reason="needs requirements/detector.txt (make .venv/detector)")
    export_scenes(read_scenes(export), "coco", tmp_path / "out", lambda done, total: None)
    read = tools.COCO(str(tmp_path / "out/annotations.json"))
    assert len(read.getImgIds()) == 5
    areas = sorted(read.anns[each]["area"] for each in read.getAnnIds())
    np.testing.assert_allclose(areas, [4, 36, 19.75 * 30.5, 24 * 48, 101 * 57])


def test_nothing_is_written_over_and_nothing_half(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = read_scenes(export)
    with pytest.raises(DatasetError, match="there is something already"):
        export_scenes(scenes, "yolo", export, lambda done, total: None)
    monkeypatch.setattr("shutil.copyfile", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        export_scenes(scenes, "yolo", tmp_path / "out", lambda done, total: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]


def test_the_first_pages_are_drawn_with_their_boxes(tmp_path: Path) -> None:
    scenes = []
    for number in range(13):
        path, factor = tmp_path / f"{number}.png", 8 if number == 1 else 1
        Image.new("RGB", (256 * factor, 128 * factor), "white").save(path)
        boxes = np.array([[50, 25, 100, 75]] if number else [], np.float32).reshape(-1, 4) * factor
        classes = np.zeros(len(boxes), np.int64)
        scenes.append(Scene(path, 256 * factor, 128 * factor, boxes, classes, str(number)))
    drawn = draw_pages(scenes, ["기와집 \n$x$ <b>"], tmp_path / "labels")
    assert [path.name for path in drawn] == [f"{number:02d}.png" for number in range(1, 11)]
    for path in drawn[:2]:  # from 2048 pixels, and from 256
        page = np.asarray(Image.open(path).convert("RGB"))
        assert page.shape == (512 + 32, 1024, 3)
        coloured = (page[:512] != 255).any(2)
        rows, columns = np.nonzero(coloured[100:, :])  # below the name
        assert (rows.min() + 100, rows.max() + 100, columns.min(), columns.max()) == (100, 299, 200, 399)
        assert not coloured[150:250, 250:350].any()
        assert coloured[82:98, 202:260].any()
        assert (page[520:536, :200] < 100).all(2).any()  # the file's name


def test_names_stay_on_the_page_and_off_each_other() -> None:
    size, page = (80.0, 27.0), (1024, 512)
    first = _place_tag((100, 100, 200, 200), size, page, [])
    assert first == (100, 73, 180, 100)  # above its box
    assert _place_tag((100, 100, 200, 200), size, page, [first]) == (100, 100, 180, 127)  # in it
    assert _place_tag((1000, 5, 1023, 200), size, page, []) == (943, 5, 1023, 32)  # at the corner
    everywhere = [(0.0, 0.0, 1024.0, 512.0)]
    assert _place_tag((100, 100, 200, 200), size, page, everywhere) == first


def test_the_pages_are_drawn_on_demand(export: Path, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["data", "check", str(export), "--draw", str(tmp_path / "pages")])
    assert f"{tmp_path / 'pages'} has the first 4 pages" in "".join(outcome.output.split("\n")), outcome.output
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == [f"0{number}.png" for number in range(1, 5)]
    sizes = [Image.open(path).size for path in sorted((tmp_path / "pages").iterdir())]
    assert sizes.count((683, 1024 + 32)) == 1  # turned.jpg is 80 by 120 pixels, upright
    (tmp_path / "plain/a").mkdir(parents=True)
    for number in range(5):
        save_picture(tmp_path / f"plain/a/{number}.png", (40 + number, 40))
    outcome = CliRunner().invoke(app, ["data", "check", str(tmp_path / "plain"), "--draw", str(tmp_path / "none")])
    assert outcome.exit_code != 0
    assert not (tmp_path / "none").exists()
