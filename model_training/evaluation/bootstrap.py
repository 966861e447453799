"""Images drawn anew: the weights of a bootstrap, which draws whole groups where images are not independent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

DRAWS = 1000
_BLOCK_BYTES = 2**25


def draw_weights(group: np.ndarray, draws: int = DRAWS, seed: int = 0) -> Iterator[np.ndarray]:
    """How often each image was drawn, float (B, N), in blocks whose B add up to `draws`: groups, not images, are drawn
    with replacement (Field & Welsh 2007). `group`: int (N,), the same number for images of one group."""
    group_of = np.unique(group, return_inverse=True)[1]
    groups = int(group_of.max()) + 1
    generator = np.random.default_rng(seed)
    block = max(1, min(draws, _BLOCK_BYTES // (8 * len(group))))
    for start in range(0, draws, block):
        counts = generator.multinomial(groups, np.full(groups, 1 / groups), size=min(block, draws - start))
        yield counts[:, group_of].astype(float)
