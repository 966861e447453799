"""Models that find what is drawn: the sheet to draw on, the objects on it, and references to draw from.

drawing ─► model server ─► recognition ─► gallery ───┬─► references ─► page, API
                                      └─► Unsplash ──┘
"""
