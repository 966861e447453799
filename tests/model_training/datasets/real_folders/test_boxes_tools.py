"""Pascal VOC, CVAT, labelme, Label Studio, Datumaro, VIA, Create ML and TensorFlow's table: the boxes that are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from model_training.detection.formats import read_scenes
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import Row, lay, read

PICTURE = (100, 50)
TREE: Row = ("tree", 10, 5, 30, 35)
HOUSE: Row = ("house", 40, 10, 60, 20)
OUTLINE = "outlines, read as the boxes around them"
POINTS = "points and labels of the whole picture, left out"


def voc(*objects: str, name: str = "a.png", size: tuple[int, int] = PICTURE) -> str:
    width, height = size
    return (
        f"<annotation><folder>x</folder><filename>{name}</filename><size><width>{width}</width>"
        f"<height>{height}</height><depth>3</depth></size>{''.join(objects)}</annotation>"
    )


def voc_object(name: str = "tree", box: tuple[object, ...] = (10, 5, 30, 35)) -> str:
    corners = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><difficult>0</difficult><bndbox>{corners}</bndbox></object>"


def cvat(shapes: str, attributes: str = 'name="a.png" width="100" height="50"') -> str:
    head = '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>'
    return f'{head}<image id="0" {attributes}>{shapes}</image></annotations>'


CVAT_BOX = '<box label="tree" xtl="10" ytl="5" xbr="30" ybr="35" z_order="0"><attribute name="x">1</attribute></box>'


def labelme(*shapes: dict[str, object], **changes: object) -> dict[str, object]:
    return {
        "version": "5",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": 50,
        "imageWidth": 100,
    } | changes


def shape(kind: str, points: list[list[float]], label: str = "tree") -> dict[str, object]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}}


RECTANGLE = shape("rectangle", [[30, 35], [10, 5]])


def region(kind: str, value: dict[str, object], label: str = "tree") -> dict[str, object]:
    return {
        "type": f"{kind}labels",
        "original_width": 100,
        "original_height": 50,
        "image_rotation": 0,
        "value": value | {f"{kind}labels": [label]},
    }


PERCENT = {"x": 10, "y": 10, "width": 20, "height": 60, "rotation": 0}


def task(
    *results: dict[str, object], image: str = "/data/upload/1/0a1b2c3d-a.png", **changes: object
) -> dict[str, object]:
    return {
        "id": 1,
        "data": {"image": image},
        "annotations": [{"id": 1, "was_cancelled": False, "result": list(results)}],
    } | changes


def datumaro(*annotations: dict[str, object]) -> dict[str, object]:
    labels = [{"name": "house", "parent": ""}, {"name": "tree", "parent": ""}]
    item = {"id": "a", "annotations": list(annotations), "image": {"path": "a.png", "size": [50, 100]}}
    return {"info": {}, "categories": {"label": {"labels": labels, "attributes": []}}, "items": [item]}


def via(attributes: dict[str, object], label: dict[str, object]) -> dict[str, object]:
    return {
        "a.png123": {
            "filename": "a.png",
            "size": 123,
            "regions": [{"shape_attributes": attributes, "region_attributes": label}],
        }
    }


CASES: dict[str, tuple[Mapping[str, object], list[Row], dict[str, int]]] = {
    # Pascal VOC
    "VOC": ({"a.xml": voc(voc_object(), voc_object("house", (40, 10, 60, 20)))}, [TREE, HOUSE], {}),
    "VOC, its folders": (
        {"Annotations/a.xml": voc(voc_object()), "ImageSets/Main/train.txt": "a\n"},
        [TREE],
        {"files that are neither pictures nor labels, left out": 1},
    ),
    "VOC, floats": ({"a.xml": voc(voc_object(box=("10.0", "5.0", "30.0", "35.0")))}, [TREE], {}),
    "VOC, corners exchanged": ({"a.xml": voc(voc_object(box=(30, 35, 10, 5)))}, [TREE], {}),
    "VOC, a size of 0": ({"a.xml": voc(voc_object(), size=(0, 0))}, [TREE], {}),
    "VOC, a name without suffix": ({"a.xml": voc(voc_object(), name="a")}, [TREE], {}),
    "VOC, renamed with its picture": ({"a.xml": voc(voc_object(), name="IMG_1.jpg")}, [TREE], {}),
    "VOC, a person's parts": (
        {
            "a.xml": voc(
                voc_object().replace(
                    "</object>", "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
                )
            )
        },
        [TREE],
        {},
    ),
    "VOC, an outline": (
        {
            "a.xml": voc(
                "<object><name>tree</name><polygon><x1>10</x1><y1>5</y1><x2>30</x2><y2>5</y2><x3>20</x3><y3>35</y3></polygon></object>"
            )
        },
        [TREE],
        {OUTLINE: 1},
    ),
    "VOC, roLabelImg": (
        {
            "a.xml": voc(
                "<object><name>tree</name><robndbox><cx>20</cx><cy>20</cy><w>30</w><h>20</h><angle>1.5707963</angle></robndbox></object>"
            )
        },
        [TREE],
        {OUTLINE: 1},
    ),
    "VOC, no corners": (
        {"a.xml": voc(voc_object(), "<object><name>tree</name></object>")},
        [TREE],
        {"labels without a readable box, left out": 1},
    ),
    "VOC, no name": ({"a.xml": voc(voc_object(), voc_object(""))}, [TREE], {"labels without a class, left out": 1}),
    "VOC in EUC-KR": (
        {"a.xml": ('<?xml version="1.0" encoding="euc-kr"?>' + voc(voc_object("나무"))).encode("euc-kr")},
        [("나무", 10, 5, 30, 35)],
        {},
    ),
    "VOC in CP949 without a word of it": (
        {"a.xml": voc(voc_object("나무")).encode("cp949")},
        [("나무", 10, 5, 30, 35)],
        {},
    ),
    "VOC with a byte order mark": ({"a.xml": "\ufeff" + voc(voc_object())}, [TREE], {}),
    # CVAT
    "CVAT": (
        {"annotations.xml": cvat(CVAT_BOX)},
        [TREE],
        {},
    ),
    "CVAT, a picture in a folder": (
        {"annotations.xml": cvat('<box label="tree" xtl="10" ytl="5" xbr="30" ybr="35"/>', 'name="sub\\a.png"')},
        [TREE],
        {},
    ),
    "CVAT, a turned box": (
        {"annotations.xml": cvat('<box label="tree" xtl="5" ytl="10" xbr="35" ybr="30" rotation="90"/>')},
        [TREE],
        {},
    ),
    "CVAT, a polygon": (
        {"annotations.xml": cvat('<polygon label="tree" points="10.0,5.0;30.0,5.0;20.0,35.0"/>')},
        [TREE],
        {OUTLINE: 1},
    ),
    "CVAT, a polyline": (
        {"annotations.xml": cvat('<polyline label="tree" points="10,5;30,35"/>')},
        [TREE],
        {OUTLINE: 1},
    ),
    "CVAT, an ellipse": (
        {"annotations.xml": cvat('<ellipse label="tree" cx="20" cy="20" rx="10" ry="15"/>')},
        [TREE],
        {OUTLINE: 1},
    ),
    "CVAT, a turned ellipse": (
        {"annotations.xml": cvat('<ellipse label="tree" cx="20" cy="20" rx="15" ry="10" rotation="90"/>')},
        [TREE],
        {OUTLINE: 1},
    ),
    "CVAT, a mask": (
        {"annotations.xml": cvat('<mask label="tree" rle="0, 600" left="10" top="5" width="20" height="30"/>')},
        [TREE],
        {OUTLINE: 1},
    ),
    "CVAT, a cuboid": (
        {
            "annotations.xml": cvat(
                '<cuboid label="tree" xtl1="10" ytl1="10" xbl1="10" ybl1="35" xtr1="25" ytr1="10" xbr1="25" ybr1="35" '
                'xtl2="15" ytl2="5" xbl2="15" ybl2="30" xtr2="30" ytr2="5" xbr2="30" ybr2="30"/>'
            )
        },
        [TREE],
        {OUTLINE: 1},
    ),
    "CVAT, points and tags": (
        {"annotations.xml": cvat(CVAT_BOX + '<points label="tree" points="1,1"/><tag label="tree"/>')},
        [TREE],
        {POINTS: 2},
    ),
    # labelme
    "labelme": ({"a.json": labelme(RECTANGLE)}, [TREE], {}),
    "labelme, in a folder of its own": ({"json/a.json": labelme(RECTANGLE, imagePath="..\\a.png")}, [TREE], {}),
    "labelme, a polygon": ({"a.json": labelme(shape("polygon", [[10, 5], [30, 5], [20, 35]]))}, [TREE], {OUTLINE: 1}),
    "labelme, a circle": (
        {"a.json": labelme(shape("circle", [[20, 20], [20, 30]]))},
        [("tree", 10, 10, 30, 30)],
        {OUTLINE: 1},
    ),
    "labelme, a line": ({"a.json": labelme(shape("linestrip", [[10, 5], [30, 35]]))}, [TREE], {OUTLINE: 1}),
    "labelme, a point": ({"a.json": labelme(RECTANGLE, shape("point", [[1, 1]]))}, [TREE], {POINTS: 1}),
    "labelme, no size": ({"a.json": labelme(RECTANGLE, imageHeight=None, imageWidth=None)}, [TREE], {}),
    "labelme, old": (
        {"a.json": {"shapes": [{"label": "tree", "points": [[10, 5], [30, 5], [20, 35]]}], "imagePath": "a.png"}},
        [TREE],
        {OUTLINE: 1},
    ),
    "labelme, another file beside": (
        {"a.json": labelme(RECTANGLE), "package.json": {"name": "x"}},
        [TREE],
        {"JSON and XML files that hold no labels, left out": 1},
    ),
    # Label Studio
    "Label Studio": ({"project.json": [task(region("rectangle", PERCENT))]}, [TREE], {}),
    "Label Studio, one task": ({"project.json": task(region("rectangle", PERCENT))}, [TREE], {}),
    "Label Studio, an address": (
        {"project.json": [task(region("rectangle", PERCENT), image="s3://bucket/set/a.png")]},
        [TREE],
        {},
    ),
    "Label Studio, local files": (
        {"project.json": [task(region("rectangle", PERCENT), image="/data/local-files/?d=set%2Fa.png")]},
        [TREE],
        {},
    ),
    "Label Studio, old": (
        {
            "project.json": [
                {"id": 1, "data": {"image": "a.png"}, "completions": [{"result": [region("rectangle", PERCENT)]}]}
            ]
        },
        [TREE],
        {},
    ),
    "Label Studio, short": (
        {
            "project.json": [
                {
                    "image": "/data/upload/1/0a1b2c3d-a.png",
                    "id": 1,
                    "annotator": 1,
                    "annotation_id": 1,
                    "label": [PERCENT | {"rectanglelabels": ["tree"], "original_width": 100, "original_height": 50}],
                }
            ]
        },
        [TREE],
        {},
    ),
    "Label Studio, turned": (
        # 30 by 20 pixels, turned by 90° about its upper left corner at (30, 5): it lies to the left and below
        {"project.json": [task(region("rectangle", {"x": 30, "y": 10, "width": 30, "height": 40, "rotation": 90}))]},
        [TREE],
        {},
    ),
    "Label Studio, an ellipse": (
        {"project.json": [task(region("ellipse", {"x": 20, "y": 40, "radiusX": 10, "radiusY": 30}))]},
        [TREE],
        {OUTLINE: 1},
    ),
    "Label Studio, a turned ellipse": (
        {"project.json": [task(region("ellipse", {"x": 20, "y": 40, "radiusX": 15, "radiusY": 20, "rotation": 90}))]},
        [TREE],
        {OUTLINE: 1},
    ),
    "Label Studio, a polygon": (
        {"project.json": [task(region("polygon", {"points": [[10, 10], [30, 10], [20, 70]]}))]},
        [TREE],
        {OUTLINE: 1},
    ),
    "Label Studio, regions and labels apart": (
        {
            "project.json": [
                task(
                    {"id": "r", "type": "rectangle", "original_width": 100, "original_height": 50, "value": PERCENT},
                    {
                        "id": "r",
                        "type": "labels",
                        "original_width": 100,
                        "original_height": 50,
                        "value": PERCENT | {"labels": ["tree"]},
                    },
                )
            ]
        },
        [TREE],
        {},
    ),
    "Label Studio, a region without a class": (
        {"project.json": [task(region("rectangle", PERCENT), {"id": "r", "type": "rectangle", "value": PERCENT})]},
        [TREE],
        {"labels without a class, left out": 1},
    ),
    "Label Studio, skipped and done again": (
        {
            "project.json": [
                task(
                    annotations=[
                        {"was_cancelled": True, "result": [region("rectangle", PERCENT, "house")]},
                        {"result": [region("rectangle", PERCENT)]},
                    ]
                ),
                task(image="b.png", annotations=[]),
            ]
        },
        [TREE],
        {"tasks without an annotation or a picture, left out": 1},
    ),
    "Label Studio, two annotators": (
        {
            "project.json": [
                task(
                    annotations=[
                        {"result": [region("rectangle", PERCENT, "house")]},
                        {"result": [region("rectangle", PERCENT)]},
                    ]
                )
            ]
        },
        [TREE],
        {"tasks with several annotations, of which the last is read": 1},
    ),
    "Label Studio, a brush": (
        {"project.json": [task(region("rectangle", PERCENT), region("brush", {"format": "rle", "rle": [1, 2]}))]},
        [TREE],
        {"results that mark no region, or one by a brush or a point, left out": 1},
    ),
    # Datumaro
    "Datumaro": (
        {"annotations/default.json": datumaro({"type": "bbox", "label_id": 1, "bbox": [10, 5, 20, 30]})},
        [TREE],
        {},
    ),
    "Datumaro, a polygon": (
        {"default.json": datumaro({"type": "polygon", "label_id": 1, "points": [10, 5, 30, 5, 20, 35]})},
        [TREE],
        {OUTLINE: 1},
    ),
    "Datumaro, a mask": (
        {
            "default.json": datumaro(
                {"type": "mask", "label_id": 1, "rle": {"size": [50, 100], "counts": [505, *[30, 20] * 19, 30, 3515]}}
            )
        },
        [TREE],
        {OUTLINE: 1},
    ),
    "Datumaro, turned": (
        {
            "default.json": datumaro(
                {"type": "rotated_bbox", "label_id": 1, "cx": 20, "cy": 20, "w": 30, "h": 20, "r": 90}
            )
        },
        [TREE],
        {OUTLINE: 1},
    ),
    "Datumaro, a label of the whole": (
        {
            "default.json": datumaro(
                {"type": "bbox", "label_id": 1, "bbox": [10, 5, 20, 30]}, {"type": "label", "label_id": 0}
            )
        },
        [TREE],
        {POINTS: 1},
    ),
    # their kin
    "VIA": (
        {"via.json": via({"name": "rect", "x": 10, "y": 5, "width": 20, "height": 30}, {"class": "tree"})},
        [TREE],
        {},
    ),
    "VIA, a project": (
        {
            "via.json": {
                "_via_settings": {},
                "_via_img_metadata": via(
                    {"name": "rect", "x": 10, "y": 5, "width": 20, "height": 30}, {"class": "tree"}
                ),
            }
        },
        [TREE],
        {},
    ),
    "VIA, a polygon": (
        {
            "via.json": via(
                {"name": "polygon", "all_points_x": [10, 30, 20], "all_points_y": [5, 5, 35]}, {"class": "tree"}
            )
        },
        [TREE],
        {OUTLINE: 1},
    ),
    "VIA, a circle": (
        {"via.json": via({"name": "circle", "cx": 20, "cy": 20, "r": 10}, {"class": "tree"})},
        [("tree", 10, 10, 30, 30)],
        {OUTLINE: 1},
    ),
    "Create ML": (
        {
            "labels.json": [
                {
                    "image": "a.png",
                    "annotations": [{"label": "tree", "coordinates": {"x": 20, "y": 20, "width": 20, "height": 30}}],
                }
            ]
        },
        [TREE],
        {},
    ),
    "VoTT's table": (
        {"export.csv": '"image","xmin","ymin","xmax","ymax","label"\n"a.png",10.0,5.0,30.0,35.0,"tree"\n'},
        [TREE],
        {},
    ),
    "a manifest beside": (
        {"a.xml": voc(voc_object()), "manifest.csv": "path,label\na.png,tree\n"},
        [TREE],
        {"files that are neither pictures nor labels, left out": 1},
    ),
    "TensorFlow's table": (
        {"_annotations.csv": "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,100,50,tree,10,5,30,35\n"},
        [TREE],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_boxes(tmp_path: Path, name: str) -> None:
    files, expected, said = CASES[name]
    boxes, found = read(lay(tmp_path, {"a.png": PICTURE, **files}))
    assert boxes == {"a.png": expected}
    assert {what: count for what, count in found.items() if what != "classes without a box"} == said


@pytest.mark.parametrize("place", ["Annotations", "Annotations/a.xml", "."])
def test_the_labels_own_folder_will_do(tmp_path: Path, place: str) -> None:
    files = {"Annotations/a.xml": voc(voc_object(), name="a.jpg"), "JPEGImages/a.jpg": PICTURE}
    lay(tmp_path, {**files, "SegmentationClass/a.png": PICTURE})
    boxes, _ = read(tmp_path, place)
    assert list(boxes.values()) == [[TREE]]


def test_a_films_frames_are_one_group_and_what_left_the_frame_is_not_on_it(tmp_path: Path) -> None:
    boxes = "".join(
        f'<box frame="{frame}" outside="{outside}" xtl="{left}" ytl="5" xbr="{left + 20}" ybr="35"/>'
        for frame, outside, left in ((0, 0, 10), (1, 0, 11), (2, 1, 12))
    )
    size = "<original_size><width>100</width><height>50</height></original_size>"
    meta = f"<meta>{size}<source>film.mp4</source></meta>"
    track = f'<annotations>{meta}<track id="0" label="tree">{boxes}</track></annotations>'
    lay(tmp_path, {"annotations.xml": track, **{f"images/frame_00000{number}.PNG": PICTURE for number in range(3)}})
    scenes = read_scenes(tmp_path)
    assert read(tmp_path)[0] == {
        "images/frame_000000.PNG": [TREE],
        "images/frame_000001.PNG": [("tree", 11, 5, 31, 35)],
    }
    assert {scene.group for scene in scenes.scenes} == {"film.mp4"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.xml": voc(voc_object()), "a.json": labelme(RECTANGLE)},
            r"labels of labelme \(a\.json\) and Pascal VOC \(a\.xml\)\. Give the folder",
        ),
        (
            {"a.xml": voc(voc_object()), "classes.txt": "tree\n", "a.txt": "0 .5 .5 .1 .2\n"},
            r"Pascal VOC \(a\.xml\) and YOLO",
        ),
        ({"a.xml": '<!DOCTYPE x [<!ENTITY a "b">]>' + voc(voc_object("&a;"))}, r"declares entities"),
        ({"a.xml": "<annotation>"}, r"a\.xml: this is no XML"),
        ({"a.xml": ""}, r"a\.xml: this is no XML"),
        ({"a.xml": "<svg/>"}, r"no labels that can be read"),
        (
            {"a.xml": voc(voc_object(box=(200, 5, 230, 35)))},
            r"a\.xml: the box \(200, 5, 230, 35\) lies outside its picture of 100×50",
        ),
        ({"_annotations.csv": b"filename,class,xmin,ymin,xmax,ymax\n\0"}, r"_annotations\.csv"),
        ({}, r"no labels that can be read"),
    ],
)
def test_what_is_refused(tmp_path: Path, files: Mapping[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read_scenes(lay(tmp_path, {"a.png": PICTURE, **files}))
    assert "\n" not in str(error.value)


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"set\.zip: this is an archive\. Unpack it"):
        read_scenes(tmp_path / "set.zip")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone: there is no such folder"):
        read_scenes(tmp_path / "gone")
