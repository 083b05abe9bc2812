"""Trains segmenters (Keras 3) on photos and label maps, and predicts with them."""

from curation.quiet import start_keras

start_keras()
