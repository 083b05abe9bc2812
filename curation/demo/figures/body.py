"""A person without clothes: joints in a random pose, and a chart of the trunk.

Lengths inside this file are in head heights until the body is scaled to the
frame; everything that leaves it is in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curation.demo.figures.shapes import Points, polar

SIDES = (0, 1)
"""Index of the limbs on the left and on the right of the picture."""

_STATIONS = np.array([-0.1, 0.0, 0.12, 0.3, 0.58, 0.8, 1.0, 1.45, 2.0, 2.4, 3.0])
_THICKNESS_OF_LEG = {1.45: 0.28, 2.0: 0.2, 2.4: 0.2, 3.0: 0.115}


@dataclass(frozen=True, slots=True)
class Body:
    """Where a person stands in the frame, in pixels.

    Attributes:
        unit: height of the head
        head: centre of the head (2,)
        head_tilt: degrees, positive leans to the right of the picture
        turn: -1 looks far to the left of the picture, 1 to the right
        arms: (2, 3, 2): side; shoulder, elbow, wrist; x, y
        legs: (2, 3, 2): side; hip, knee, ankle; x, y
        arm_radii, leg_radii: half thickness at those joints
        arm_behind: per side, whether the arm is behind the back
        edges: (2, n, 2) left and right outline at the stations of :meth:`at`
        outward: (2, n, 2) unit vectors away from the body there
    """

    unit: float
    head: Points
    head_tilt: float
    turn: float
    arms: Points
    legs: Points
    arm_radii: tuple[float, float, float]
    leg_radii: tuple[float, float, float]
    arm_behind: tuple[bool, bool]
    edges: Points
    outward: Points

    def at(self, u: ArrayLike, t: ArrayLike, ease: ArrayLike = 0.0) -> Points:
        """Points (n, 2) in pixels of the trunk's own chart.

        Args:
            u: across, -1 is the left outline and 1 the right one
            t: down, -0.1 the root of the neck, 0 shoulders, 0.58 waist, 1 hip
                joints, 2 knees, 3 ankles
            ease: how far the outline stands off the body, in head heights
        """
        u, t, ease = np.broadcast_arrays(*(np.atleast_1d(a).astype(float) for a in (u, t, ease)))
        sides = []
        for edge, away in zip(self.edges, self.outward, strict=True):
            x, y, dx, dy = (
                np.interp(t, _STATIONS, line) for line in (edge[:, 0], edge[:, 1], *away.T)
            )
            sides.append(np.stack([x + ease * self.unit * dx, y + ease * self.unit * dy], axis=1))
        weight = (u[:, None] + 1) / 2
        return sides[0] * (1 - weight) + sides[1] * weight

    def face(self, x: ArrayLike, y: ArrayLike) -> Points:
        """Points (n, 2) of the head: x, y = -1 to 1 span its ellipse; y = 1 is the chin."""
        x, y = np.broadcast_arrays(*(np.atleast_1d(a).astype(float) for a in (x, y)))
        down = polar(-self.head_tilt, 1.0)
        across = np.array([down[1], -down[0]])
        return self.head + self.unit * (0.385 * x[:, None] * across + 0.5 * y[:, None] * down)


def pose(rng: np.random.Generator, height: int, width: int) -> Body:
    """A random person in a random pose, placed in a frame; parts may lie outside it."""
    build = rng.uniform(0.86, 1.28)
    turn = float(np.clip(rng.normal(0, 0.45), -1, 1))
    squeeze = 1 - 0.28 * abs(turn)
    shoulder, hip = rng.uniform(0.78, 0.98) * squeeze, rng.uniform(0.58, 0.74) * squeeze
    lean, sway = rng.normal(0, 4), rng.normal(0, 4)

    shoulder_line = polar(90 + rng.normal(0, 4) - lean, 1.0)
    hip_line = polar(90 + sway, 1.0)
    pelvis = np.zeros(2)
    chest = pelvis - polar(lean, rng.uniform(2.0, 2.25))
    neck = chest - polar(lean, 0.22)
    head_tilt = float(rng.normal(0, 7) - lean)
    head = neck - polar(-head_tilt, 0.66) + [0.1 * turn, 0]

    arms = np.stack([_arm(rng, chest, shoulder_line, shoulder, side) for side in SIDES])
    legs = np.stack([_leg(rng, hip_line, hip, side) for side in SIDES])
    if rng.random() < 0.25:  # weight on one leg: the other foot stands a little higher
        legs[rng.integers(2), 2, 1] -= rng.uniform(0.1, 0.25)

    waist = rng.uniform(0.48, 0.66) * squeeze
    halves = [0.3, shoulder * 1.06, 0.95 * shoulder, 0.76 * shoulder, waist, (waist + hip) / 2, hip]
    thin = np.sqrt(build)
    edges, outward = np.zeros((2, len(_STATIONS), 2)), np.zeros((2, len(_STATIONS), 2))
    for side in SIDES:
        sign = 2 * side - 1
        for i, t in enumerate(_STATIONS):
            if t <= 1:
                centre = pelvis + (chest - pelvis) * (1 - t)
                line = shoulder_line * (1 - max(t, 0)) + hip_line * max(t, 0)
                half = halves[i] * (build if t > 0.2 else thin)
            else:
                upper = min(t, 2.0) - 1
                centre = legs[side, 0] + upper * (legs[side, 1] - legs[side, 0])
                centre = centre + max(t - 2, 0) * (legs[side, 2] - legs[side, 1])
                line, half = hip_line, _THICKNESS_OF_LEG[float(t)] * build
            outward[side, i] = sign * line / np.hypot(*line)
            edges[side, i] = centre + half * outward[side, i]

    unit, origin = _framing(rng, height, width)
    return Body(
        unit=unit,
        head=origin + unit * head,
        head_tilt=head_tilt,
        turn=turn,
        arms=origin + unit * arms,
        legs=origin + unit * legs,
        arm_radii=(0.19 * unit * thin, 0.135 * unit * thin, 0.095 * unit),
        leg_radii=(0.31 * unit * build, 0.195 * unit * thin, 0.105 * unit),
        arm_behind=(bool(rng.random() < 0.12), bool(rng.random() < 0.12)),
        edges=origin + unit * edges,
        outward=outward,
    )


def _arm(
    rng: np.random.Generator, chest: Points, line: Points, half: float, side: int
) -> NDArray[np.float64]:
    """Shoulder, elbow, wrist (3, 2). Angles open away from the body."""
    sign = 2 * side - 1
    start = chest + sign * line * (half - 0.08) + [0, 0.12]
    kind = rng.choice(["hangs", "on hip", "across", "raised"], p=[0.55, 0.2, 0.15, 0.1])
    if kind == "hangs":
        upper, fore = rng.uniform(4, 24), rng.uniform(-8, 16)
    elif kind == "on hip":
        upper, fore = rng.uniform(32, 48), rng.uniform(-52, -35)
    elif kind == "across":
        upper, fore = rng.uniform(8, 22), rng.uniform(-120, -60)
    else:
        upper, fore = rng.uniform(70, 140), rng.uniform(120, 190)
    elbow = start + polar(sign * upper, 1.22)
    return np.stack([start, elbow, elbow + polar(sign * fore, 1.08)])


def _leg(rng: np.random.Generator, line: Points, hip: float, side: int) -> NDArray[np.float64]:
    """Hip, knee, ankle (3, 2)."""
    sign = 2 * side - 1
    start = sign * line * hip * 0.52
    thigh = rng.uniform(0, 10) if rng.random() < 0.8 else rng.uniform(10, 18)
    knee = start + polar(sign * thigh, rng.uniform(1.7, 1.85))
    return np.stack([start, knee, knee + polar(sign * (thigh - rng.uniform(-3, 10)), 1.7)])


def _framing(rng: np.random.Generator, height: int, width: int) -> tuple[float, Points]:
    """Head height and place of the pelvis in pixels; a third of the people is cut by the frame."""
    room = min(height, 1.5 * width)
    x = width * rng.uniform(0.4, 0.6)
    kind = rng.choice(["whole", "no feet", "no head"], p=[0.72, 0.2, 0.08])
    if kind == "whole":
        unit = room * rng.uniform(0.108, 0.131)
        spare = max(height - 7.3 * unit, 0)
        return unit, np.array([x, 3.6 * unit + spare * rng.uniform(0.3, 0.9)])
    unit = room * rng.uniform(0.14, 0.2)
    top = 3.6 if kind == "no feet" else rng.uniform(1.6, 2.6)
    return unit, np.array([x, top * unit + 0.04 * height])
