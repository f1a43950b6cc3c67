"""Where the sun stands and what it gives under a clear sky: light formulas, no dependency.

pvlib computes the same with more terms, but brings numpy, pandas and scipy: seconds of import for a demo
that takes two. A test holds these formulas against pvlib where it is installed.

- Declination and equation of time: J. W. Spencer, "Fourier series representation of the position of the
  sun", Search 2(5), 1971, p. 172, with the fractional year of the NOAA Global Monitoring Laboratory's "General
  Solar Position Calculations". Good to about 0.5 degrees of height.
- Clear sky: B. Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of Meteorology 2,
  1945, pp. 154-166, in the form of M. J. Reno, C. W. Hansen, J. S. Stein, SAND2012-2389, 2012.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["clear_sky", "cos_zenith"]

_DAY_S = 86_400.0


def cos_zenith(latitude: float, longitude: float, at: float) -> float:
    """Cosine of the sun's angle from the vertical; negative at night. `at`: seconds since 1970 UTC."""
    sine, cosine, solar_angle_at_greenwich = _sun(at)
    phi = math.radians(latitude)
    hour_angle = solar_angle_at_greenwich + math.radians(longitude)
    return math.sin(phi) * sine + math.cos(phi) * cosine * math.cos(hour_angle)


def clear_sky(latitude: float, longitude: float, at: float) -> float:
    """Global horizontal irradiance without clouds, W/m²; 0 at night."""
    height = cos_zenith(latitude, longitude, at)
    return 1098.0 * height * math.exp(-0.059 / height) if height > 0 else 0.0


@lru_cache(maxsize=1024)
def _sun(at: float) -> tuple[float, float, float]:
    """Sine and cosine of the declination, and the hour angle at longitude 0: the same for every place."""
    moment = datetime.fromtimestamp(at, UTC)
    january = datetime(moment.year, 1, 1, tzinfo=UTC).timestamp()
    length = 366 if moment.year % 4 == 0 and (moment.year % 100 != 0 or moment.year % 400 == 0) else 365
    year = 2 * math.pi * (at - january - _DAY_S / 2) / (length * _DAY_S)
    declination = (
        0.006918
        - 0.399912 * math.cos(year)
        + 0.070257 * math.sin(year)
        - 0.006758 * math.cos(2 * year)
        + 0.000907 * math.sin(2 * year)
        - 0.002697 * math.cos(3 * year)
        + 0.00148 * math.sin(3 * year)
    )
    equation_of_time = 229.18 * (
        0.000075
        + 0.001868 * math.cos(year)
        - 0.032077 * math.sin(year)
        - 0.014615 * math.cos(2 * year)
        - 0.040849 * math.sin(2 * year)
    )
    minutes = (at % _DAY_S) / 60 + equation_of_time
    return math.sin(declination), math.cos(declination), math.radians(minutes / 4 - 180)
