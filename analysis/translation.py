"""What reports say, in English and Korean."""

from __future__ import annotations

from pathlib import Path

from model_training.translation import open_catalogue

_ = open_catalogue(Path(__file__).parent / "translations")
