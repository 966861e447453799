"""What a search looked like: optuna's own plots, as PNGs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import optuna
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import TrialState
from optuna.visualization import matplotlib as charts

from ..runtime.files import replacing

_NAMES = {"accuracy": "validation accuracy", "macro_f1": "validation macro-F1"}


def draw_plots(study: optuna.Study, metric: str, folder: Path) -> dict[str, Path]:
    """`importances`, `slice`, `parallel` and `history` of the complete trials, and `curves`, epoch by epoch, of all
    where some were stopped early; returns name → PNG in `folder`.

    Importances are by fANOVA (Hutter et al. 2014); trials that all came out alike have none.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    complete = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    keys = len(complete[0].params)
    plots: dict[str, tuple[Callable[..., Any], float]] = {  # and their widths in inches
        "importances": (partial(charts.plot_param_importances, evaluator=FanovaImportanceEvaluator(seed=0)), 8),
        "slice": (charts.plot_slice, 7),
        "parallel": (charts.plot_parallel_coordinate, 2.5 * keys + 3.5),
        "history": (charts.plot_optimization_history, 8),
    }
    if study.get_trials(deepcopy=False, states=[TrialState.PRUNED]):
        plots["curves"] = (charts.plot_intermediate_values, 8)
    if len({trial.value for trial in complete}) == 1:
        del plots["importances"]
    for name, (plot, width) in plots.items():
        with pyplot.rc_context({"figure.figsize": (width, 4.4)}), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optuna's, that plots are experimental and that an axis has one value
            if name == "curves":
                axes = plot(study)
                axes.set(title="", xlabel="epoch", ylabel=_NAMES[metric])
                if axes.get_legend() is not None:
                    axes.get_legend().remove()  # as many names as trials
            else:
                plot(study, target_name=_NAMES[metric])
            figure = pyplot.gcf()
            if name == "slice":
                for axes in figure.axes[:keys]:
                    pyplot.setp(axes.get_xticklabels(), rotation=25, ha="right", fontsize=8.5)
            with replacing(folder / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=130, bbox_inches="tight")
            pyplot.close(figure)
    return {name: folder / f"{name}.png" for name in plots}
