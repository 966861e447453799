"""From a recipe to a network with its weights."""
