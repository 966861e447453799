"""Choosing a model: a space of recipes, a study that several processes share, and what came of it."""
