"""Named line drawings out of open icon sets: their strokes, drawn as a hand would."""
