"""Exact and near duplicates: which images are one image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .image_store import ImageStore

#: Two images with close hashes are the same only if the middles of their grey thumbnails also correlate this much.
#: Perceptual hashes collide on line drawings, since most of the page is white, and on round fans with the same mount.
LEAST_CORRELATION = 0.6
#: Of a strip's panels: with more alike to some of another one, it is a copy.
COPIED_SHARE = 0.5

_BLOCK = 2048
#: So many hashes are looked up at a time that all that is at hand fits into a core's cache.
_STRETCH = 1 << 16
#: Where the three parts of a hash begin, and how many bits they have.
_PARTS = ((0, 21), (21, 21), (42, 22))
#: Fewer hashes than that for each changed part to look up are sooner compared with each other.
_FEW = 50


@dataclass(frozen=True)
class Duplicates:
    """`group`: int (N,), the same number for images that are one. `exact` and `near` count the superfluous copies."""

    group: np.ndarray
    exact: int
    near: int


def find_duplicates(store: ImageStore, rows: np.ndarray, distance: int) -> Duplicates:
    """Group the images in `rows` by file hash, then by perceptual hash within `distance` bits.

    Compares all pairs of 64-bit hashes, or looks close ones up in tables where that is less.
    """
    _, same_file = np.unique(np.array([store.sha256[row] for row in rows]), return_inverse=True)
    files = int(same_file.max()) + 1 if len(rows) else 0
    pairs = [(i, j) for i, j in _close_pairs(store.hashes[rows], distance) if _look_alike(store, rows[i], rows[j])]
    first = np.array([i for i, _ in pairs], np.int64)
    second = np.array([j for _, j in pairs], np.int64)
    edges = coo_matrix((np.ones(len(pairs), bool), (same_file[first], same_file[second])), shape=(files, files))
    groups, group_of_file = connected_components(edges, directed=False)
    return Duplicates(group=group_of_file[same_file], exact=len(rows) - files, near=files - groups)


def unite_strips(strip: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """Int64 (N,), the same number for panels of one strip, and of strips that are copies: more than half of the panels
    of one are alike to some of the other. A title card or a notice that many episodes have makes no copies of them.

    `strip`, `alike`: int (N,), of each panel its strip, and the same number for panels that are alike.
    """
    shape = (int(strip.max(initial=-1)) + 1, int(alike.max(initial=-1)) + 1)
    counts = coo_matrix((np.ones(len(strip)), (strip, alike)), shape=shape).tocsr()
    shared = counts @ (counts > 0).astype(float).T
    copies = shared.multiply(1 / np.asarray(counts.sum(1))) > COPIED_SHARE
    return connected_components(copies, directed=False)[1][strip]


def _close_pairs(hashes: np.ndarray, distance: int) -> Iterator[tuple[int, int]]:
    most = distance // len(_PARTS)
    changes = sum(math.comb(max(width for _, width in _PARTS), bits) for bits in range(most + 1))
    return (_compare_all if len(hashes) < _FEW * changes else _look_up)(hashes, distance)


def _compare_all(hashes: np.ndarray, distance: int) -> Iterator[tuple[int, int]]:
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        for other in range(start, len(hashes), _BLOCK):
            bits = np.bitwise_count(block[:, None] ^ hashes[None, other : other + _BLOCK])
            for i, j in zip(*np.nonzero(bits <= distance), strict=True):
                if start + i < other + j:
                    yield start + int(i), other + int(j)


def _look_up(hashes: np.ndarray, distance: int) -> Iterator[tuple[int, int]]:
    """Of two hashes that differ in `distance` bits, one of three parts differs in no more than a third of them. So each
    hash is looked up in a table of that part, changed in as many bits in every way (Norouzi et al. 2012, "Fast search
    in Hamming space with multi-index hashing")."""
    pairs = [np.empty((0, 2), np.int64)]
    for shift, width in _PARTS:
        part = (hashes >> np.uint64(shift) & np.uint64((1 << width) - 1)).astype(np.int64)
        # Everything in the order of the part, in which what is looked up one after the other lies close together.
        order = np.argsort(part, kind="stable")
        parts, sorted_hashes = part[order], hashes[order]
        counts = np.bincount(part, minlength=1 << width)
        begin = np.concatenate([[0], np.cumsum(counts)[:-1]])
        changes = _list_changes(width, distance // len(_PARTS))
        for start, change in product(range(0, len(parts), _STRETCH), changes):
            stretch = parts[start : start + _STRETCH]
            # Each of two parts is the other one changed: the one without the highest changed bit looks for both.
            asking = np.nonzero(stretch & (1 << int(change).bit_length() >> 1) == 0)[0]
            asking = asking[counts[stretch[asking] ^ change] > 0]
            wanted = stretch[asking] ^ change
            times = counts[wanted]
            one = np.repeat(asking + start, times)
            other = np.repeat(begin[wanted] - np.cumsum(times) + times, times) + np.arange(len(one))
            near = (np.bitwise_count(sorted_hashes[one] ^ sorted_hashes[other]) <= distance) & (one != other)
            pairs.append(np.sort(np.stack([order[one[near]], order[other[near]]], 1), axis=1))
    for i, j in np.unique(np.concatenate(pairs), axis=0):
        yield int(i), int(j)


def _list_changes(width: int, most: int) -> np.ndarray:
    """int64: all numbers of `width` bits of which `most` are set, or fewer."""
    chosen = (bits for count in range(most + 1) for bits in combinations(range(width), count))
    return np.array([sum(1 << bit for bit in bits) for bits in chosen], np.int64)


def _look_alike(store: ImageStore, first: int, second: int) -> bool:
    one, other = _thumbnail(store.pixels[first]), _thumbnail(store.pixels[second])
    spread = one.std() * other.std()
    if spread == 0:  # two empty pages
        return bool(np.array_equal(one, other))
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) >= LEAST_CORRELATION


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """The middle 36×36 of 64×64 grey pixels: past margins, mounts and the edge of a fan."""
    return np.asarray(Image.fromarray(pixels).convert("L").resize((64, 64)), np.float64)[14:50, 14:50]
