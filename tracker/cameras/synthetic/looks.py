"""How a rig looks: light, fur, blur and noise, one pleasing standard or drawn from the seed."""

from dataclasses import dataclass

from tracker.cameras.synthetic.chance import chance


@dataclass(frozen=True, slots=True)
class Looks:
    """Everything about the picture that is not the mouse's doing.

    Grey levels go from 0 to 255; positions of light are shares of the picture's size.

    Attributes:
        floor: Grey level of the floor under full light.
        wall: Grey level of the walls, as a share of the floor's.
        light_x: Where the light is brightest.
        light_y: Where the light is brightest.
        light_fall: Share of the light that is missing in the darkest corner.
        fur: Grey level of the back.
        sheen: Grey levels that the fur gains towards the spine.
        ear: Grey level of the ears and feet.
        tail: Grey level of the tail.
        shadow: Share of the light that the deepest shadow takes.
        shadow_x: Where the shadow falls (cm to the right).
        shadow_y: Where the shadow falls (cm down).
        reflection: How much of the mouse the walls show (0 to 1).
        stoutness: Width of the mouse against the standard.
        blur_px: Sigma of the lens's blur at 640x480.
        noise: Standard deviation of the sensor's noise (grey levels).
        marks: Number of scratches and spots on the floor.
        tint: Gain of red, green and blue in colour pictures.
    """

    floor: float = 205.0
    wall: float = 0.62
    light_x: float = 0.56
    light_y: float = 0.44
    light_fall: float = 0.30
    fur: float = 30.0
    sheen: float = 14.0
    ear: float = 112.0
    tail: float = 88.0
    shadow: float = 0.34
    shadow_x: float = 0.25
    shadow_y: float = 0.45
    reflection: float = 0.42
    stoutness: float = 1.0
    blur_px: float = 0.8
    noise: float = 2.2
    marks: int = 9
    tint: tuple[float, float, float] = (1.0, 0.97, 0.88)


def draw_looks(seed: int) -> Looks:
    """The looks of rig number `seed`, anywhere within what real rigs look like."""

    def between(salt: int, low: float, high: float) -> float:
        return low + (high - low) * chance(seed, 31, salt)

    floor = between(0, 110, 240)
    fur = between(1, 12, min(70.0, 0.42 * floor))
    return Looks(
        floor=floor,
        wall=between(2, 0.4, 0.95),
        light_x=between(3, 0.1, 0.9),
        light_y=between(4, 0.1, 0.9),
        light_fall=between(5, 0.05, 0.5),
        fur=fur,
        sheen=between(6, 2, 25),
        ear=fur + between(7, 0.15, 0.65) * (floor - fur),
        tail=fur + between(8, 0.1, 0.6) * (floor - fur),
        shadow=between(9, 0.05, 0.5),
        shadow_x=between(10, -1.0, 1.0),
        shadow_y=between(11, -1.0, 1.0),
        reflection=between(12, 0.0, 0.75),
        stoutness=between(13, 0.85, 1.12),
        blur_px=between(14, 0.3, 1.8),
        noise=between(15, 0.5, 6.0),
        marks=round(between(16, 0, 30)),
        tint=(between(17, 0.85, 1.0), between(18, 0.85, 1.0), between(19, 0.7, 1.0)),
    )
