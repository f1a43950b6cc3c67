"""`python -m featurectl`."""

from featurectl.cli import main

main()
