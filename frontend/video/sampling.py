"""Which frames of a video are looked at: evenly in time, or as the scenes change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from av.video.reformatter import VideoReformatter

from .reader import Skip, Survey, TimedFrame

Sampling = Literal["even", "scene"]

#: A frame that is shown this much before it is due counts as in time: containers round to a millisecond.
EARLY = 1e-3
#: Two thumbnails belong to different scenes from this mean difference of their samples (0…255) on. Cuts differ by 30
#: and more, movement within a scene by less than 15 at two frames a second.
CUT = 24.0
THUMBNAIL = (32, 18)
#: A scene is looked at again after so many seconds.
SCENE_SECONDS = 10.0


def choose_skip(survey: Survey, interval: float) -> Skip:
    """The frames that the decoder may leave out while one is wanted every `interval` seconds, in FFmpeg's words.

    Key frames alone are enough where they are as close as that. Leaving out those that no other is built on, at most
    every other one, moves a sample by a frame or two: only where there are four or more between samples.
    """
    if survey.key_gap <= interval + EARLY:
        return "NONKEY"
    return "NONREF" if 4 * survey.frame_gap <= interval else "DEFAULT"


def sample(frames: Iterator[TimedFrame], interval: float, sampling: Sampling) -> Iterator[TimedFrame]:
    """Pick frames by the time at which they are shown, whatever the frame rate does.

    `even`: the first frame at or after each multiple of `interval` seconds; a frame that stays longer is picked once.
    `scene`: of those, the first of each scene and one every `SCENE_SECONDS` of a long one.
    """
    picked = _every(frames, interval)
    return picked if sampling == "even" else _scenes(picked)


def _every(frames: Iterator[TimedFrame], interval: float) -> Iterator[TimedFrame]:
    due = 0.0
    for timed in frames:
        if timed.time >= due - EARLY:
            yield timed
            due = interval * (math.floor((timed.time + EARLY) / interval) + 1)


def _scenes(frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    before: np.ndarray | None = None
    looked = -math.inf
    scaler = VideoReformatter()
    for timed in frames:
        width, height = THUMBNAIL
        small = scaler.reformat(timed.frame, width=width, height=height, format="rgb24", threads=1)
        thumbnail = small.to_ndarray().astype(np.int16)
        if before is None or np.abs(thumbnail - before).mean() >= CUT or timed.time - looked >= SCENE_SECONDS - EARLY:
            looked = timed.time
            yield timed
        before = thumbnail
