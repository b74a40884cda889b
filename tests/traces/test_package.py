import subprocess
import sys

import earthwire.traces


def test_the_public_names_are_sorted_and_exist() -> None:
    names = earthwire.traces.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(earthwire.traces, name) for name in names)


def test_importing_the_readers_loads_neither_numpy_nor_pyarrow() -> None:
    code = (
        "import sys, earthwire.traces; print([m for m in ('numpy', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
