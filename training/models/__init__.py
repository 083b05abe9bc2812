"""Segmenters in pure Keras 3: backbones, and the heads that turn their taps into logits."""
