"""What models are taught with: examples, their augmentation, and features of a frozen backbone."""
