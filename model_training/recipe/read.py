"""YAML files, what they extend and `key=value` overrides → a recipe; faults in one line that names the nearest key."""

from __future__ import annotations

import contextlib
import difflib
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ..runtime.errors import RecipeError
from .schema import Recipe

RECIPES = Path(__file__).parents[1] / "recipes"

#: What a folder of pictures is recognised as by its classes. Not the sketches: a cat is a photograph as often.
_PRODUCTS = ("landscape", "webtoon", "ai_vs_real")

#: Old dotted key → its name today. Understood for one version, with a warning.
RENAMED_KEYS = {
    "augmentation.shift": "augmentation.translation",
    "augmentation.turn": "augmentation.rotation",
    "training.balance": "training.class_balancing",
    "training.balance_strength": "training.class_balancing_strength",
    "training.keep": "training.monitor",
    "training.start": "training.head_init",
    "verdicts.error": "verdicts.max_error_rate",
    "verdicts.certainty": "verdicts.confidence_level",
    "form": "precision",
}
#: (key, old value) → the value today.
RENAMED_VALUES = {("training.head_init", "discriminant"): "lda"}

Kind = TypeVar("Kind", bound=BaseModel)


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by its name under `recipes/` or by a file's path, then apply `key=value` overrides.

    A recipe that says `extends: other` holds only what differs from the other.

    Values are read as YAML (`false`, `3`, `1e-4`, `[a, b]`). Raises `RecipeError`.
    """
    return read_recipe(Recipe, name, overrides)


def read_recipe(kind: type[Kind], name: str, overrides: Sequence[str] = ()) -> Kind:
    """`load_recipe` for any kind of recipe."""
    content = _read(name)
    for override in overrides:
        _apply(content, override)
    return _validate(content, name, kind)


def choose_recipe(labels: Collection[str]) -> str:
    """The name of the product that tells these classes apart: it knows them all, and they are half of its own or more.

    Letters' case does not count. Other classes get the neutral recipe, `pictures`.
    """
    found = {label.casefold() for label in labels}
    for name in _PRODUCTS:
        known = {str(label).casefold() for label in _read(name)["labels"]}
        if found <= known and 2 * len(found) >= len(known):
            return name
    return "pictures"


def find_task(name: str) -> str:
    """What a recipe is for: `classification`, or what it says under `task`."""
    return str(_read(name).get("task", "classification"))


def _read(name: str) -> dict[str, Any]:
    """The file's mapping, laid over that of the recipe that it `extends`."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in RECIPES.glob("*.yaml")))
        raise RecipeError(
            f"There is no recipe {name!r}.", f"Choose one of {known}, or give the path of a YAML file."
        ) from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: this is not YAML ({' '.join(str(error).split())}).", "Mend the file.") from None
    if not isinstance(content, dict):
        raise RecipeError(
            f"{path}: a recipe is a mapping of keys to values.", "See model_training/recipes/landscape.yaml."
        )
    content = _rename_old_keys(content, name)
    base = content.pop("extends", None)
    return _lay_over(_read(base), content) if base else content


def _lay_over(base: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """Sections key by key. A text is replaced whole: half a translation of another's would stay."""
    merged = dict(base)
    for key, value in upper.items():
        below = merged.get(key)
        sections = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _lay_over(merged[key], value) if sections and not _is_text(value) else value
    return merged


def _is_text(value: dict[str, Any]) -> bool:
    return bool(value) and value.keys() <= {"en", "ko"}


def _rename_old_keys(content: dict[str, Any], source: str) -> dict[str, Any]:
    """One file's mapping with today's names, also in `search.space`. Warns of each old one."""
    for old, new in RENAMED_KEYS.items():
        *sections, last = old.split(".")
        place: Any = content
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        if isinstance(place, dict) and last in place:
            place[new.rpartition(".")[2]] = _rename(old, place.pop(last), source)[1]
    search = content.get("search")
    space = search.get("space") if isinstance(search, dict) else None
    if isinstance(search, dict) and isinstance(space, dict):
        search["space"] = dict(_rename(key, value, source) for key, value in space.items())
    return content


def _rename(key: str, value: object, source: str) -> tuple[str, object]:
    """A dotted key and its value → what both are called today."""
    new = RENAMED_KEYS.get(key, key)
    if new != key:
        warnings.warn(f"{source}: {key} is called {new} now; the old name goes with the next version.", stacklevel=2)
    return new, RENAMED_VALUES.get((new, value), value) if isinstance(value, str) else value


def override(recipe: Recipe, values: Mapping[str, object]) -> Recipe:
    """The recipe with other values under dotted names: `{"training.class_balancing": "focal_loss"}`.

    Raises `RecipeError`.
    """
    content = recipe.model_dump()
    for name, value in values.items():
        *sections, last = name.split(".")
        place: Any = content
        for section in sections:
            place = place.get(section)
            if not isinstance(place, dict):
                raise RecipeError(f"{name!r} is no key of the recipe {recipe.name!r}.", _suggest(name))
        place[last] = value
    return validate_recipe(content, recipe.name)


def validate_recipe(content: dict[str, Any], source: str) -> Recipe:
    """A mapping → `Recipe`. Raises `RecipeError` with the first fault in one line."""
    return _validate(content, source, Recipe)


def _validate(content: dict[str, Any], source: str, kind: type[Kind]) -> Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise RecipeError(f"{source}: unknown key {place!r}.", _suggest(place, kind)) from None
        raise RecipeError(
            f"{source}: {place}: {first['msg'].removeprefix('Value error, ')} (found {first['input']!r}).",
            "Correct the value.",
        ) from None


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"{override!r} is not an override.", "Write key=value, for example training.epochs=3.")
    key, parsed = _rename(key.strip(), _parse(value), "the overrides")
    *sections, last = key.split(".")
    place = content
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise RecipeError(f"{key!r}: {section!r} holds a value, not keys.", _suggest(key))
    place[last] = parsed


def _parse(value: str) -> object:
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    # YAML 1.1 reads 1e-4 as a string
    if isinstance(parsed, str):
        with contextlib.suppress(ValueError):
            return float(parsed)
    return parsed


def _suggest(place: str, kind: type[BaseModel] = Recipe) -> str:
    known = list(_known_keys(kind))
    near = difflib.get_close_matches(place, known, n=1, cutoff=0.0)
    same_section = [key for key in known if key.rpartition(".")[0] == place.rpartition(".")[0]]
    near = difflib.get_close_matches(place, same_section, n=1, cutoff=0.5) or near
    return f"Did you mean {near[0]!r}?"


def _known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += _known_keys(kind, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys
