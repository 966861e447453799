"""Label Studio's JSON and JSON-MIN: tasks, their annotations, results in percent of the picture's sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, number, numbers, sequence, size_of
from .shapes import Box, around_ellipse, around_points, around_turned, box_from_size

NAME = "Label Studio"


def matches(content: object) -> bool:
    """Tasks: with `data` and `annotations`, or short ones with an address and lists of results."""
    tasks = [dictionary(each) for each in sequence(content if isinstance(content, list) else [content])]
    return bool(tasks) and all(
        ("data" in task and bool({"annotations", "completions", "predictions"} & task.keys()))
        or any(_is_short_result(each) for value in task.values() for each in sequence(value))
        or {"annotation_id", "annotator"} <= task.keys()
        for task in tasks
    )


def _is_short_result(value: object) -> bool:
    return {"original_width", "original_height"} <= dictionary(value).keys()


def read(path: Path, content: object, reading: Reading) -> None:
    """Rectangles, turned ones, ellipses and polygons. Of several annotators' answers the last that was not skipped
    counts; tasks without any, and a machine's predictions, are left out."""
    for task in map(dictionary, content if isinstance(content, list) else [content]):
        data = dictionary(task.get("data")) or task
        names = [value for value in data.values() if isinstance(value, str) and _is_picture(value)]
        names += [str(task[key]) for key in ("file_upload",) if isinstance(task.get(key), str)]
        results = _choose_results(task, reading)
        if results is None or not names:
            reading.findings.add("tasks without an annotation or a picture, left out", task.get("id"))
            continue
        image = Labelled(path, names, relative=True)
        named = [result.get("id") for result in results if any(_list_labels(dictionary(result.get("value"))))]
        for result in results:
            # A region without a class whose class another result names, which has the region once more.
            if result.get("id") in named and not any(_list_labels(dictionary(result.get("value")))):
                continue
            _read_result(result, image, task.get("id"), reading)
        reading.images.append(image)


def _is_picture(value: str) -> bool:
    return "." in value.replace("\\", "/").rsplit("/", 1)[-1] and len(value) < 1000


def _choose_results(task: dict[str, object], reading: Reading) -> list[dict[str, object]] | None:
    if "data" not in task:
        short = [each for value in task.values() for each in sequence(value) if _is_short_result(each)]
        return [{"value": each, **dictionary(each)} for each in short]
    given = [dictionary(each) for each in sequence(task.get("annotations", task.get("completions")))]
    answers = [each for each in given if not each.get("was_cancelled") and isinstance(each.get("result"), list)]
    if not answers:
        return None
    if len(answers) > 1:
        reading.findings.add("tasks with several annotations, of which the last is read", task.get("id"))
    chosen = next((each for each in answers if each.get("ground_truth")), answers[-1])
    return [dictionary(each) for each in sequence(chosen["result"])]


def _read_result(result: dict[str, object], image: Labelled, task: object, reading: Reading) -> None:
    value = dictionary(result.get("value"))
    labels = list(_list_labels(value))
    size = size_of(result.get("original_width"), result.get("original_height"))
    image.size = image.size or size
    if "points" in value or "radiusX" in value:
        reading.findings.add("outlines, read as the boxes around them", task)
    elif "width" not in value:
        reading.lose("results that mark no region, or one by a brush or a point, left out", image, task)
        return
    if len(labels) > 1:
        reading.findings.add("regions of several classes, of which the first is read", task)
    reading.put(image, labels[0] if labels else "", _read_box(value, size), task)


def _list_labels(value: dict[str, object]) -> Iterator[str]:
    for key, names in value.items():
        if key.endswith("labels"):
            yield from filter(None, map(name_of, sequence(names)))


def _read_box(value: dict[str, object], size: tuple[float, float] | None) -> Box | None:
    """In parts of the sides. What is turned is turned in pixels, so its picture's shape counts: a rectangle about its
    upper left corner, an ellipse about its centre."""
    width, height = size or (100.0, 100.0)
    if "points" in value:
        box, width, height = around_points(value["points"]), 100.0, 100.0
    else:
        keys = ("x", "y", "radiusX", "radiusY") if "radiusX" in value else ("x", "y", "width", "height")
        percents = numbers([value.get(key) for key in keys])
        if percents is None:
            return None
        pixels = [each / 100 * side for each, side in zip(percents, (width, height) * 2, strict=True)]
        angle = number(value.get("rotation")) or 0
        box = around_ellipse(*pixels, degrees=angle) if "radiusX" in value else box_from_size(*pixels)
        if box is not None and angle and "radiusX" not in value:
            box = around_turned(box, angle, (pixels[0], pixels[1]))
    return (box[0] / width, box[1] / height, box[2] / width, box[3] / height) if box else None
