"""What people saw in videos: bouts of behaviours, read from the files of other programs.

`read.read_annotations` finds out which program wrote a file; one module per format. Frames are
counted from 0, first and last frame of a bout inclusive, whatever the file does.
"""
