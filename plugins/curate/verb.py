"""What all verbs in the App have in common: a form, a step, one sentence on what came of it."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionResult, ExecutionRunState

from curation import store
from curation.core.errors import CurateError
from curation.core.progress import Progress

from . import work
from .forms import Form
from .screen import renew

NEWS = 0.5
"""Seconds between two notes of how far an operation is: each is written to the database."""

logger = logging.getLogger(__name__)


class Verb(foo.Operator):
    """One verb of the command line, in the App.

    Attributes:
        queued: whether it is always queued: it takes long, or needs TensorFlow, which must not
            come into the App's server. The others the curator may queue
        draws: whether other fields are to be drawn once it is done
    """

    name: str
    label: str
    icon: str
    about: str
    queued = True
    draws = False

    @property
    def config(self):
        return foo.OperatorConfig(
            name=self.name,
            label=self.label,
            description=self.about,
            icon=self.icon,
            dynamic=True,
            allow_immediate_execution=not self.queued,
            allow_delegated_execution=True,
        )

    def resolve_input(self, ctx):
        form = Form(ctx.params)
        try:
            self.ask(form, store.wrap(ctx.dataset))
        except CurateError as error:
            form.refuse(str(error))
        view = types.View(label=self.label, description=self.about)
        return types.Property(form.inputs, view=view)

    def resolve_run_name(self, ctx):
        return " ".join(filter(None, (self._title, ctx.params.get("run"))))

    @property
    def _title(self) -> str:
        return self.label.rstrip(" …")

    def execute(self, ctx):
        dataset = store.wrap(ctx.dataset)
        failed = True
        try:
            store.renew(dataset)
            message = self.act(dataset, ctx.params, _teller(ctx))
            failed = False
        except CurateError as error:
            message = str(error)
        except Exception as error:
            logger.exception("%s failed", self.name)
            message = f"{type(error).__name__}: {error}"
        if ctx.delegated:  # what came of it is in the queue
            if failed:
                _fail(ctx, message)
        else:
            work.note(dataset, self.name, self._title, message, failed)
        ctx.ops.notify(message, variant="error" if failed else "success")
        if failed:
            return None
        renew(ctx, self.draws)
        return {"message": message}

    @abstractmethod
    def ask(self, form: Form, dataset: store.Dataset) -> None:
        """Fills the form."""

    @abstractmethod
    def act(self, dataset: store.Dataset, given: dict[str, Any], progress: Progress) -> str:
        """Does it, with the answers of the form. Returns what came of it."""


def _teller(ctx) -> Progress:
    """Tells FiftyOne how far the operation is, not more often than it is read."""
    told_at = 0.0

    def tell(task: str, done: int, total: int | None = None, note: str = "") -> None:
        nonlocal told_at
        if time.monotonic() - told_at < NEWS and done != total:
            return
        told_at = time.monotonic()
        of = f" of {total:,}" if total else ""
        ctx.set_progress(done / total if total else None, f"{task}: {done:,}{of}  {note}".strip())

    return tell


def _fail(ctx, sentence: str) -> None:
    # FiftyOne itself would write down the traceback.
    DelegatedOperationService().set_failed(
        ctx.request_params["run_doc"], ExecutionResult(error=sentence),
        required_state=ExecutionRunState.RUNNING,
    )  # fmt: skip
