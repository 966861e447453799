"""What the tests of training share."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from model_training.recipe import Recipe, override
from model_training.runtime.network import create_backbone


@pytest.fixture(scope="session")
def given(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The tiny recipe from a file of weights, whose batch norm is as it was drawn, so that it is mended."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "given.safetensors"
    save_file(create_backbone(tiny_recipe.network.backbone, 1000, (64, 64)).state_dict(), path)
    return override(tiny_recipe, {"network.pretrained": str(path)})
