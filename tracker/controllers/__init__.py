"""What was seen → what is asked of an output; `base` says what each of them promises."""
