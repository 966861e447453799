"""The detector: labelled pages, composed ones, its network, loss and metrics."""
