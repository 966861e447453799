"""Recipes trained side by side, and the tables made of them."""
