"""The recipe: what a product is and how it is trained, in strict YAML.

One product differs from another by its recipe, not by its code. An unknown key is an error that names the nearest known
one, and every value can be overridden by its dotted name: `network.backbone=mobilenetv2_100`.
"""

from __future__ import annotations

import contextlib
import difflib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .runtime.card import Head, Preprocessing, Text, Verdict, VerdictWords
from .runtime.errors import RecipeError

RECIPES = Path(__file__).parent / "recipes"

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


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Section):
    """How one folder per class is divided. Given `train/val/test` folders are used as they are."""

    validation: float = Field(0.2, gt=0, lt=0.5)
    test: float = Field(0.2, gt=0, lt=0.5)
    seed: int = 0


class Data(Section):
    name: Text | None = Field(None, description="what the card calls the pictures; the folder's name if unset")
    split: Split = Split()
    near_duplicate_distance: int = Field(
        8, ge=0, le=16, description="bits of 64 in which the perceptual hashes of near duplicates may differ"
    )
    unreadable: Literal["error", "skip"] = Field("error", description="what to do about a file that can't be decoded")
    label: str = Field("label", description="the manifest's column that names the class")
    labels: tuple[str, ...] | None = Field(None, description="the classes to keep, in this order; all if unset")
    merge: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="new class → the classes it is made of")
    group: str | None = Field(
        None, description="the manifest's column whose pictures stay on one side of the split: series, artist"
    )
    attributes: tuple[str, ...] = Field(
        (), description="names for the levels of folders inside a class folder: colour, view"
    )
    stratify: tuple[str, ...] = Field(
        (), description="columns or attributes whose combinations with the class each split gets in equal shares"
    )
    too_few: Literal["error", "drop"] = Field(
        "error", description="what to do about a class with too few pictures or groups to be in every split"
    )


class Augmentation(Section):
    """Applied to training images only."""

    horizontal_flip: float = Field(0.5, ge=0, le=1, description="probability")
    translation: float = Field(0.0, ge=0, lt=0.5, description="largest share of each side by which a picture moves")
    rotation: float = Field(0.0, ge=0, le=180, description="largest rotation either way, in degrees")
    zoom: float = Field(0.0, ge=0, lt=0.7, description="largest change of size either way, as a natural logarithm")
    shear: float = Field(0.0, ge=0, lt=45, description="largest slant either way, in degrees")
    stroke: float = Field(0.0, ge=0, le=1, description="probability that dark lines grow wider or paler")
    corruption: float = Field(
        0.0, ge=0, le=1, description="probability of JPEG, shrinking, blur, noise, cropping or a screenshot"
    )


class Adapter(Section):
    """LoRA in the recipe."""

    place: Literal["qkvo", "vo", "mlp"] = Field(
        "mlp", description="q, k, v and output projections; value and output; or the perceptrons"
    )
    rank: int = Field(8, ge=1, description="of the update")
    alpha: int = Field(16, ge=1, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="of what enters the update")
    layers: tuple[int, ...] | Literal["all"] = Field("all", description="numbers of the transformer's layers, from 0")
    encoders: tuple[Literal["vision", "text"], ...] = Field(("vision",), description="CLIP: which of its two encoders")


class Network(Section):
    backbone: str = Field("resnet18", description="a timm name, or clip: and a name on Hugging Face or a local folder")
    adapter: Adapter | None = Field(None, description="LoRA, in place of training the backbone's own weights")
    prompts: tuple[str, ...] = Field(
        ("a sketch of a {}.", "a hand drawing of a {}."),
        min_length=1,
        description="CLIP: {} stands for a class's title",
    )
    pretrained: bool | str = Field(True, description="true downloads, a path loads a file, false starts from scratch")
    head: Head = Head()
    unfreeze: int | Literal["all"] = Field(
        "all", description="how many of the backbone's layers with parameters are trained, counted from the top"
    )

    @field_validator("unfreeze", mode="before")
    @classmethod
    def _is_a_depth(cls, value: object) -> object:
        if value != "all" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ValueError("a depth is a number of layers, 0 or more, or all")
        return value


#: How unequal classes are treated, see `model_training/training/sampling.py` and `losses.py`.
ClassBalancing = Literal[
    "none", "down_sampling", "up_sampling", "balanced_sampler", "class_weights", "focal_loss", "logit_adjustment"
]


class Distillation(Section):
    """Teachers, see `model_training/training/distillation.py`."""

    teachers: tuple[str, ...] = Field(min_length=1, description="folders of bundles; of several the mean is taught")
    temperature: float = Field(4.0, gt=0, description="softens both answers; 1 leaves them as they are")
    weight: float = Field(0.9, ge=0, le=1, description="of the teachers' answers; the labels have the rest")


class Training(Section):
    loss: Literal["cross_entropy", "focal", "quantile_margin", "quantile_margin_hard"] = Field(
        "cross_entropy",
        description="all but cross_entropy go without the losses of `class_balancing`",
    )
    focal_gamma: float = Field(2.0, ge=0, description="focal: how much easy pictures fade")
    margin_quantile: float = Field(0.25, gt=0, lt=1, description="quantile_margin: share of a batch with small margins")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all classes")
    head_init: Literal["random", "lda"] = Field(
        "random", description="how the head begins: drawn, or as a linear discriminant of the pretrained features"
    )
    class_balancing: ClassBalancing = Field("none", description="what is done about unequal classes")
    class_balancing_strength: float = Field(
        1.0, ge=0, description="0 does nothing, 1 makes classes equal; focal loss: its gamma, of which 2 is usual"
    )
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(0.001, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine"] = Field("constant", description="cosine falls to zero at the last step")
    epochs: int = Field(10, ge=1)
    monitor: Literal["accuracy", "macro_f1"] = Field(
        "accuracy", description="the validation figure of the epoch to keep"
    )
    batch_size: int = Field(32, ge=2, description="pictures a step, over all processes together")
    distillation: Distillation | None = Field(None, description="learn from other bundles, besides the labels")
    seed: int = 0


class Verdicts(Section):
    """When an answer is sure, and what a page says then. `words` may hold `{error}`, the error rate aimed at."""

    max_error_rate: float = Field(0.02, gt=0, lt=0.5, description="share of the sure answers that may be wrong")
    confidence_level: float | None = Field(
        None,
        gt=0.5,
        lt=1,
        description="how certain the validation pictures must make that rate; unset, their own error rate decides",
    )
    words: dict[Verdict, VerdictWords] = Field(default_factory=dict, description="verdict → title and sentence")


class Range(Section):
    """Any number from `low` to `high`, whole where both are; `log` spreads the tries over orders of magnitude."""

    low: int | float
    high: int | float
    log: bool = False


class Search(Section):
    """What `make search` tries. See `model_training/search`."""

    space: dict[str, tuple[bool | int | float | str | None, ...] | Range] = Field(
        default_factory=dict, description="dotted key of network, training or augmentation → the values to try"
    )
    sampler: Literal["grid", "random", "tpe", "gp", "nsgaii", "qmc"] = Field(
        "grid", description="grid tries every combination, the others choose as optuna's samplers do"
    )
    trials: int = Field(50, ge=1, description="how many a sampler other than grid may try")
    prune: bool = Field(False, description="stop a trial that is worse than the median of the others at its epoch")
    seed: int | None = Field(0, description="of the sampler")


#: OpenVINO in 32-bit floats, OpenVINO in 8-bit integers, or torch itself.
Precision = Literal["float32", "int8", "torch"]


class Recipe(Section):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = Field("1.0", pattern=r"^[0-9][0-9A-Za-z.\-]*$")
    title: Text
    summary: Text
    limits: Text
    labels: dict[str, Text] = Field(
        default_factory=dict, description="class folder → title; a folder without one is its own title"
    )
    data: Data = Data()
    preprocessing: Preprocessing
    augmentation: Augmentation = Augmentation()
    network: Network = Network()
    training: Training = Training()
    verdicts: Verdicts = Verdicts()
    precision: Precision = Field("float32", description="of the network that serves on a CPU")
    search: Search = Search()


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


def find_task(name: str) -> str:
    """What a recipe is for: `classification`, or what it says under `task`."""
    return str(_read(name).get("task", "classification"))


def _read(name: str) -> dict[str, Any]:
    """The file's mapping, laid over that of the recipe which it `extends`."""
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
    merged = dict(base)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _lay_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


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
            f"{source}: {place}: {first['msg']} (found {first['input']!r}).", "Correct the value."
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
