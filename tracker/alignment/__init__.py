"""Afterwards: which pulse in another recording is which one here, and how its clock runs."""
