"""One answer for a film: what counts in the means, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from frontend.video.summary import Answer, summarise

CARD: dict[str, Any] = {"name": "landscape", "version": "1.0", "thresholds": {"sure": 0.9}}


def film(*frames: tuple[float, str | None]) -> list[Answer]:
    """One frame a second; of each the probability of `china` and, of an unknown one, the reason."""
    return [
        Answer(float(time), {
            "class": "china" if china >= 0.5 else "japan",
            "probabilities": {"china": china, "japan": 1 - china},
            "verdict": "unknown" if reason else "sure" if china > 0.9 else "unsure",
        } | ({"reason": reason} if reason else {}))
        for time, (china, reason) in enumerate(frames)
    ]  # fmt: skip


def told(*frames: tuple[float, str | None]) -> dict[str, Any]:
    result = summarise(film(*frames), float(len(frames)), CARD)
    assert result is not None
    return result


def test_titles_and_black_frames_do_not_count_in_the_means() -> None:
    clean = told(*[(0.95, None)] * 12)
    titled = told((0.01, "text"), (0.02, "text"), (0.0, "blank"), *[(0.95, None)] * 12)
    assert clean["unknown"] == {}
    assert titled["confidence"] == pytest.approx(clean["confidence"]) == pytest.approx(0.95)
    assert titled["verdict"] == clean["verdict"] == "sure"
    assert titled["unknown"] == {"text": pytest.approx(2 / 15), "blank": pytest.approx(1 / 15)}
    assert list(titled["unknown"]) == ["text", "blank"]  # the longest first
    shares = titled["probabilities"]
    assert (shares["china"]["share_of_time"], shares["japan"]["share_of_time"]) == (pytest.approx(12 / 15), 0)
    assert titled["frames"] == 15


def test_a_film_that_is_mostly_unknown_is_unknown_however_sure_the_network() -> None:
    result = told(*[(0.999, "unlike")] * 7, *[(0.2, None)] * 5)
    assert (result["verdict"], result["class"]) == ("unknown", "china")
    assert result["confidence"] == pytest.approx((7 * 0.999 + 5 * 0.2) / 12)
    assert result["unknown"] == {"unlike": pytest.approx(7 / 12)}


def test_half_is_not_most() -> None:
    assert told(*[(0.999, "unlike")] * 6, *[(0.2, None)] * 6)["verdict"] == "unsure"


def test_a_few_frames_are_sure_only_if_all_are() -> None:
    assert told((0.95, None), (0.95, None))["verdict"] == "sure"
    assert told((0.95, None), (0.95, None), (0.95, "blank"))["verdict"] == "unsure"


def test_an_archive_of_before_there_were_reasons() -> None:
    old = film((0.99, "unlike"), (0.99, "unlike"))
    for answer in old:
        del answer.content["reason"]
    result = summarise(old, 2.0, CARD)
    assert result is not None
    assert (result["verdict"], result["unknown"]) == ("unknown", {"unlike": 1.0})
