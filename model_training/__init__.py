"""From a folder of pictures to a bundle: datasets, recipes, training, and the runtime that answers."""
