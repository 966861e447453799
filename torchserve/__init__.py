"""From a bundle to a served model: the handler, the archive, the server and its configuration."""
