"""The loop and what it is fed."""
