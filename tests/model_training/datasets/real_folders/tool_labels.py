"""Labels as the field's tools write them: the smallest file of each, with the changes that a test asks for."""

from __future__ import annotations

from tests.model_training.datasets.real_folders.labelled_folder import Row

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
