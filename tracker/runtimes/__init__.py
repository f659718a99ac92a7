"""What runs a network file. `base` says what a runtime promises; nothing else knows one."""
