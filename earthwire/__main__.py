"""``python -m earthwire``: the same as ``earthwire``, for environments whose programs are not on the path."""

from earthwire.cli.main import main

main()
