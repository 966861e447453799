"""Which form of its network a server's worker answers with: the fastest on this processor of those that may serve.

A bundle holds only forms whose cost is within its recipe's bound (the card's `form_costs`), so here speed decides.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from .card import ClassifierCard, OpenVINOModel
from .errors import FormError
from .execution import OpenVINOExecution, can_run
from .measures import Precision, Served
from .threads import count_threads

#: What may be asked for: the fastest, or one form whatever the processor.
Wish = Literal["fastest", "float32", "bf16", "int8"]
#: How long all forms together are measured, beside the first batch of each.
_SECONDS = 1.0
#: Images of a measured batch, by thread: as a busy server's.
_IMAGES = 4
#: How much faster a form has to be than the network's own to take its place.
_GAIN = 1.1
_REMEDY = "Ask for the fastest or none, or make the bundle again with that form in the recipe's serving.forms."


def parse_wish(name: str | None) -> Wish | None:
    """Raises `FormError` for what is no form."""
    for wish in get_args(Wish):
        if name == wish:
            return wish
    if name is None:
        return None
    raise FormError(f"There is no form {name!r}.", f"Choose one of {', '.join(get_args(Wish))}.")


def serve_form(card: ClassifierCard, bundle: Path, wish: Wish) -> ClassifierCard:
    """The card as it is where the chosen form answers. One without OpenVINO forms stays as it is.

    Of one bundle all workers on a machine choose alike: the first measures, and leaves its choice in the temporary
    folder. Raises `FormError` where a form is asked for that is not there or that this processor can't compute.
    """
    own = card.openvino_model
    if own is None:
        if wish not in ("fastest", "float32"):
            raise FormError(f"{bundle}: the bundle has no {wish} form: it answers by torch.", _REMEDY)
        return card
    models = {each.precision: each for each in (own, *(form.openvino_model for form in card.forms))}
    if wish != "fastest":
        if wish not in models:
            cost = card.form_costs.get(wish)
            why = f", which would lose up to {cost.loss_bound:.1%} of the accuracy" if cost is not None else ""
            raise FormError(f"{bundle}: the bundle has no {wish} form{why}.", _REMEDY)
        if not can_run(wish):
            raise FormError(f"This processor has no instructions for {wish}.", _REMEDY)
        return card.as_served(Served(precision=wish, why="set"))
    able = able_forms(card)
    if len(able) == 1:
        return card.as_served(Served(precision=able[0].precision, why="only"))
    return card.as_served(_recall_or_measure(card, bundle, able))


def able_forms(card: ClassifierCard) -> list[OpenVINOModel]:
    """The OpenVINO forms that this processor can compute, the network's own first."""
    forms = [form.openvino_model for form in card.forms if can_run(form.precision)]
    return forms if card.openvino_model is None else [card.openvino_model, *forms]


def _recall_or_measure(card: ClassifierCard, bundle: Path, models: Sequence[OpenVINOModel]) -> Served:
    processor = _name_processor()
    files = {name: digest for name, digest in card.files.items() if name.endswith((".xml", ".bin"))}
    facts = [card.name, card.version, files, processor, count_threads(), [each.file for each in models]]
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / f"hwapung-forms-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # One measures at a time, whatever the model: the others would take its cores.
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _recall(folder / name, models) or _keep(folder / name, _choose(bundle, models, processor))
    except OSError:  # no room, or another's folder: it is only a note
        return _choose(bundle, models, processor)


def _recall(note: Path, models: Sequence[OpenVINOModel]) -> Served | None:
    try:
        served = Served.model_validate_json(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return served if served.precision in [each.precision for each in models] else None


def _keep(note: Path, served: Served) -> Served:
    note.write_text(served.model_dump_json(), "utf-8")
    return served


def _choose(bundle: Path, models: Sequence[OpenVINOModel], processor: str) -> Served:
    """`models`: the network's own form first."""
    rates = measure_rates(bundle, models)
    own = models[0].precision
    best = max(rates, key=lambda precision: rates[precision] / (_GAIN if precision != own else 1))
    return Served(precision=best, why="fastest", rates=rates, processor=processor)


def measure_rates(bundle: Path, models: Sequence[OpenVINOModel]) -> dict[Precision, float]:
    """Form → images a second of its network, in turn on the same batches; the best of the rounds, for whatever else
    the machine does can only take away."""
    forms = {each.precision: OpenVINOExecution(bundle / each.file, each.precision) for each in models}
    shape = next(iter(forms.values())).shape
    size = (_IMAGES * count_threads(), *shape)
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    for execute in forms.values():
        execute.run(pixels[: execute.streams])
    best = dict.fromkeys(forms, np.inf)
    end = time.perf_counter() + _SECONDS
    while True:
        for precision, execute in forms.items():
            started = time.perf_counter()
            execute.run(pixels)
            best[precision] = min(best[precision], time.perf_counter() - started)
        if time.perf_counter() > end:
            return {precision: round(len(pixels) / seconds, 1) for precision, seconds in best.items()}


def _name_processor() -> str:
    import openvino

    return str(openvino.Core().get_property("CPU", "FULL_DEVICE_NAME"))
