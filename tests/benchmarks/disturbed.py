"""Verbs that are disturbed, run again, and held against what they leave undisturbed."""

from __future__ import annotations

import csv
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from tests import conftest  # first: it starts a database, before FiftyOne connects

# isort: split
from curation import steps, store
from curation.cli import failures
from curation.core import rle, taxonomy
from curation.core.errors import CurateError
from curation.core.records import ImageRecord, Instance
from curation.formats import export, imaterialist, registry
from curation.review import Journal
from curation.review.journal import Decision
from curation.steps import parts
from curation.store import bulk
from tests.cli.test_failures import curate
from tests.conftest import picture

KILLED, AWAY, PAUSED = "killed", "away", "paused"
PHOTOS = 300
SECONDS = 120
"""For a verb on them, beyond which it hangs."""

TOML = (taxonomy.BUILT_IN / "supercategories.toml").read_text("utf-8")


def photos(folder: Path) -> None:
    with (folder / "t.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(imaterialist.COLUMNS)
        for number in range(PHOTOS):
            Image.new("RGB", (6, 4), (number % 256, 0, 0)).save(folder / f"p{number}.png")
            for pairs, label in (("1 8", 0), ("17 8", 23)):
                out.writerow((f"p{number}", pairs, 4, 6, label))


def imports(how: str, count: int) -> Iterator[str | None]:
    """``curate import`` on the command line, disturbed at a moment that chance draws."""
    dice = random.Random(how)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos(folder)
        started = time.monotonic()
        if code := ended(importing(f"spared-{how}", folder)):
            raise SystemExit(code)
        usual, whole = time.monotonic() - started, content(f"spared-{how}")
        for number in range(count):
            name = f"{how}-{number}"
            process = importing(name, folder)
            time.sleep(dice.uniform(0.4, 1) * usual)
            wrong = None
            if how == KILLED:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            elif how == AWAY:
                with conftest.mongod_away():
                    time.sleep(dice.uniform(0.1, 3))
                wrong = ended(process)
            else:
                pause(dice.uniform(1, 6))
                wrong = ended(process, must=True)
            if how != PAUSED:
                wrong = wrong or ended(importing(name, folder), must=True)
            yield wrong or compared(whole, content(name))
            store.delete(name)
        store.delete(f"spared-{how}")


def importing(name: str, folder: Path) -> subprocess.Popen:
    options = ["--annotations", str(folder / "t.csv"), "--images", str(folder)]
    return curate("import", "imaterialist", name, *options, start_new_session=True)


def pause(seconds: float) -> None:
    """The database answers nobody for a while."""
    ((process, _, _),) = conftest._MONGOD
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)


def ended(process: subprocess.Popen, must: bool = False) -> str | None:
    """What is wrong with how a verb ended: it is done, or says in a sentence why not."""
    try:
        _, said = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "hangs: killed"
    if "Traceback" in said or (process.returncode and "Error: " not in said):
        return f"tracebacks: {said}"
    return f"lost: it is not done: {said}" if must and process.returncode else None


def content(name: str) -> list[str]:
    """Each photo with its labels, as text."""
    dataset = store.open(name)
    dataset.samples.reload()
    found = bulk.collection(dataset.samples).find()
    return sorted(f"{photo['image_id']} {photo['content_digest']}" for photo in found)


def compared(whole: list[str], found: list[str]) -> str | None:
    if set(whole) - set(found):
        return f"lost: {len(set(whole) - set(found))} photos"
    return f"doubled: {len(found) - len(whole)} photos" if len(found) > len(whole) else None


def exports(count: int) -> Iterator[str | None]:
    """``curate export``, killed; then the same command again. Every other one is written over an
    export of before a decision."""
    dice = random.Random("exports")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos(folder)
        remapped = ("remap", "exported", "--taxonomy", "supercategories")
        for act in (lambda: importing("exported", folder), lambda: curate(*remapped)):
            if wrong := ended(act(), must=True):
                raise SystemExit(wrong)
        earlier, wholes, usual = {}, {}, {}
        formats = [format_.name for format_ in registry.writers()]
        for name in formats:
            ended(exporting(folder / "earlier" / name, name), must=True)
            earlier[name] = tree(folder / "earlier" / name)
        (label, *_) = next(store.open("exported").records(image_ids=["p0"])).instances
        about = {"image_id": "p0", "instance_id": label.instance_id}
        conftest.decide(store.open("exported"), "delete", reviewer="ann", **about)
        for name in formats:
            started, target = time.monotonic(), folder / "whole" / name
            ended(exporting(target, name), must=True)
            usual[name], wholes[name] = time.monotonic() - started, tree(target)
            if wholes[name] == earlier[name] or steps.verify(target).faults:
                raise SystemExit(f"{name}: the export is no use to compare with")
        for number in range(count):
            name = formats[number % len(formats)]
            target = folder / str(number) / name
            before = {}
            if number // len(formats) % 2:
                shutil.copytree(folder / "earlier" / name, target)
                before = earlier[name]
            process = exporting(target, name)
            time.sleep(dice.uniform(0.5, 1) * usual[name])
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            wrong = None
            if target.exists() and tree(target) not in (before, wholes[name]):
                wrong = "lost: half an export stands there"
            wrong = wrong or ended(exporting(target, name), must=True)
            if not wrong and tree(target) != wholes[name]:
                wrong = "lost: the export is another one"
            if not wrong and (faults := steps.verify(target).faults):
                wrong = f"lost: {faults[0]}"
            yield wrong or left_behind(target.parent, {name})
        store.delete("exported")


def exporting(target: Path, format_: str) -> subprocess.Popen:
    return curate("export", "exported", str(target), "--format", format_, start_new_session=True)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def left_behind(folder: Path, wanted: set[str]) -> str | None:
    there = {path.name for path in folder.iterdir()} - wanted
    return f"left behind: {', '.join(sorted(there))}" if there else None


APPENDS = """
import sys
from pathlib import Path
from curation.review import Journal
from curation.review.journal import decision
journal = Journal(Path(sys.argv[1]))
for number in range(10**6):
    journal.append([decision("exclude", f"{sys.argv[2]}-{number}-{n}", "ann") for n in range(3)])
    print(number, flush=True)
"""


def appends(count: int) -> Iterator[str | None]:
    """A journal to which one process after the other appends, and is killed."""
    dice = random.Random("appends")
    with tempfile.TemporaryDirectory() as scratch:
        path, confirmed = Path(scratch) / "decisions.csv", set()
        for number in range(count):
            process = subprocess.Popen(
                [sys.executable, "-c", APPENDS, str(path), str(number)], text=True,
                stdout=subprocess.PIPE,
            )  # fmt: skip
            assert process.stdout
            first = process.stdout.readline()
            time.sleep(dice.uniform(0, 0.1))
            process.kill()
            told = [first, *process.stdout]
            process.wait()
            confirmed |= {f"{number}-{line.strip()}-{n}" for line in told for n in range(3)}
            found = [d.image_id for d in Journal(path).read()]
            if confirmed - set(found):
                yield f"lost: {len(confirmed - set(found))} decisions"
            elif len(set(found)) < len(found):
                yield "doubled: decisions"
            else:
                yield None


def full_disks(count: int) -> Iterator[str | None]:
    """Files that no more than so many bytes can be written into; then there is room again."""
    dice = random.Random("full")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        acts = written(folder)
        for number in range(count):
            act = acts[number % len(acts)]
            place = folder / str(number)
            place.mkdir()
            size = 2 ** dice.uniform(0, 14)
            code = in_child(act, place, int(size))
            if code not in (0, 3):
                yield f"tracebacks: the process ended with {code}"
                continue
            wrong = half(place)
            try:
                act(place)
            except CurateError as error:
                wrong = wrong or f"lost: {error}"
            whole = folder / f"whole-{number % len(acts)}"
            if not whole.exists():
                whole.mkdir()
                act(whole)
            if not wrong and tree(place) != tree(whole):
                wrong = "lost: what is there is another thing"
            yield wrong or left_behind(place, {path.name for path in whole.iterdir()})


MADE = [Decision(f"{n:016x}", "2026-03-02T10:00:00Z", "ann", "exclude", str(n)) for n in range(90)]


def written(folder: Path) -> list[Callable[[Path], object]]:
    """What is written into a folder, by each of the writers."""
    own, masks = taxonomy.parse(TOML, "own"), {}
    for name in "abcdefgh":
        path = folder / f"{name}.png"
        Image.new("RGB", (6, 4), "red").save(path)
        feet = Instance("feet", rle.encode(picture("######", "#....#", "#.##.#", "######")))
        masks[name] = ImageRecord(name, path, 4, 6, (feet,))
    dealt = dict.fromkeys(masks, "train")
    groups = {name: f"{n:032x}" for n, name in enumerate(masks)}

    def exported(format_: str) -> Callable[[Path], object]:
        return lambda place: export.write(
            place / "out", format_, masks, own, dealt, groups, size=32
        )

    def journaled(place: Path) -> None:
        journal = Journal(place / "decisions.csv")
        if not journal.read():
            journal.append(MADE)

    splits = {f"{n:032x}": "test" for n in range(200)}
    return [
        *(exported(format_.name) for format_ in registry.writers()),
        lambda place: parts.write(place / parts.SPLITS, splits),
        journaled,
    ]


def half(place: Path) -> str | None:
    """Of what a full disk left: a file of splits or a journal that is there is whole."""
    said = len(Journal(place / "decisions.csv").read())
    dealt = len(parts.read(place / parts.SPLITS))
    return None if said in (0, len(MADE)) and dealt in (0, 200) else "lost: half of it is there"


def in_child(act: Callable[[Path], object], place: Path, limit: int) -> int:
    """0 where all could be written, 3 where a sentence says why not."""
    pid = os.fork()
    if not pid:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            act(place)
        except CurateError:
            os._exit(3)
        except OSError as error:
            os._exit(3 if failures.sentence(error) else 1)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
