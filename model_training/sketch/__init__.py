"""The sketch product: a detector of drawn objects, a classifier of what they are, and the archive that holds both."""
