"""From a folder of images to a bundle: datasets, recipes, training, and the runtime that answers."""
