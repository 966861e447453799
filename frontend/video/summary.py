"""The answers for a video's frames → one answer for the video."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .aggregate import Mean, mean_of_parts


class Answer(NamedTuple):
    """What the model said of the frame shown at `time` seconds: an answer, or `{"error": …}`."""

    time: float
    content: dict[str, Any]


def summarise(answers: list[Answer], seconds: float, card: dict[str, Any]) -> dict[str, Any] | None:
    """Return the mean probabilities over time with 95% intervals, and what follows from them; None without any answer.

    The class is the one of the highest mean. The verdict is `unknown` where the model did not know most of the film,
    `sure` where the lower end of the interval reaches the confidence from which the model calls an image sure, else
    `unsure`; without an interval (a few frames), `sure` takes that every frame was. Frames that the model does not
    know, such as titles and black ones, have no part in the means unless they are most of the film; `unknown` says what
    share of the time they stand for, by reason.
    """
    known = [answer for answer in answers if "error" not in answer.content]
    if not known:
        return None
    keys = list(known[0].content["probabilities"])
    values = np.array([[answer.content["probabilities"].get(key, 0.0) for key in keys] for answer in known])
    weights = durations(np.array([answer.time for answer in known]), seconds)
    share_of_time = weights / weights.sum()
    verdicts = [answer.content["verdict"] for answer in known]
    classes = np.array([answer.content["class"] for answer in known])
    reasons = np.array([_reason(answer) for answer in known])
    mostly_unknown = share_of_time[reasons != ""].sum() > 0.5
    counted = (reasons == "") | mostly_unknown
    mean = mean_of_parts(values[counted], weights[counted])
    main = int(mean.value.argmax())
    if mostly_unknown:
        verdict = "unknown"
    elif mean.low is None:
        verdict = "sure" if set(verdicts) == {"sure"} and len(np.unique(classes)) == 1 else "unsure"
    else:
        verdict = "sure" if mean.low[main] >= card["thresholds"]["sure"] else "unsure"
    return {
        "class": keys[main],
        "confidence": float(mean.value[main]),
        "interval": _interval(mean, main),
        "verdict": verdict,
        "probabilities": {
            key: {
                "mean": float(mean.value[row]),
                "interval": _interval(mean, row),
                "share_of_time": float(share_of_time[counted & (classes == key)].sum()),
            }
            for row, key in enumerate(keys)
        },
        "unknown": _share_reasons(reasons, share_of_time),
        "frames": len(known),
        "failed": len(answers) - len(known),
        "model": card["name"],
        "version": card["version"],
    }


def durations(times: np.ndarray, seconds: float) -> np.ndarray:
    """The seconds for which each frame stands: until the next one, the last until the end of the film."""
    gaps = np.diff(times, append=max(seconds, times[-1]))
    typical = float(np.median(gaps[:-1])) if len(gaps) > 1 else 1.0
    return np.where(gaps > 0, gaps, typical if typical > 0 else 1.0)


def _reason(answer: Answer) -> str:
    """Why the model does not know a frame; empty where it does. An archive of before there were reasons gives none."""
    return str(answer.content.get("reason", "unlike")) if answer.content["verdict"] == "unknown" else ""


def _share_reasons(reasons: np.ndarray, share_of_time: np.ndarray) -> dict[str, float]:
    """reason → share of time, the longest first."""
    shares = {str(reason): float(share_of_time[reasons == reason].sum()) for reason in np.unique(reasons) if reason}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _interval(mean: Mean, row: int) -> list[float] | None:
    if mean.low is None or mean.high is None:
        return None
    return [round(float(mean.low[row]), 6), round(float(mean.high[row]), 6)]
