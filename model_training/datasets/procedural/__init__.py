"""Landscapes drawn by program: a stand-in for images that the user does not have."""

from .dataset import KINDS, draw, write_dataset

__all__ = ["KINDS", "draw", "write_dataset"]
