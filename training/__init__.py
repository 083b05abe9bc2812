"""Trains segmenters (Keras 3) on photos and label maps, and predicts with them.

Importing starts nothing. Keras, TensorFlow and their like stand at the top only of what is in
``training/models`` and ``training/fitting``, and importing either starts Keras, quietly; all
else asks for them inside the functions that fit, predict or export.
"""
