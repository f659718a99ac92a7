"""Behaviours learned from tracks and from bouts that people marked: from a recipe to a file."""
