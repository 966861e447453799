"""Trained network → bundle."""
