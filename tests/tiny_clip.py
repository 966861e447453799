"""CLIP with random weights in a folder: what `network.backbone=clip:FOLDER` takes, small enough for a test."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

SIDE = 32


def make_tiny_clip(folder: Path) -> Path:
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=size | {"vocab_size": 16, "max_position_embeddings": 16, "eos_token_id": 2, "bos_token_id": 1},
        vision_config=size | {"image_size": SIDE, "patch_size": 16},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    words = {word: row for row, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", "a", "sketch", "of", "cat", "dog"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)
    return folder
