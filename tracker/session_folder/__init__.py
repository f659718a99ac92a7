"""How a session folder is laid out on disk; docs/session_folder.md is its specification.

`files` names the files and appends to them, `rows` and `tables` hold the columns, and the video
has a writer and a reader. `tracker.recorder` and `tracker.recording` put these together.
"""
