"""All that a trained model needs to answer. Copied whole into each archive; imports nothing of ours from outside itself."""
