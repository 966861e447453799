"""Adaptations × losses over several seeds: what each costs and gives, and what it does to the rarest classes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import f1_score

from ..datasets.prepare import prepare
from ..evaluation.predict import predict_logits
from ..progress import console
from ..recipe import load_recipe
from ..runtime.errors import RecipeError
from ..runtime.execution import TorchExecution
from ..runtime.files import write_text
from ..training.classification import train
from ..training.loop import start_fabric

#: Name in the table → overrides of the recipe.
ADAPTATIONS = {
    "none": ["network.adapter=null", "network.unfreeze=0"],
    "full": ["network.adapter=null", "network.unfreeze=all"],
    "LoRA q/k/v/output": ["network.adapter.place=qkvo"],
    "LoRA value/output": ["network.adapter.place=vo"],
    "LoRA MLP": ["network.adapter.place=mlp"],
}
LOSSES = ("cross_entropy", "focal", "quantile_margin", "quantile_margin_hard")
_RAREST = 5


def run_ablation(name: str, overrides: Sequence[str], data: Path, seeds: int, build: Path) -> Path:
    """Train every pair on every seed (of the split and of the start), or go on where it stopped.

    An adaptation that the network has no layers for is left out and named. Returns the folder with `rows.json`,
    `table.md` and `ablation.png`.
    """
    folder = build / "ablation" / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = _read_rows(folder / "rows.json")
    impossible: set[str] = set()
    total = len(ADAPTATIONS) * len(LOSSES) * seeds
    done = 0
    for seed in range(seeds):
        for adaptation, own in ADAPTATIONS.items():
            for loss in LOSSES:
                done += 1
                key = json.dumps([adaptation, loss, seed, sorted(overrides), str(data.resolve())])
                if adaptation in impossible or key in rows:
                    continue
                wanted = [*overrides, *own, f"training.loss={loss}", f"data.split.seed={seed}", f"training.seed={seed}"]
                try:
                    rows[key] = _train_row(name, wanted, data, build) | {
                        "adaptation": adaptation, "loss": loss, "seed": seed,
                    }  # fmt: skip
                except RecipeError as error:
                    if "network.adapter" not in error.message:
                        raise
                    impossible.add(adaptation)
                    console.print(f"{adaptation} is left out: {error.message}")
                    continue
                write_text(folder / "rows.json", json.dumps(rows, indent=1) + "\n")
                row = rows[key]
                console.print(
                    f"{done}/{total} {adaptation}, {loss}, seed {seed}: accuracy {row['accuracy']:.3f}, "
                    f"macro-F1 {row['macro_f1']:.3f}, {row['seconds']:.0f} s"
                )
    kept = [row for key, row in rows.items() if json.loads(key)[3:] == [sorted(overrides), str(data.resolve())]]
    table = describe(kept)
    write_text(folder / "table.md", table)
    plot(kept, folder / "ablation.png")
    console.print(table)
    return folder


def _train_row(name: str, overrides: Sequence[str], data: Path, build: Path) -> dict[str, Any]:
    recipe = load_recipe(name, overrides)
    prepared = prepare(recipe, data, build / "cache", quiet=True)
    started = time.perf_counter()
    trained = train(recipe, prepared, build / "runs", start_fabric("cpu"), build / "cache")
    seconds = time.perf_counter() - started
    test = prepared.rows["test"]
    truth = prepared.targets[test]
    predicted = predict_logits(TorchExecution(trained.network, "cpu"), prepared.pixels, test).argmax(1)
    counts = np.bincount(prepared.targets[prepared.rows["train"]], minlength=len(prepared.dataset.labels))
    recalls = {
        label: [int((predicted[truth == number] == number).sum()), int((truth == number).sum()), int(counts[number])]
        for number, label in enumerate(prepared.dataset.labels)
    }
    return {
        "accuracy": float((predicted == truth).mean()),
        "macro_f1": float(f1_score(truth, predicted, labels=np.arange(len(counts)), average="macro", zero_division=0)),
        "pictures": len(test),
        "trainable": trained.trainable,
        "seconds": round(max(seconds, sum(each.seconds for each in trained.epochs)), 1),
        "recalls": recalls,
    }


def describe(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: figures with 95% intervals over the seeds (Student's t), then recall in the rarest classes against
    cross-entropy under the same adaptation."""
    lines = [
        "| adaptation | loss | accuracy | macro-F1 | trainable parameters | seconds |",
        "|---|---|---|---|---|---|",
    ]
    groups = {(row["adaptation"], row["loss"]): [] for row in rows}  # type: dict[tuple[str, str], list[dict[str, Any]]]
    for row in rows:
        groups[row["adaptation"], row["loss"]].append(row)
    for (adaptation, loss), own in groups.items():
        lines.append(
            f"| {adaptation} | {loss} | {_interval([row['accuracy'] for row in own])} | "
            f"{_interval([row['macro_f1'] for row in own])} | {own[0]['trainable']:,} | "
            f"{np.mean([row['seconds'] for row in own]):.0f} |"
        )
    rarest = _rarest(rows)
    lines += [
        "",
        f"Recall in the {len(rarest)} rarest classes ({', '.join(rarest)}), all seeds together,",
        "and its difference from cross-entropy:",
        "",
        f"| adaptation | loss | {' | '.join(rarest)} | together |",
        "|---|---|" + "---|" * (len(rarest) + 1),
    ]
    for (adaptation, loss), own in groups.items():
        base = groups.get((adaptation, "cross_entropy"), own)
        cells = [_recall_cell(own, base, [label]) for label in [*rarest]] + [_recall_cell(own, base, rarest)]
        lines.append(f"| {adaptation} | {loss} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Macro-F1 of every seed and its mean, one group for each adaptation, one colour for each loss."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    adaptations = [name for name in ADAPTATIONS if any(row["adaptation"] == name for row in rows)]
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for column, loss in enumerate(LOSSES):
        for place, adaptation in enumerate(adaptations):
            values = [row["macro_f1"] for row in rows if (row["adaptation"], row["loss"]) == (adaptation, loss)]
            x = place + (column - (len(LOSSES) - 1) / 2) * 0.18
            label = loss.replace("_", " ") if place == 0 else None
            axes.scatter([x] * len(values), values, s=14, color=f"C{column}", alpha=0.6, label=label)
            if values:
                axes.hlines(np.mean(values), x - 0.07, x + 0.07, color=f"C{column}", linewidth=2)
    axes.set_xticks(range(len(adaptations)), adaptations)
    axes.set_ylabel("macro-F1 on the test drawings")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, ncols=len(LOSSES), loc="upper center", bbox_to_anchor=(0.5, 1.13))
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _interval(values: Sequence[float]) -> str:
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.3f} ({mean - half:.3f} to {mean + half:.3f})"


def _rarest(rows: Sequence[dict[str, Any]]) -> list[str]:
    counts = {label: cells[2] for row in rows for label, cells in row["recalls"].items()}
    return sorted(counts, key=lambda label: (counts[label], label))[:_RAREST]


def _recall_cell(own: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]], labels: Sequence[str]) -> str:
    def recall(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
        cells = [row["recalls"][label] for row in rows for label in labels if label in row["recalls"]]
        return sum(cell[0] for cell in cells), sum(cell[1] for cell in cells)

    (right, all_), (base_right, base_all) = recall(own), recall(base)
    if not all_:
        return "–"
    change = "" if own is base else f" ({right / all_ - base_right / max(base_all, 1):+.2f})"
    return f"{right / all_:.2f}{change}"


def _read_rows(path: Path) -> dict[str, dict[str, Any]]:
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
