"""How many animals there are, what they are called, and how far they may move."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from tracker.settings import Settings

AnimalName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
"""Letters, digits and _, so that rules and features can name it."""


class TrackingSettings(Settings):
    """Who is there. Nothing named: one animal, which is called as the session's subject."""

    animals: tuple[AnimalName, ...] = Field(
        (),
        max_length=100,
        description="names, if it is known how many there are: each keeps one, and nobody is "
        "added; given from left to right in the first frame that shows them",
    )
    max_animals: int | None = Field(
        None,
        ge=1,
        le=100,
        description="if animals come and go: most of them at once, called animal_1, animal_2, ...",
    )
    gate_body_lengths: float = Field(
        1.0,
        gt=0,
        le=100,
        description="farthest that an animal is looked for from where it should be in the next "
        "frame; grows with the time that it was not seen",
    )
    gate_px: float | None = Field(
        None, gt=0, le=100_000, description="px, the same; in place of body lengths"
    )
    start_s: float = Field(
        0.1, ge=0, le=60, description="s that an animal must be seen to be new (max_animals)"
    )
    end_s: float = Field(
        2.0, gt=0, le=3600, description="s after which one not seen has left (max_animals)"
    )
    appearance: bool = Field(
        default=True,
        description="learn what each animal looks like, to tell them apart after a crossing",
    )

    given: bool = Field(
        default=False,
        description="individuals are who the observer says, nobody is followed: imported tracks",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "TrackingSettings":
        if self.animals and self.max_animals is not None:
            raise ValueError(
                "animals and max_animals are both given: name the animals if it is known how many "
                "there are, otherwise say how many there may be"
            )
        twice = {name for name in self.animals if self.animals.count(name) > 1}
        if twice:
            raise ValueError(f"animals has {', '.join(sorted(twice))} twice: names must differ")
        return self

    @property
    def known_names(self) -> tuple[str, ...]:
        """Names of several animals, by row of the observation; none if there is one alone."""
        return () if self.max_animals is None and not self.animals else self.names("")

    @property
    def is_fixed(self) -> bool:
        """Whether it is known how many animals there are."""
        return self.max_animals is None

    def names(self, subject: str) -> tuple[str, ...]:
        """Return the names of all animals that may be followed.

        Args:
            subject: The session's, the name of a single animal.
        """
        if self.max_animals is not None:
            return tuple(f"animal_{n + 1}" for n in range(self.max_animals))
        return self.animals or (subject,)
