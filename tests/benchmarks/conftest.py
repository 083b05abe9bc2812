"""What is there to be collected: the peers in PyTorch need torch, which is not installed by us."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["torch_peers.py"]
