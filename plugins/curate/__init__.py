"""The curate plugin of the FiftyOne App: decide on garments whose labels are probably wrong."""

from .operators import ACTIONS, Sign
from .panels import Legend
from .progress import Progress
from .review import QUESTIONS
from .verbs import VERBS


def register(plugin):
    """Called by FiftyOne with the plugin's context."""
    for part in (*ACTIONS, *VERBS, *QUESTIONS, Sign, Legend, Progress):
        plugin.register(part)
