"""Which trial gets what: permuted blocks from a seed, the same in every version and language.

Everything random follows from SHA-256, never from a library's generator, whose stream may change:

- The places of a block are its arms in the order real, sham, yoked, each as often as it is in a
  block. Place k of block b (both from 0) has the key SHA-256("<seed>/<controller>/block/<b>/<k>"),
  in hexadecimal. The trials of the block get the places in the order of their keys.
- Draw n (from 1) of a probability is the first 53 bits of SHA-256("<seed>/<controller>/draw/<n>"),
  divided by 2^53.

`schedule_sha256` commits to the whole schedule before the first trial. It is the SHA-256 of this
JSON, keys sorted, no spaces, in UTF-8:
{"arms":{"real":1,"sham":1,"yoked":0},"block":2,"controller":"wake","scheme":1,"seed":"..."}
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from tracker.settings import Settings
from tracker.stimuli import Arm

SCHEME = 1
"""Goes up when the same seed would give another schedule."""


class AllocationSettings(Settings):
    """How trials are dealt to arms: in every block each arm as often as its share says."""

    arms: Mapping[Arm, Annotated[int, Field(ge=0, le=100)]] = Field(
        description="share of each arm, e.g. {real: 2, sham: 1}; left out: 0"
    )
    block: int | None = Field(
        None, ge=1, le=1000, description="trials in a block, a multiple of the sum of the shares"
    )
    seed: int | None = Field(
        None, ge=0, description="none: drawn at the start of each session; only if not blinded"
    )
    blinded: bool = Field(
        default=True, description="arms are hidden until `tracker unblind`; the seed is drawn then"
    )

    @model_validator(mode="after")
    def _adds_up(self) -> "AllocationSettings":
        total = sum(self.arms.values())
        if total == 0:
            raise ValueError("arms: every share is 0, expected at least one above it")
        if self.block is not None and self.block % total:
            raise ValueError(
                f"block of {self.block} trials: expected a multiple of {total}, the sum of the "
                f"shares, so that every block is balanced"
            )
        if self.blinded and self.seed is not None:
            raise ValueError(
                "a seed in the file tells everybody the arms: leave seed out, and one is drawn "
                "and sealed, or say blinded: false"
            )
        return self

    @property
    def shares(self) -> dict[Arm, int]:
        """Trials of each arm in one block, every arm named, in the order real, sham, yoked."""
        total = sum(self.arms.values())
        blocks = (self.block or total) // total
        return {arm: self.arms.get(arm, 0) * blocks for arm in Arm}


class Allocation:
    """The schedule of one controller, for any number of trials.

    Args:
        controller: Its name; two controllers with one seed have two schedules.
        settings: Arms and blocks.
        seed: Any text; that of the settings is their number in decimal.
    """

    def __init__(self, controller: str, settings: AllocationSettings, seed: str) -> None:
        self._controller = controller
        self._shares = settings.shares
        self._blinded = settings.blinded
        self._seed = seed
        self._places = [arm for arm, n in self._shares.items() for _ in range(n)]
        self._dealt: tuple[int, list[Arm]] | None = None

    def arm(self, trial: int) -> Arm:
        """Return the arm of a trial, numbered from 1, whatever was asked before."""
        block, place = divmod(trial - 1, len(self._places))
        if self._dealt is None or self._dealt[0] != block:
            self._dealt = block, self._deal(block)
        return self._dealt[1][place]

    @property
    def schedule_sha256(self) -> str:
        """Hash of all that the schedule follows from."""
        committed = {
            "arms": {str(arm): n for arm, n in self._shares.items()},
            "block": len(self._places),
            "controller": self._controller,
            "scheme": SCHEME,
            "seed": self._seed,
        }
        text = json.dumps(committed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What may be known from the start, JSON-ready: not the seed, if arms are hidden."""
        return {
            "arms": {str(arm): n for arm, n in self._shares.items()},
            "block": len(self._places),
            "blinded": self._blinded,
            "schedule_sha256": self.schedule_sha256,
        }

    def _deal(self, block: int) -> list[Arm]:
        def key(place: int) -> str:
            return _sha256(f"{self._seed}/{self._controller}/block/{block}/{place}").hex()

        return [self._places[place] for place in sorted(range(len(self._places)), key=key)]


def draw_seed() -> str:
    """Return a new seed: 128 bits that nobody can guess from a hash, in hexadecimal."""
    return secrets.token_hex(16)


def uniform(seed: str, controller: str, n: int) -> float:
    """Return draw `n` (from 1) of a controller, from 0 (inclusive) to 1 (exclusive)."""
    first = int.from_bytes(_sha256(f"{seed}/{controller}/draw/{n}")[:8])
    return (first >> 11) / 2**53


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
