"""Many recordings through the same pipeline, on as many processors as there are: offline."""
