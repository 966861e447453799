"""Many pictures at once: folders, archives and lists go in, a table with a row for each picture comes out.

A source yields pictures one by one, an engine answers them in that order, and the journal beside the table keeps every
row until the table is whole, so that whatever ends a run costs a second's work.
"""
