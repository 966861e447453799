"""Which classes a recipe tells apart: merge some, keep some, in the recipe's order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..recipe import Data
from ..runtime.errors import DatasetError
from .folders import Dataset, Entry
from .manifest import check_column
from .names import class_key
from .suggest import suggest


def choose_labels(dataset: Dataset, data: Data, titles: Collection[str]) -> Dataset:
    """First `data.merge`, then `data.labels`; every entry stays, those of other classes unused.

    Classes come in the order of `data.labels`, else of the recipe's `titles`, then by name.
    Raises `DatasetError` for an unknown name, and for a manifest's label that `titles` lacks though it has others.
    """
    asked = [("data.label", data.label if data.label != "label" else None), ("data.group", data.group)]
    # A folder has the attributes that the recipe names; a manifest need not have them, only what else is asked for.
    asked += [("data.stratify", column) for column in data.stratify if column not in data.attributes]
    for setting, column in asked:
        if column is not None:
            check_column(dataset, column, setting)
    known = (*titles, *(data.labels or ()), *(old for names in data.merge.values() for old in names))
    _refuse_united(dataset, known)
    dataset = _spell_as_titled(dataset, known)
    new_name = _invert(dataset, data)
    entries = _rename(dataset, new_name)
    found = {new_name.get(label, label) for label in dataset.labels}
    merged = replace(dataset, entries=entries)
    if data.labels is None:
        _check_titles(merged, found, titles)
        order = [*(title for title in titles if title in found), *sorted(found.difference(titles))]
        return replace(merged, labels=tuple(order))
    for label in data.labels:
        if label not in found:
            raise DatasetError(
                f"{dataset.source}: data.labels asks for the class {label!r}, which has no picture.",
                suggest(label, sorted(found)),
            )
    if len(set(data.labels)) < len(data.labels):
        raise DatasetError("data.labels names a class twice.", "Name each class once.")
    return merged.keep(data.labels)


def _invert(dataset: Dataset, data: Data) -> dict[str, str]:
    """`data.merge` as old class → new class."""
    new_name: dict[str, str] = {}
    for new, old_names in data.merge.items():
        for old in old_names:
            if old not in dataset.labels:
                raise DatasetError(
                    f"{dataset.source}: data.merge.{new} names the class {old!r}, which has no picture.",
                    suggest(old, dataset.labels),
                )
            if old in new_name:
                raise DatasetError(
                    f"data.merge: {old!r} is in {new_name[old]!r} and in {new!r}.", "Merge each class into one only."
                )
            new_name[old] = new
    return new_name


def _refuse_united(dataset: Dataset, known: Collection[str]) -> None:
    """Folders whose names differ in case, width or spaces only were read as one class."""
    if dataset.manifest is not None:
        return
    first: dict[str, str] = {}
    for name in known:
        other = first.setdefault(class_key(name), name)
        if other != name and class_key(name) in map(class_key, dataset.labels):
            raise DatasetError(
                f"{dataset.source}: the recipe tells the classes {other!r} and {name!r} apart, but folders whose names "
                "differ in case, width or spaces only are one class.",
                "Give one of them another name, in the recipe and as a folder.",
            )


def _spell_as_titled(dataset: Dataset, titles: Collection[str]) -> Dataset:
    """The folder `AI` is the recipe's class `ai`, unless there is a folder `ai` besides."""
    spelling = {class_key(title): title for title in titles}
    renamed = {
        label: spelling[class_key(label)]
        for label in dataset.labels
        if label not in titles and spelling.get(class_key(label), label) not in dataset.labels
    }
    if not renamed:
        return dataset
    return replace(
        dataset,
        entries=_rename(dataset, renamed),
        labels=tuple(sorted({renamed.get(each, each) for each in dataset.labels})),
    )


def _rename(dataset: Dataset, names: Mapping[str, str]) -> tuple[Entry, ...]:
    """The entries with the classes under their new `names`."""
    return tuple(
        entry
        if names.keys().isdisjoint(entry.labels)
        else entry.relabel(names.get(each, each) for each in entry.labels)
        for entry in dataset.entries
    )


def _check_titles(dataset: Dataset, found: set[str], titles: Collection[str]) -> None:
    """A manifest's classes are typed by hand: where the recipe knows some of them, one that it does not know is a slip.
    Where it knows none, they are of another column (the artist instead of the style) and name themselves."""
    if dataset.manifest is None or not found.intersection(titles):
        return
    if unknown := found.difference(titles):
        strange = (entry for entry in dataset.entries if not unknown.isdisjoint(entry.labels))
        entry = min(strange, key=lambda entry: entry.line)
        label = next(each for each in entry.labels if each in unknown)
        raise DatasetError(
            f"{dataset.manifest}, line {entry.line}: the label {label!r} is not in the recipe.",
            f"{suggest(label, list(titles))} Or add it to the recipe's labels, merge it (data.merge) or keep "
            "only others (data.labels).",
        )
