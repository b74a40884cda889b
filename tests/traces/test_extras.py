"""The command that is given to users must work where they are."""

from pathlib import Path

from earthwire.traces import extras
from earthwire.traces.extras import install_command


def test_a_checkout_is_installed_from_its_own_folder() -> None:
    """It was to come from a registry, which does not have it."""
    folder = Path(__file__).parents[2]
    assert install_command("mitm") == f"pip install '{folder}[mitm]'"
    assert "mitm = [" in (folder / "pyproject.toml").read_text("utf-8")


def test_an_installed_package_is_installed_by_name(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extras, "_SOURCE", tmp_path)
    assert install_command("parquet") == "pip install 'earthwire[parquet]'"
