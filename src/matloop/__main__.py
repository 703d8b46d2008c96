"""`python -m matloop`: the same as the command `matloop`."""

from matloop.cli.main import main

if __name__ == "__main__":
    main()
