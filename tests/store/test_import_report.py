"""What an import lists, and where."""

from pathlib import Path

from curation.core.finding import Finding, FindingKind
from curation.store.import_report import Imported, list_path, skipped


def test_files_that_are_called_alike_in_two_exports_of_cvat_have_a_list_each(tmp_path):
    for job in ("job_1", "job_2"):
        source = Path(f"/data/{job}/annotations/instances_default.json")
        lost = [Finding(FindingKind.IMAGE_WITHOUT_FILE, job)]
        Imported(skips=lost).write_list(list_path(tmp_path, source))
    assert [found.location for found in skipped(tmp_path)] == ["job_1", "job_2"]
    assert list_path(tmp_path, Path("/train.csv")).name == "imported-train.csv"
