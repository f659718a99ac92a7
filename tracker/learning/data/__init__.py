"""Labelled images: read, found, drawn, masked, split."""
