"""`python -m vgae`: the command line."""

from vgae.cli import main, spare_memory

if __name__ == "__main__":
    spare_memory()
    main()
