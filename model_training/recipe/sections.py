"""The recipe's sections and keys, strict: an unknown key is an error."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..runtime.architecture import Head
from ..runtime.card import Text, Verdict, VerdictWords

NamedDepth = Literal["upper", "all"]
#: How much of a backbone is trained.
Depth = int | NamedDepth


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Product(Section):
    """What every kind of recipe says of its product."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="of the bundle, the archive and the page's address")
    version: str = Field("1.0", pattern=r"^[0-9][0-9A-Za-z.\-]*$", description="which answers and archives carry")
    title: Text = Field(description="the question that the page asks")
    summary: Text = Field(description="what the model does, in a sentence")
    limits: Text = Field(description="what it can't do")


class Split(Section):
    """How one folder per class is divided. Given `train/val/test` folders are used as they are."""

    validation: float = Field(0.2, gt=0, lt=0.5, description="share of the pictures")
    test: float = Field(0.2, gt=0, lt=0.5, description="share of the pictures")
    seed: int = Field(0, description="of the draw; another one divides the same pictures anew")


class Data(Section):
    name: Text | None = Field(None, description="what the card calls the pictures; the folder's name if unset")
    split: Split = Split()
    near_duplicate_distance: int = Field(
        8, ge=0, le=16, description="bits of 64 in which the perceptual hashes of near duplicates may differ"
    )
    unreadable: Literal["error", "skip"] = Field("error", description="what to do about a file that can't be decoded")
    contradictions: Literal["error", "drop", "keep"] = Field(
        "error", description="what to do about a file that lies in several classes; reports list them"
    )
    label_from: str | None = Field(
        None,
        description="where file names hold the class: a pattern with {label}, {} for anything, {name} for a column",
    )
    encoding: str | None = Field(
        None, description="of what is no UTF-8: a manifest, folders' names; asked for where two are about as likely"
    )
    label: str = Field("label", description="the manifest's column that names the class")
    multi_label: bool = Field(
        False,
        description="a picture may have several classes, with `;` between them in its cell; each is told by itself",
    )
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
    source: str | None = Field(
        None,
        description="the column or attribute that names a picture's source: generator, camera, museum, painter; "
        "training then measures how well pictures of an unseen one are told",
    )
    cache: Literal["auto", "raw", "compressed"] = Field(
        "auto",
        description="how prepared pictures are kept: raw, or compressed without loss to less than half, which is read "
        "more slowly; auto compresses what would take more than half of the free disk",
    )
    unseen_folds: int = Field(
        5, ge=2, description="trainings that this takes at most; of more sources, each goes without several"
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
    policy: Literal["none", "randaugment", "trivialaugment"] = Field(
        "none", description="changes of shape and colour: two of medium strength (RandAugment), or one of any"
    )
    mixup: float = Field(0.0, ge=0, description="alpha of the shares in which two pictures are blended; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="alpha of the share that another picture's piece takes; 0 is off")

    @property
    def mixes(self) -> bool:
        """Whether a training image shows two, and its target is shared between their classes."""
        return bool(self.mixup or self.cutmix)


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
    pretrained: bool | str = Field(
        True,
        description="true downloads, a path loads a file, `package` takes those of an installed package, "
        "false starts from scratch",
    )
    head: Head = Head()
    unfreeze: Depth = Field(
        "all",
        description="how many of the backbone's layers with parameters are trained, counted from the top; `upper` is "
        "those of the last two stages, and all where weights are random",
    )

    @field_validator("unfreeze", mode="before")
    @classmethod
    def _is_a_depth(cls, value: object) -> object:
        if value not in get_args(NamedDepth) and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ValueError("a depth is a number of layers, 0 or more, or upper or all")
        return value

    @field_validator("prompts")
    @classmethod
    def _have_a_place_for_the_title(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for prompt in value:
            if prompt.count("{}") != 1 or prompt.count("{") != 1 or prompt.count("}") != 1:
                raise ValueError("a prompt holds {} once, where a class's title goes")
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
    head_init: Literal["probe", "lda", "random"] = Field(
        "probe",
        description="how the head begins: as logistic regression on the pretrained features, as their linear "
        "discriminant, or drawn; `probe` draws without pretrained weights, with CLIP, with probe=false and where the "
        "head is more than one linear layer",
    )
    probe: bool = Field(
        True,
        description="fit a linear probe on the pretrained features first, and keep it unless fine-tuning beats it",
    )
    probe_copies: int = Field(
        0, ge=0, description="copies of each picture, changed as `augmentation` says, that the probe is fitted on, too"
    )
    class_balancing: ClassBalancing = Field("none", description="what is done about unequal classes")
    class_balancing_strength: float = Field(
        1.0, ge=0, description="0 does nothing, 1 makes classes equal; focal loss: its gamma, of which 2 is usual"
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adam", description="SGD with Nesterov momentum of 0.9")
    learning_rate: float = Field(0.001, gt=0, description="of the head, and with layer_decay=1 of all; its highest")
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="each layer below the head learns at this times the rate of the one above; below 1, biases and "
        "scales have no weight decay",
    )
    weight_decay: float = Field(0.0, ge=0, description="as the optimizer defines it")
    warmup_epochs: int = Field(0, ge=0, description="in which the rate grows evenly from zero")
    schedule: Literal["constant", "cosine"] = Field("constant", description="cosine falls to zero at the last step")
    epochs: int = Field(10, ge=1, description="passes over the training pictures")
    patience: int | None = Field(
        None, ge=1, description="stop after as many epochs without a better one; the schedule stays that of `epochs`"
    )
    average: Literal["none", "ema", "swa", "wise"] = Field(
        "none",
        description="which weights are validated and kept: the last step's, their exponential mean with a memory of "
        "one epoch, the mean over the last quarter of the epochs, or the middle between the start and the exponential "
        "mean (`wise`; where the head does not start from a probe, that mean itself)",
    )
    monitor: Literal["accuracy", "macro_f1", "average_precision"] = Field(
        "accuracy",
        description="the validation figure of the epoch to keep; with `data.multi_label` also the classes' mean "
        "`average_precision`, and `accuracy` counts pictures of which every class is right",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="in what a step computes; weights and all that is validated on a CPU stay float32. auto: bfloat16 "
        "on CUDA (float16 on older cards), and on a CPU that multiplies it itself, where the network has enough to do",
    )
    batch_size: int = Field(32, ge=2, description="pictures a step, over all processes together")
    distillation: Distillation | None = Field(None, description="learn from other bundles, besides the labels")
    seed: int = Field(0, description="of the head's start, the order of the pictures and their augmentation")


class Verdicts(Section):
    """When an answer is sure, and what a page says then. `words` may hold `{error}`, the error rate aimed at, and
    `{promise}`, the sentence that says for which pictures that rate holds."""

    max_error_rate: float = Field(0.02, gt=0, lt=0.5, description="share of the sure answers that may be wrong")
    confidence_level: float | None = Field(
        None,
        gt=0.5,
        lt=1,
        description="how certain the validation pictures must make that rate; unset, their own error rate decides",
    )
    only_like_training: bool = Field(
        False,
        description="whether a picture that is smaller, softer or more compressed than any of the training is unknown",
    )
    words: dict[Verdict, VerdictWords] = Field(default_factory=dict, description="verdict → title and sentence")


class Range(Section):
    """Any number from `low` to `high`, whole where both are; `log` spreads the tries over orders of magnitude."""

    low: int | float
    high: int | float
    log: bool = False


class Search(Section):
    """What `hwapung search` tries. See `model_training/search`."""

    space: dict[str, tuple[bool | int | float | str | None, ...] | Range] = Field(
        default_factory=dict, description="dotted key of network, training or augmentation → the values to try"
    )
    sampler: Literal["grid", "random", "tpe", "gp", "nsgaii", "qmc"] = Field(
        "grid", description="grid tries every combination, the others choose as optuna's samplers do"
    )
    trials: int = Field(50, ge=1, description="how many a sampler other than grid may try")
    prune: Literal["none", "median", "halving"] = Field(
        "none",
        description="which trials are stopped early: those below the median of the others at their epoch, or by "
        "successive halving all but the best quarter after 1, 4, 16, … epochs; what starts slowly may be missed",
    )
    seed: int | None = Field(0, description="of the sampler")

    @field_validator("prune", mode="before")
    @classmethod
    def _was_once_a_switch(cls, value: object) -> object:
        """Cards of older bundles have the recipe that they were trained by."""
        return {True: "median", False: "none"}.get(value, value) if isinstance(value, bool) else value


class Serving(Section):
    """What a server may answer with in the place of the network's own form, where its processor is faster at it."""

    forms: tuple[Literal["bf16", "int8"], ...] = Field(
        ("bf16", "int8"),
        description="forms to make beside `precision: float32`; bf16 can be measured only on processors that have it",
    )
    agreement: float = Field(
        0.5,
        gt=0,
        le=100,
        description="points of accuracy that such a form may lose, at 95%; what may lose more is left out",
    )
    exact_layers: int = Field(
        0,
        ge=0,
        description="layers that may stay in float32 where 8 bits would lose more; to find them takes minutes, of "
        "large networks hours",
    )
    neighbours: Literal["none", "names", "pictures"] = Field(
        "none",
        description="what explained answers show of the most similar training pictures: nothing, their classes and "
        "links, or thumbnails, too; only you know whether the pictures may be shown",
    )


#: OpenVINO in 32-bit floats, OpenVINO in 8-bit integers, or torch itself.
Precision = Literal["float32", "int8", "torch"]
