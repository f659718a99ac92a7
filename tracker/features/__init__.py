"""Named quantities with units, out of what was seen up to now and never later.

`extractor` measures them frame by frame, `catalogue` knows what there is to measure and gives a
name in a rule its meaning, `definitions` says what each one is, `own` loads a user's functions.
"""

from tracker.features.extractor import FeatureExtractor
from tracker.features.settings import FeatureSettings

__all__ = ["FeatureExtractor", "FeatureSettings"]
