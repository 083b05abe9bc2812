"""Trains segmenters (Keras 3) on photos and label maps, and predicts with them."""

from training.quiet import start_keras

start_keras()
