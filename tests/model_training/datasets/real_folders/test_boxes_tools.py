"""Pascal VOC, CVAT, labelme, Label Studio, Datumaro, VIA, Create ML and TensorFlow's table: the boxes that are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model_training.datasets.real_folders.labelled_folder import Case, check
from tests.model_training.datasets.real_folders.tool_labels import (
    CVAT_BOX,
    HOUSE,
    OUTLINE,
    PERCENT,
    PICTURE,
    POINTS,
    RECTANGLE,
    TREE,
    cvat,
    datumaro,
    labelme,
    region,
    shape,
    task,
    via,
    voc,
    voc_object,
)

CASES: dict[str, Case] = {
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
    check(tmp_path, PICTURE, CASES[name])
