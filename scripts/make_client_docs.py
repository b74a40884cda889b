"""Writes docs/clients.md: what real clients did with each fault, as they were seen to do it just now.

    python scripts/make_client_docs.py [SECTION ...]

Each section runs programs of other people in environments of their own, which takes minutes and needs the package
registries. Sections that are not named stay as they are.
"""

import argparse
import importlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "clients.md"

SECTIONS = {"http": "foreign.http_section", "mcp": "foreign.mcp_section"}
"""Name of a section to the module whose function `section` makes it, in the order of the page."""

_HEAD = """\
# What real clients do with each fault

Seen by running them: `python scripts/make_client_docs.py` runs each client against the proxy and writes down what it
did. Nothing here is taken from documentation.
"""
_SECTION = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", re.DOTALL)


def sections_of(text: str) -> dict[str, str]:
    """Return the sections of a page by name."""
    return dict(_SECTION.findall(text))


def page(sections: dict[str, str]) -> str:
    """Return the page with these sections, in their order."""
    parts = [f"<!-- {name} -->\n{sections[name]}\n<!-- end -->" for name in SECTIONS if name in sections]
    return "\n\n".join([_HEAD.rstrip(), *parts]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("section", nargs="*", help=f"of {', '.join(SECTIONS)}; all without any")
    names = parser.parse_args().section
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there is {', '.join(SECTIONS)}")
    sys.path.insert(0, str(ROOT))
    sections = sections_of(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    for name in names or SECTIONS:
        print(f"{name}: running its clients …", file=sys.stderr, flush=True)
        sections[name] = importlib.import_module(SECTIONS[name]).section()
    PAGE.write_text(page(sections), "utf-8")


if __name__ == "__main__":
    main()
