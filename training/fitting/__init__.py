"""How one model is trained: batches, losses, optimizer, evaluations. Importing it starts Keras."""

from training.quiet import start_keras

start_keras()
