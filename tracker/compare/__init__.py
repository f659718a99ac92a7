"""Groups of animals against each other: one value per animal, effects with intervals, a page."""
