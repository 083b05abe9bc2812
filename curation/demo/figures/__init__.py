"""Drawn people in clothes with known truth, for the demo and the tests: no photo may ship.

>>> import numpy as np
>>> figure = draw_figure(np.random.default_rng(0), height=96, width=64)
>>> figure.image.shape, figure.garments[0].mask.shape
((96, 64, 3), (96, 64))
"""

from curation.demo.figures.drawing import Figure, Garment, draw_figure

__all__ = ["Figure", "Garment", "draw_figure"]
