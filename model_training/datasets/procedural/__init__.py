"""Landscapes drawn by program: a stand-in for pictures that the user does not have."""

from .dataset import KINDS, draw, write_dataset

__all__ = ["KINDS", "draw", "write_dataset"]
