"""The peers in PyTorch can be collected only where torch is installed: `make backends`."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["torch_peers.py"]
