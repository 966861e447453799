"""What a card says of unseen sources and of resistance, as figures that are known."""

from __future__ import annotations

from typing import Any

UNSEEN_SOURCES: dict[str, Any] = {
    "column": "generator",
    "trainings": 3,
    "sources": [
        {"source": "flux", "classes": ["china"], "images": 40, "accuracy": 0.625, "low": 0.47, "high": 0.758,
         "sure": 0.3, "sure_error_rate": 0.25},
        {"source": "phone|7", "classes": ["china"], "images": 50, "accuracy": 0.94, "low": 0.838, "high": 0.979,
         "sure": 0.0, "sure_error_rate": None},
    ],
    "mean": 0.781, "low": 0.113, "high": 1.0, "seen": 0.96,
    "thresholds": {"sure": 0.97, "precision_above": 0.981, "share_above": 0.4, "chosen_on": "unseen_sources"},
    "sure": 0.41, "sure_error_rate": 0.03, "kept": ["midjourney"], "unnamed": 7,
}  # fmt: skip
RESISTANCE: list[dict[str, Any]] = [
    {"treatment": "none", "strength": None, "images": 200, "accuracy": 0.95, "low": 0.91, "high": 0.973, "sure": 0.7,
     "unknown": 0.04, "sure_error_rate": 0.0},
    {"treatment": "jpeg", "strength": 20, "images": 200, "accuracy": 0.715, "low": 0.649, "high": 0.773, "sure": 0.015,
     "unknown": 0.635, "sure_error_rate": None},
    {"treatment": "resize", "strength": 0.25, "images": 200, "accuracy": 0.58, "low": 0.511, "high": 0.646,
     "sure": 0.1, "unknown": 0.5, "sure_error_rate": 0.35},
]  # fmt: skip
