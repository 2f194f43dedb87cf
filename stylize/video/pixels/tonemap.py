"""HDR and BT.2020 pictures to BT.709 for standard displays.

Steps: inverse transfer function to display light in cd/m2, one tone curve on the brightest of R, G, B (so hue is kept),
primaries, and the inverse of the BT.1886 display. Sources: SMPTE ST 2084 (PQ), Recommendation ITU-R BT.2100 (HLG and
its OOTF), Report ITU-R BT.2390 section 5.4 (the curve), BT.2087 (matrix between the primaries, here inverted), BT.2408
(reference white 203 cd/m2).
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from stylize.video.pixels.color import TRANSFER_HLG, TRANSFER_PQ

Floats = npt.NDArray[np.float32]

# The manifest knows no mastering display; 1000 cd/m2 is what nearly all HDR10 and HLG material is graded for.
SOURCE_PEAK_NITS: Final = 1000.0
SDR_WHITE_NITS: Final = 203.0
DISPLAY_GAMMA: Final = 2.4  # BT.1886 with a black level of zero.

# BT.2020 to BT.709 in linear light: the inverse of BT.2087's M2. Rows give R, G, B of BT.709.
BT2020_TO_BT709: Final = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
    dtype=np.float32,
)
BT2020_LUMA: Final = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def pq_to_nits(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ST 2084 EOTF: signal 0..1 to display light in cd/m2."""
    power = np.power(signal, 1 / _M2)
    return 10_000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1)


def nits_to_pq(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Inverse of :func:`pq_to_nits`."""
    power = np.power(np.maximum(nits, 0) / 10_000, _M1)
    return np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)


def hlg_to_scene(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """BT.2100 HLG inverse OETF: signal 0..1 to scene light 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def tone_curve(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """BT.2390 EETF: up to 1000 cd/m2 into 203; dark and middle tones stay, a Hermite spline rolls highlights off."""
    peak, white = nits_to_pq(np.array([SOURCE_PEAK_NITS, SDR_WHITE_NITS]))
    target = white / peak
    knee = 1.5 * target - 0.5
    level = np.minimum(nits_to_pq(nits) / peak, 1.0)
    t = np.clip((level - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * target
    return pq_to_nits(np.where(level < knee, level, spline) * peak)


@lru_cache(maxsize=4)
def _linear_table(transfer: int) -> Floats:
    """Light for each 16-bit signal value: cd/m2 for PQ, scene light 0..1 for HLG, SDR white = 203 for all else."""
    signal = np.linspace(0, 1, 65536)
    if transfer == TRANSFER_PQ:
        return pq_to_nits(signal).astype(np.float32)
    if transfer == TRANSFER_HLG:
        return hlg_to_scene(signal).astype(np.float32)
    return (SDR_WHITE_NITS * signal**DISPLAY_GAMMA).astype(np.float32)


@lru_cache(maxsize=1)
def _gain_table() -> Floats:
    """Factor of the tone curve for a brightest component of 0..1000 cd/m2, indexed by its root (finer in the dark)."""
    nits = np.linspace(0, 1, 4096) ** 2 * SOURCE_PEAK_NITS
    nits[0] = 1e-6
    return (tone_curve(nits) / nits).astype(np.float32)


@lru_cache(maxsize=1)
def _display_table() -> npt.NDArray[np.uint8]:
    """8-bit BT.709 signal for linear light 0..1 indexed by its square root: fine enough to skip no 8-bit code."""
    linear = np.linspace(0, 1, 65536) ** 2
    return np.rint(255 * linear ** (1 / DISPLAY_GAMMA)).astype(np.uint8)


def to_bt709(rgb: npt.NDArray[np.uint16], transfer: int) -> npt.NDArray[np.uint8]:
    """Map full-range 16-bit R'G'B' with BT.2020 primaries to 8-bit BT.709.

    Args:
        rgb: shape ``(H, W, 3)``.
        transfer: H.273 transfer characteristics of the source.

    Returns:
        Shape ``(H, W, 3)``, full range.
    """
    light = _linear_table(transfer)[rgb]
    if transfer == TRANSFER_HLG:
        # OOTF of BT.2100 for a 1000 cd/m2 display: light times luminance to the power of gamma - 1, gamma 1.2.
        light *= (SOURCE_PEAK_NITS * np.power(light @ BT2020_LUMA, 0.2))[..., None]
    if transfer in (TRANSFER_PQ, TRANSFER_HLG):
        brightest = np.minimum(light.max(axis=-1) / np.float32(SOURCE_PEAK_NITS), 1)
        light *= _gain_table()[np.rint(np.sqrt(brightest) * 4095).astype(np.uint16)][..., None]
    linear = (light / np.float32(SDR_WHITE_NITS)) @ BT2020_TO_BT709.T
    return _display_table()[np.rint(np.sqrt(np.clip(linear, 0, 1)) * 65535).astype(np.uint16)]
