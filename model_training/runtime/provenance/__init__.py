"""Where a picture says that it comes from, read from its file before any pixel is looked at.

`read_provenance` (read.py) collects statements: content credentials (credentials.py), which are signed, and what
anybody can write into a file: XMP, EXIF, IPTC and PNG text (metadata.py finds them, declarations.py understands them).
How much each is worth, and what they say together, is statement.py's. Nothing here opens a connection.
"""
