"""Devices that carry stimuli out; `base` says what each of them promises."""
