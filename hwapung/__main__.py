"""`python -m hwapung`: the command, where the environment has no script of its name."""

from .cli import main

main()
