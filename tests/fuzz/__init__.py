"""What reads strangers' bytes: each module with a `feed(data)` is a target, which raises nothing, whatever the bytes.

`make fuzz` looks for bytes that make it raise; test_corpus.py feeds the bytes that are known.
"""

#: The status by which a process that fuzzes ends, to be started again.
AGAIN = 75
