"""All that a trained model needs to answer. Copied whole into each archive, so it imports nothing else of ours."""
