"""The stimulus box's own program: source in C, finished file, and the way onto a board."""
