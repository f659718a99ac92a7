"""LSL that stays on this computer: import this before anything touches LSL."""

import os
from pathlib import Path

os.environ["LSLAPICFG"] = str(Path(__file__).with_name("lsl_api.cfg"))
