"""Watches an animal live: camera to pose to behaviour episodes, with every frame accounted for."""
