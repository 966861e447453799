"""What a person asks for: the commands, each thin over the rooms below."""
