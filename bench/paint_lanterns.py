"""Paint the style image of "Lanterns", which is our own: palette-knife dabs along a flow field around eight lights.

    python bench/paint_lanterns.py lanterns.png

Every run paints the same picture: 13,900 dabs in three sizes, from coarse to fine, drawn by one seeded generator.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 1200, 900
SEED = 7

DARK, GLOW = (20, 26, 60), (250, 190, 80)
SHADES = (  # from the dark to the lights
    ((16, 22, 58), (24, 40, 92), (38, 24, 78), (12, 54, 92)),
    ((10, 92, 112), (24, 136, 140), (70, 176, 164)),
    ((196, 62, 24), (232, 112, 22), (160, 28, 44)),
    ((250, 176, 46), (255, 214, 96), (255, 240, 178)),
)
LAYERS = ((46, 2200), (28, 5200), (17, 6500))
"""Length of the dabs in pixels, and how many."""
FINEST = LAYERS[-1][0]


@dataclass(frozen=True, kw_only=True)
class Lantern:
    """A light, and the whirl of the air around it."""

    x: float
    y: float
    radius: float
    power: float


LANTERNS = tuple(
    Lantern(x=x, y=y, radius=radius, power=power)
    for x, y, radius, power in (
        (220, 250, 70, 1.0),
        (560, 160, 46, 0.8),
        (900, 300, 90, 1.0),
        (700, 560, 60, 0.9),
        (330, 640, 84, 1.0),
        (1040, 690, 66, 0.9),
        (80, 520, 40, 0.7),
        (1130, 110, 50, 0.8),
    )
)


def light(x: Floats | float, y: Floats | float) -> Floats:
    """How bright it is at ``(x, y)``: 0 in the dark, about 1 in a lantern."""
    lights = [
        lantern.power * np.exp(-((x - lantern.x) ** 2 + (y - lantern.y) ** 2) / (2 * lantern.radius**2))
        for lantern in LANTERNS
    ]
    return np.sum(lights, axis=0)


def flow_angle(x: float, y: float) -> float:
    """Direction of the dabs at ``(x, y)`` in radians: waves, and circles around the lanterns."""
    wave = 0.5 * np.sin(x / 170) + 0.6 * np.cos(y / 130 + x / 400)
    flow_x, flow_y = np.cos(wave), np.sin(wave)
    for lantern in LANTERNS:
        right, down = x - lantern.x, y - lantern.y
        pull = 1.6 * np.exp(-(right**2 + down**2) / (2 * (2.2 * lantern.radius) ** 2))
        distance = np.hypot(right, down) + 1e-6
        flow_x = flow_x * (1 - min(pull, 1)) - pull * down / distance
        flow_y = flow_y * (1 - min(pull, 1)) + pull * right / distance
    return float(np.arctan2(flow_y, flow_x))


def mix_paint(generator: np.random.Generator, brightness: float) -> Floats:
    """A colour for that brightness, RGB 0..255: each dab a little different."""
    position = np.clip(brightness * 3.1 + generator.normal(0, 0.38), 0, len(SHADES) - 1)
    shades = SHADES[int(position + 0.5)]
    shade = np.array(shades[generator.integers(len(shades))], np.float64)
    return np.clip(shade * generator.normal(1, 0.10) + generator.normal(0, 7, 3), 0, 255)


@dataclass(frozen=True, kw_only=True)
class Dab:
    """One stroke of the knife: an uneven rectangle with bristle lines and a raised edge."""

    x: float
    y: float
    angle: float
    length: float
    width: float
    paint: Floats

    def lay_on(self, canvas: Floats, generator: np.random.Generator) -> None:
        """Paint over ``canvas``, ``(H, W, 3)`` RGB 0..255, in place."""
        reach = int(self.length) + 6
        mask = self._outline(reach, generator)
        relief = self._relief(reach, generator)
        top, left = int(self.y) - reach, int(self.x) - reach
        rows = slice(max(0, top), min(canvas.shape[0], top + 2 * reach))
        columns = slice(max(0, left), min(canvas.shape[1], left + 2 * reach))
        inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        opacity = 0.94 * mask[inner][..., None]
        paint = np.clip(self.paint * relief[inner][..., None], 0, 255)
        canvas[rows, columns] = canvas[rows, columns] * (1 - opacity) + paint * opacity

    def _axes(self) -> tuple[Floats, Floats]:
        along = np.array([np.cos(self.angle), np.sin(self.angle)])
        return along, np.array([-along[1], along[0]])

    def _outline(self, reach: int, generator: np.random.Generator) -> Floats:
        """Coverage 0..1 of a square of ``2 * reach`` pixels around the dab, drawn at twice its size."""
        along, across = self._axes()
        half, side = self.length / 2, self.width / 2
        ends = generator.normal(0, 0.12, 4) * self.length
        corners = [(ends[0] - half, -side), (ends[1] + half, -side), (ends[2] + half, side), (ends[3] - half, side)]
        tile = Image.new("L", (4 * reach, 4 * reach), 0)
        points = [tuple(2 * (reach + s * along + t * across)) for s, t in corners]
        ImageDraw.Draw(tile).polygon(points, fill=255)
        return np.asarray(tile.resize((2 * reach, 2 * reach), Image.Resampling.BOX), np.float64) / 255

    def _relief(self, reach: int, generator: np.random.Generator) -> Floats:
        """Brightness factors of the same square."""
        along, across = self._axes()
        down, right = np.mgrid[0 : 2 * reach, 0 : 2 * reach] - reach
        s, t = right * along[0] + down * along[1], right * across[0] + down * across[1]
        num_bristles = max(3, int(self.width / 1.6))
        places = np.linspace(-self.width / 2, self.width / 2, num_bristles)
        bristles = np.interp(t, places, generator.normal(0, 1, num_bristles))
        ridge = np.clip(np.abs(t) / (self.width / 2), 0, 1.2) ** 4
        return 1 + 0.10 * bristles - 0.16 * ridge * np.sign(t) + 0.10 * np.clip(s / self.length, -0.5, 0.5)


def paint() -> Image.Image:
    """The whole picture."""
    generator = np.random.default_rng(SEED)
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    glow = np.clip(light(right, down), 0, 1)[..., None]
    canvas = np.array(DARK) * (1 - glow) + np.array(GLOW) * glow
    for size, num_dabs in LAYERS:
        for _ in range(num_dabs):
            x, y = generator.uniform(0, WIDTH), generator.uniform(0, HEIGHT)
            brightness = float(light(x, y) + 0.18 * (y / HEIGHT) * (0.5 + 0.5 * np.sin(x / 60 + y / 25)))
            if size == FINEST and generator.uniform() > 0.25 + brightness:
                continue  # detail belongs where the light is
            Dab(
                x=x,
                y=y,
                angle=flow_angle(x, y) + generator.normal(0, 0.16),
                length=size * generator.uniform(0.8, 1.4),
                width=size * generator.uniform(0.22, 0.36),
                paint=mix_paint(generator, brightness),
            ).lay_on(canvas, generator)
    return Image.fromarray(canvas.round().astype(np.uint8))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} PICTURE.png")
    paint().save(sys.argv[1])
