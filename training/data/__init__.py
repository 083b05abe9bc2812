"""What models are trained on: examples, their augmentation, and features of a frozen backbone."""
