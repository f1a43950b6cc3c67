"""`python -m producers`."""

from producers.cli import main

main()
