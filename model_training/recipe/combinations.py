"""Settings that are right each by itself and can't work together: refused when the recipe is read."""

from __future__ import annotations

from ..runtime.architecture import Head
from ..runtime.errors import RecipeError
from .sections import Augmentation, Data, Network, Training

#: What a backbone's name starts with where it is CLIP: `clip:openai/clip-vit-base-patch32`, `clip:folder`.
CLIP = "clip:"
#: `network.pretrained=package`: the weights of an installed package, which are those of one backbone.
PACKAGE, PACKAGE_BACKBONE = "package", "tf_efficientnet_lite0"


def check_combinations(name: str, network: Network, training: Training, augmentation: Augmentation, data: Data) -> None:
    """Raise `RecipeError` for the first pair of settings of the recipe `name` that exclude each other."""
    head, adapter = network.head, network.adapter
    is_clip = network.backbone.startswith(CLIP)
    from_lda = training.head_init == "lda"
    own_loss = training.loss != "cross_entropy"
    refused = [
        (
            is_clip and from_lda,
            "training.head_init=lda starts a head, and CLIP has none.",
            "Set training.head_init=random.",
        ),
        (
            is_clip and head != Head(),
            "network.head: CLIP answers by its prompts and has no head.",
            "Leave network.head out (an inherited one: network.head={stages: null, hidden: null, standardise: false}).",
        ),
        (
            is_clip and isinstance(network.pretrained, str),
            f"network.pretrained={network.pretrained}: CLIP's weights come with its name or its folder.",
            "Give network.backbone=clip:folder, and set network.pretrained to true or false.",
        ),
        (
            is_clip and adapter is None and network.unfreeze not in (0, "upper", "all"),
            f"network.unfreeze={network.unfreeze}: CLIP is trained whole or by adapters.",
            "Set network.unfreeze to all or 0, or network.adapter.",
        ),
        (
            not is_clip and adapter is not None and "text" in adapter.encoders,
            f"network.adapter.encoders: {network.backbone} has no text encoder.",
            "Set network.adapter.encoders=[vision].",
        ),
        (
            adapter is not None and network.unfreeze not in ("upper", "all"),
            f"network.unfreeze={network.unfreeze} does nothing beside network.adapter, which freezes the backbone.",
            "Set network.unfreeze=all, or network.adapter=null.",
        ),
        (
            from_lda and (head.hidden is not None or head.standardise),
            "training.head_init=lda needs a head of one linear layer.",
            "Leave network.head.hidden and network.head.standardise unset, or set training.head_init=random.",
        ),
        (
            network.pretrained == PACKAGE and network.backbone.partition(".")[0] != PACKAGE_BACKBONE,
            f"network.pretrained=package has the weights of {PACKAGE_BACKBONE}, not of {network.backbone}.",
            f"Set network.backbone={PACKAGE_BACKBONE}, or network.pretrained to true or a file.",
        ),
        (
            own_loss and training.class_balancing in ("class_weights", "focal_loss", "logit_adjustment"),
            f"training.loss={training.loss} leaves no place for the loss of "
            f"training.class_balancing={training.class_balancing}.",
            "Set training.loss=cross_entropy, or training.class_balancing to none or one of the samplings.",
        ),
        (
            training.loss.startswith("quantile_margin") and training.label_smoothing > 0,
            f"training.label_smoothing: {training.loss} goes without it.",
            "Set training.label_smoothing=0.",
        ),
        (
            augmentation.mixes and (own_loss or training.class_balancing == "focal_loss"),
            "augmentation.mixup and cutmix share a target between two classes, which only cross-entropy takes.",
            "Set augmentation.mixup=0 and augmentation.cutmix=0, or training.loss=cross_entropy and no focal loss.",
        ),
        (
            augmentation.mixes and training.distillation is not None,
            "augmentation.mixup and cutmix make pictures that the teachers were not asked about.",
            "Set augmentation.mixup=0 and augmentation.cutmix=0, or leave out training.distillation.",
        ),
    ]
    refused += _refuse_of_labels(network, training, augmentation, multi_label=data.multi_label)
    for holds, message, remedy in refused:
        if holds:
            raise RecipeError(f"{name}: {message}", remedy)


def _refuse_of_labels(
    network: Network, training: Training, augmentation: Augmentation, *, multi_label: bool
) -> list[tuple[bool, str, str]]:
    """What compares the classes with each other has no meaning where each is told by itself."""
    if not multi_label:
        return [
            (
                training.monitor == "average_precision",
                "training.monitor=average_precision is of pictures with several classes.",
                "Set data.multi_label=true, or training.monitor=macro_f1.",
            )
        ]
    return [
        (
            network.backbone.startswith(CLIP),
            "data.multi_label: CLIP compares the classes' prompts with each other.",
            "Choose another network.backbone.",
        ),
        (
            training.loss != "cross_entropy",
            f"training.loss={training.loss} compares classes with each other, which data.multi_label does not.",
            "Set training.loss=cross_entropy, which is then the binary one of each class.",
        ),
        (
            training.class_balancing not in ("none", "class_weights"),
            f"training.class_balancing={training.class_balancing}: a picture of several classes can't be drawn or "
            "weighed by its class.",
            "Set training.class_balancing to class_weights or none.",
        ),
        (
            training.head_init == "lda",
            "training.head_init=lda is a discriminant between classes, of which a picture has one.",
            "Set training.head_init=random.",
        ),
        (
            augmentation.mixes,
            "augmentation.mixup and cutmix share a target between two classes, of which a picture has one.",
            "Set augmentation.mixup=0 and augmentation.cutmix=0.",
        ),
        (
            training.distillation is not None,
            "training.distillation teaches one class of each picture.",
            "Set training.distillation=null, or data.multi_label=false.",
        ),
    ]
