"""The bill of materials says what is in the image."""

from __future__ import annotations

import json
from pathlib import Path

from tests.packaging.lock import locked
from tests.packaging.tools import ROOT, program, run


def test_it_names_every_locked_package_of_the_image_with_its_hashes(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    lock = str(ROOT / "requirements" / "services.txt")
    run(program("cyclonedx-py"), "requirements", lock, "--output-format", "JSON", "--output-file", str(written))
    bill = json.loads(written.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert {each["name"]: each["version"] for each in bill["components"]} == locked("services")
    assert all(each["externalReferences"][0]["hashes"] for each in bill["components"])
