"""Labels of VoTT, Supervisely, KITTI, panoptic COCO and further tables: the boxes that are read; what is not."""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path

import pytest
from PIL import Image

from model_training.detection.formats import read_scenes
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import Case, check, lay, read
from tests.model_training.datasets.real_folders.tool_labels import HOUSE, OUTLINE, PICTURE, POINTS, TREE


def pack(width: int, height: int) -> str:
    buffer = io.BytesIO()
    Image.new("1", (width, height), 1).save(buffer, "PNG")
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def vott(*regions: dict[str, object], path: str = "file:C:/Users/kim/a.png") -> dict[str, object]:
    size = {"width": 100, "height": 50}
    return {"asset": {"id": "9f", "name": "a.png", "path": path, "size": size}, "regions": list(regions)}


REGION = {"type": "RECTANGLE", "tags": ["tree"], "boundingBox": {"left": 10, "top": 5, "width": 20, "height": 30}}
SHAPE = {"type": "POLYGON", "tags": ["house", "tree"], "points": [{"x": 40, "y": 10}, {"x": 60, "y": 20}]}


def supervisely(*objects: dict[str, object]) -> dict[str, object]:
    return {"description": "", "tags": [], "size": {"height": 50, "width": 100}, "objects": list(objects)}


CORNERS = {"exterior": [[30, 35], [10, 5]], "interior": []}
BITMAP = {"classTitle": "house", "geometryType": "bitmap", "bitmap": {"data": pack(20, 10), "origin": [40, 10]}}
KITTI = "0.00 0 -1.58 10.00 5.00 30.00 35.00 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
VIA = 'a.png,9,"{}",1,0,"{""name"":""rect"",""x"":10,""y"":5,""width"":20,""height"":30}","{""class"":""tree""}"\n'

CASES: dict[str, Case] = {
    "VoTT, an export": (
        {"export.json": {"tags": [{"name": "tree"}, {"name": "house"}], "assets": {"9f": vott(REGION)}}},
        [TREE],
        {},
    ),
    "VoTT, a picture": (
        {"9f-asset.json": vott(REGION, SHAPE)},
        [TREE, HOUSE],
        {OUTLINE: 1, "regions of several classes, of which the first is read": 1},
    ),
    "Supervisely": (
        {
            "meta.json": {"classes": [{"title": "tree", "shape": "rectangle"}], "tags": []},
            "ann/a.png.json": supervisely(
                {"classTitle": "tree", "geometryType": "rectangle", "points": CORNERS},
                BITMAP,
                {"classTitle": "tree", "geometryType": "point", "points": {"exterior": [[1, 2]]}},
            ),
        },
        [TREE, HOUSE],
        {OUTLINE: 1, POINTS: 1},
    ),
    "Supervisely, a damaged mask": (
        {
            "ann/a.png.json": supervisely(
                {"classTitle": "tree", "geometryType": "polygon", "points": CORNERS},
                BITMAP | {"bitmap": {"data": "eJw=", "origin": [1, 1]}},
            )
        },
        [TREE],
        {OUTLINE: 2, "labels without a readable box, left out": 1},
    ),
    "KITTI": (
        {"label_2/a.txt": f"tree {KITTI}\nDontCare {KITTI}\n", "calib/a.txt": "P0: 7.2 0 6 0\n"},
        [TREE],
        {
            "regions that are not to be cared for (DontCare), left out": 1,
            "files that are neither pictures nor labels, left out": 1,
        },
    ),
    "panoptic COCO": (
        {
            "panoptic.json": {
                "images": [{"id": 1, "file_name": "a.png"}],
                "annotations": [
                    {
                        "image_id": 1,
                        "file_name": "a.png",
                        "segments_info": [
                            {"id": 3, "category_id": 1, "bbox": [10, 5, 20, 30], "iscrowd": 0},
                            {"id": 4, "category_id": 2, "bbox": [0, 0, 100, 50], "iscrowd": 0},
                        ],
                    }
                ],
                "categories": [{"id": 1, "name": "tree", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}],
            }
        },
        [TREE],
        {"regions of what has no extent (isthing 0), left out": 1},
    ),
    "VIA's table": (
        {
            "via.csv": "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
            "region_attributes\n" + VIA
        },
        [TREE],
        {},
    ),
    "Open Images' table": (
        {"boxes.csv": "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,tree,1,0.1,0.3,0.1,0.7\n"},
        [TREE],
        {},
    ),
    "makesense's table": ({"labels.csv": "tree,10,5,20,30,a.png,100,50\n"}, [TREE], {}),
    "makesense's table, with names": (
        {
            "labels.csv": "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
            "tree,10,5,20,30,a.png,100,50\n"
        },
        [TREE],
        {},
    ),
    "keras-retinanet's table": ({"annotations.csv": "photos/a.png,10,5,30,35,tree\n"}, [TREE], {}),
    "a table with a list in a cell": (
        {"train.csv": 'image_id,width,height,bbox,label\na,100,50,"[10.0, 5.0, 20.0, 30.0]",tree\n'},
        [TREE],
        {},
    ),
    "a table of one class": (
        {"train.csv": 'image_id,width,height,bbox,source\na,100,50,"[10.0, 5.0, 20.0, 30.0]",farm_1\n'},
        [("object", *TREE[1:])],
        {"tables without a column of classes, whose boxes are all called 'object'": 1},
    ),
    "a table of corner and extent": ({"t.csv": "path,label,x,y,width,height\na.png,tree,10,5,20,30\n"}, [TREE], {}),
    "a table of left and top": ({"t.csv": "path,label,left,top,width,height\na.png,tree,10,5,20,30\n"}, [TREE], {}),
    "a table of traffic signs": (
        {"t.csv": "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path\n100,50,10,5,30,35,tree,a.png\n"},
        [TREE],
        {},
    ),
    "YOLO with commas": ({"classes.txt": "tree\n", "a.txt": "0,0.2,0.4,0.2,0.6\n"}, [TREE], {}),
    "YOLO with commas and blanks": ({"classes.txt": "tree\n", "a.txt": "0, 0.2, 0.4, 0.2, 0.6\n"}, [TREE], {}),
    "an upload of a film's tool, addressed": (
        {"9f-asset.json": vott(REGION, path="file:/data/set/a.png")},
        [TREE],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_boxes(tmp_path: Path, name: str) -> None:
    check(tmp_path, PICTURE, CASES[name])


def test_kitti_has_two_cameras_of_which_the_left_is_meant(tmp_path: Path) -> None:
    pictures = {f"training/image_{number}/0.png": PICTURE for number in (2, 3)}
    boxes, found = read(lay(tmp_path, {**pictures, "training/label_2/0.txt": f"tree {KITTI}\n"}))
    assert boxes == {"training/image_2/0.png": [TREE]}
    assert found == {"pictures that the labels don't name, left out": 1}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "imagesource:GoogleEarth\ngsd:0.1\n10 5 30 5 30 35 10 35 plane 0\n", r"a\.txt is DOTA's text"),
        ("a.txt", "10 5 30 5 30 35 10 35 plane 0\n", r"a\.txt is DOTA's text"),
        ("a.txt", "0--Parade/a.jpg\n1\n449 330 122 149 0 0 0 0 0 0\n", "is WIDER FACE's list"),
        ("det.json", '[{"name": "a.png", "labels": [{"box2d": {"x1": 1}}]}]', "is BDD100K's or Scalabel's JSON"),
        ("export.ndjson", '{"data_row":{"id":"1"}}\n', "is Labelbox's export"),
        ("r.json", '[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}]', "is COCO's results"),
        ("set.vott", "{}", "is VoTT's project, whose export as JSON is read"),
        ("notes.txt", "x", r"beside pictures there are: 1 \.txt"),
    ],
)
def test_what_is_not_read_is_named_as_what_it_is(tmp_path: Path, name: str, content: str, said: str) -> None:
    with pytest.raises(DatasetError, match=rf"there are no labels that can be read \(.*{said}.*\)\. YOLO, COCO"):
        read_scenes(lay(tmp_path, {"a.png": PICTURE, name: content}))


def test_a_table_names_pictures_without_an_object(tmp_path: Path) -> None:
    content = {"a.png": PICTURE, "b.png": PICTURE, "annotations.csv": "a.png,10,5,30,35,tree\nb.png,,,,,\n"}
    boxes, found = read(lay(tmp_path, content))
    assert boxes == {"a.png": [TREE], "b.png": []}
    assert found == {"pictures without a label, read as showing no object": 1}


def test_a_manifest_of_whole_pictures_is_no_table_of_boxes(tmp_path: Path) -> None:
    content = {"a.png": PICTURE, "t.csv": "path,label,width,height\na.png,tree,100,50\n"}
    with pytest.raises(DatasetError, match="there are no labels that can be read"):
        read_scenes(lay(tmp_path, content))
