"""Which folders of a tree are classes, which are given splits, and which only wrap the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..runtime.errors import DatasetError
from ..translation import _
from .findings import Findings
from .names import class_key
from .split_names import SplitName, are_parts, find_splits, is_filler
from .tree import Folder

UNLABELLED = _("pictures without a class in a folder of a split, left out").en


@dataclass
class Layout:
    """`classes`: each class folder with its split, several folders for one class included; `parts`: folder → split,
    the largest parts of the tree, where no class folders are looked for. `unlabelled`: images that no class folder
    holds; `findings`: what of this a person should know, the unlabelled images counted."""

    classes: list[tuple[Folder, SplitName | None]] = field(default_factory=list)
    parts: list[tuple[Folder, SplitName | None]] = field(default_factory=list)
    unlabelled: list[Path] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    def pass_over_beside(self, top: Folder) -> None:
        """The images of a folder that holds class folders."""
        if top.images:
            self.unlabelled += top.images
            self.findings.add("pictures beside the folders of classes, left out", top.name, len(top.images))


def find_parts(root: Folder, known: Collection[str] = ()) -> Layout:
    """The given splits of a tree, or all of it as one part: archives' wrappers are descended first, unless they are
    `known` classes."""
    layout = Layout()
    top = root
    while not (splits := _find_given(top)) and (inner := _find_wrapped(top, known)) is not None:
        layout.findings.add("folders around all others, looked into", inner.name)
        layout.pass_over_beside(top)
        top = inner
    if not splits:
        layout.parts = [(top, None)]
        return layout
    layout.pass_over_beside(top)
    for folder in top.folders:
        split = splits.get(folder.name)
        if split is None:
            if images := folder.list_images():
                layout.unlabelled += images
                layout.findings.add("pictures beside the folders of splits, left out", folder.name, len(images))
        else:
            layout.findings.add("folders taken for a given split", f"{folder.name} → {split}")
            layout.parts.append((folder, split))
    return layout


def find_classes(root: Folder, attributes: Sequence[str], known: Collection[str] = ()) -> Layout:
    """The class folders of a tree: side by side, within given splits, or with given splits inside of each.

    Raises `DatasetError` for a class folder that is empty, or whose images are of a kind that is not read.
    """
    layout = find_parts(root, known)
    for part, split in layout.parts:
        top = part if split is None else _descend(part, layout)
        if split is not None and (not top.filled or _is_flat(top, part)):
            if images := top.list_images():
                layout.unlabelled += images
                layout.findings.add(UNLABELLED, part.name, len(images))
            continue
        layout.pass_over_beside(top)
        folders = _open_parts([each for each in top.folders if _is_class(each, layout)], layout)
        if split is None and not attributes and (inside := _find_splits_inside(folders)):
            layout.classes += _read_splits_inside(folders, inside, layout)
        else:
            layout.classes += [(each, split) for each in _open_copies(folders, layout)]
    return layout


def _find_given(top: Folder) -> dict[str, SplitName]:
    """Splits beside each other; `train` beside others only where it holds classes, for it may be one of vehicles."""
    splits = find_splits(each.name for each in top.folders)
    training = [each for each in top.filled if splits.get(each.name) == "train"]
    if not training:
        return {}
    one_of_many = len(set(splits.values())) == 1 and len(top.filled) > len(training)
    return {} if one_of_many and not any(len(each.filled) > 1 and not each.images for each in training) else splits


def _find_wrapped(top: Folder, known: Collection[str]) -> Folder | None:
    """The only folder with images, where it has folders of images itself and no folder beside it waits for images."""
    filled = top.filled
    if len(filled) != 1 or not filled[0].filled or class_key(filled[0].name) in map(class_key, known):
        return None
    beside = [each.count_kinds() for each in top.folders if each is not filled[0]]
    waiting = any(kinds["media"] or not kinds["other"] for kinds in beside)
    return None if waiting else filled[0]


def _descend(split: Folder, layout: Layout) -> Folder:
    """`train/images/china` and `seg_train/seg_train/china`: down to the folder that holds the classes."""
    top = split
    while len(top.filled) == 1:
        (inner,) = top.filled
        if not inner.filled or not (len(inner.filled) > 1 or is_filler(inner.name) or inner.name == top.name):
            break
        layout.findings.add("folders around all others, looked into", f"{split.name}/{inner.name}")
        layout.pass_over_beside(top)
        top = inner
    return top


def _is_flat(top: Folder, split: Folder) -> bool:
    """`train/train/1.jpg`, `val/images/1.jpg`: one folder in a split's, whose name is no class."""
    if len(top.filled) != 1 or top.filled[0].filled:
        return False
    (inner,) = top.filled
    return inner.name == split.name or is_filler(inner.name)


def _open_parts(folders: list[Folder], layout: Layout) -> list[Folder]:
    """`fold_1/cat`, `fold_2/cat`: parts of one set, each with the same classes.

    Raises `DatasetError` where the parts are divided themselves, since each then holds the same images.
    """
    inside = {frozenset(class_key(each.name) for each in folder.filled) for folder in folders}
    alike = len(folders) > 1 and len(inside) == 1 and not any(folder.images for folder in folders)
    if not alike or len(*inside) < 2:
        return folders
    if not are_parts(each.name for each in folders):
        if not find_splits(each.name for each in folders[0].filled):
            for each in folders[0].filled:
                layout.findings.add("folders of the same names in every class, read as parts of it", each.name)
        return folders
    names = [each.name for each in folders]
    if find_splits(each.name for each in folders[0].filled):
        raise DatasetError(
            f"{folders[0].path.parent}: {names[0]} and {names[1]} each have splits of their own.",
            f"Give one of them: --data {folders[0].path}.",
        )
    for name in names:
        layout.findings.add("folders of parts with the same classes, read together", name)
    return [each for folder in folders for each in folder.filled]


def _is_class(folder: Folder, layout: Layout) -> bool:
    kinds = folder.count_kinds()
    if kinds["image"]:
        return True
    if kinds["media"]:
        reasons = "; ".join(str(each) for each in folder.list_left_out())
        raise DatasetError(
            f"{folder.path}: the class has no picture that can be read ({reasons}).",
            "Put JPEG or PNG files into the folder or remove it.",
        )
    if not kinds["other"]:
        raise DatasetError(
            f"{folder.path}: the class has no picture.",
            "Put pictures (JPEG, PNG, WebP, …) into the folder or remove it.",
        )
    layout.findings.add("folders without a picture, taken for no class", folder.name)
    return False


def _find_splits_inside(folders: Sequence[Folder]) -> dict[str, SplitName]:
    """`china/train`, `china/test`: folder → split, where each class has nothing but folders of splits."""
    names = {each.name for folder in folders for each in folder.filled}
    splits = find_splits(names)
    whole = set(splits) == names and len(set(splits.values())) > 1
    return splits if whole and not any(folder.images for folder in folders) else {}


def _read_splits_inside(
    folders: Sequence[Folder], splits: dict[str, SplitName], layout: Layout
) -> list[tuple[Folder, SplitName | None]]:
    for name, split in splits.items():
        layout.findings.add("folders inside each class taken for a given split", f"{name} → {split}")
    return [
        (Folder(folder.path, folders=[inside]), splits[inside.name]) for folder in folders for inside in folder.filled
    ]


def _open_copies(folders: list[Folder], layout: Layout) -> list[Folder]:
    """Archives are often packed with the classes twice, `yes`, `no` and `all/yes`, `all/no`: one class each, not three;
    copies of an image are found afterwards."""
    keys = Counter(class_key(each.name) for each in folders)
    opened: list[Folder] = []
    for folder in folders:
        inside = [class_key(each.name) for each in folder.filled]
        others = set(keys) - {class_key(folder.name)}
        if not folder.images and len(inside) > 1 and set(inside) == others:
            layout.findings.add("folders that hold the classes once more, looked into", folder.name)
            opened += folder.filled
        else:
            opened.append(folder)
    return opened
