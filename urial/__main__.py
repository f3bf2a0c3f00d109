"""`python -m urial` is the command `urial`."""

from urial.cli import main

main()
