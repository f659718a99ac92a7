"""What people saw in videos: bouts of behaviours, read from the files of other programs."""
