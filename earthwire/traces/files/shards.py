"""One recording in several files: each worker of a proxy appends to a file of its own, and they are read as one."""

import re
from pathlib import Path

_SHARD = re.compile(r"\.worker-(\d+)$")


def shard_path(path: Path, worker: int) -> Path:
    """Return the record file of one worker: ``calls.worker-0.jsonl`` beside ``calls.jsonl``.

    >>> shard_path(Path("runs/calls.jsonl"), 2).name
    'calls.worker-2.jsonl'
    """
    return path.with_name(f"{path.stem}.worker-{worker}{path.suffix}")


def with_shards(path: Path) -> tuple[Path, ...]:
    """Return the files of a recording: the file itself, where it exists or has no shards, then its shards by number."""
    shards = {}
    for candidate in path.parent.glob(f"*.worker-*{path.suffix}"):
        found = _SHARD.search(candidate.stem)
        if found is not None and candidate.stem[: found.start()] == path.stem:
            shards[int(found[1])] = candidate
    ordered = tuple(shards[number] for number in sorted(shards))
    return ordered if ordered and not path.exists() else (path, *ordered)
