"""`python -m vgae`: the command line."""

from vgae.people.cli import main

if __name__ == "__main__":
    main()
