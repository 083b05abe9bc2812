"""Sees the person in a photo: two small networks, which are set up apart, on TensorFlow Lite."""
