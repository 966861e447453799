"""Models that tell an image's class: their page, their answers on it, and their part of the API."""
