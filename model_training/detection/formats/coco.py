"""COCO's JSON, and what calls itself so: of Roboflow, CVAT, Label Studio, labelme's converters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import dictionary, key_of, name_of, numbers, sequence, size_of
from .shapes import Box, around, around_mask, box_from_size

NAME = "COCO"
_FILE_KEYS = ("file_name", "filename", "path", "name", "coco_url", "url", "flickr_url")


def matches(content: object) -> bool:
    """COCO's captions have no categories, and its lists of test pictures no annotations."""
    return {"images", "annotations", "categories"} <= dictionary(content).keys()


def read(path: Path, content: object, reading: Reading) -> None:
    """`images`, `annotations` and `categories`, whose ids may be of any kind; classes in the order of their ids.

    An annotation without `bbox` has the box around its `segmentation`; crowds are left out. An image's `group` names
    its drawing. Raises `DatasetError` for a category that is not declared.
    """
    document = dictionary(content)
    for part in ("images", "annotations", "categories"):
        if not isinstance(document.get(part), list):
            raise DatasetError(f"{path}: this is no COCO file: it has no list {part!r}.", "See docs/data.md.")
    categories = _read_categories(document["categories"])
    stuff = {
        key_of(each.get("id"))
        for each in map(dictionary, sequence(document["categories"]))
        if each.get("isthing") in (0, False, "0")
    }
    images: dict[str, Labelled] = {}
    for each in map(dictionary, sequence(document["images"])):
        key = key_of(each.get("id"))
        if key is None:
            reading.findings.add("images without an id, left out", path.name)
            continue
        names = [str(each[name]) for name in _FILE_KEYS if isinstance(each.get(name), str) and each[name]]
        size = size_of(each.get("width"), each.get("height"))
        images[key] = Labelled(path, names or [key], size, group=name_of(each.get("group")))
    used: set[str] = set()
    for each in _list_annotations(document["annotations"]):
        image = images.get(key_of(each.get("image_id")) or "")
        if image is None:
            reading.findings.add("annotations of no image (orphans), left out", each.get("id"))
        elif key_of(each.get("category_id")) in stuff:
            reading.lose("regions of what has no extent (isthing 0), left out", image, each.get("id"))
        elif each.get("iscrowd") in (1, True, "1"):
            reading.lose("crowds (iscrowd), left out", image, each.get("id"))
        else:
            category = key_of(each.get("category_id"))
            if category not in categories and category is not None:
                raise DatasetError(
                    f"{path}: annotation {each.get('id')!r} is of category {each.get('category_id')!r}, "
                    "which there is none of.",
                    "Correct its category_id or add the category.",
                )
            box = _read_box(each, reading)
            reading.put(image, categories.get(category or "", ""), box, each.get("id"))
            if category:
                used.add(category)
    for key, name in categories.items():
        if key in stuff:
            continue
        if key in used or not _is_heading(key, document["categories"]):
            reading.classes.setdefault(name)
        else:
            reading.findings.add("categories that only head others, left out", name)
    reading.images += images.values()


def _list_annotations(content: object) -> Iterator[dict[str, object]]:
    """One for each region, also of panoptic ones, which are listed by picture."""
    for each in map(dictionary, sequence(content)):
        regions = each.get("segments_info")
        if isinstance(regions, list):
            yield from ({**dictionary(region), "image_id": each.get("image_id")} for region in regions)
        else:
            yield each


def _read_categories(content: object) -> dict[str, str]:
    """Id → name, by ascending ids."""
    found = {key_of(each.get("id")): name_of(each.get("name")) for each in map(dictionary, sequence(content))}
    named = {key: name for key, name in found.items() if key is not None and name}
    return dict(sorted(named.items(), key=lambda item: (not item[0].isdigit(), item[0].zfill(12))))


def _is_heading(key: str, categories: object) -> bool:
    """Roboflow puts a category before the classes that is named as what they belong to."""
    entries = [dictionary(each) for each in sequence(categories)]
    name = next((each.get("name") for each in entries if key_of(each.get("id")) == key), None)
    return any(each.get("supercategory") == name for each in entries if key_of(each.get("id")) != key)


def _read_box(annotation: dict[str, object], reading: Reading) -> Box | None:
    given = numbers(annotation.get("bbox"))
    if given is not None and len(given) == 4:
        return box_from_size(*given)
    outline = annotation.get("segmentation")
    if isinstance(outline, dict):
        box = around_mask(outline)
    else:
        parts = [numbers(part) for part in sequence(outline)]
        flat = [value for part in parts if part is not None for value in part]
        box = None if None in parts else around(flat)
    if box is not None:
        reading.findings.add("outlines, read as the boxes around them", annotation.get("id"))
    return box
