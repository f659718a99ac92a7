"""`tracker` and `python -m tracker`: the command line, once its libraries can be loaded."""

import sys

from tracker.gui.display import step_back


def main() -> None:
    """Run the command line; say what to install if a system library is missing."""
    if sys.argv[1:2] == ["view"]:
        step_back()  # an experiment on this computer goes first while the libraries are loaded
    try:
        from tracker.cli import main as run
    except ImportError as error:
        if "libGL" not in str(error) and "libgthread" not in str(error):
            raise
        sys.exit(
            f"error: OpenCV cannot be loaded ({error}).\n"
            f"On Debian and Ubuntu: apt-get install libgl1 libglib2.0-0"
        )
    run()


if __name__ == "__main__":
    main()
