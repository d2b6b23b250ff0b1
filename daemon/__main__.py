"""`python -m daemon` is `rollcall`."""

from daemon.commands import main

if __name__ == "__main__":
    main()
