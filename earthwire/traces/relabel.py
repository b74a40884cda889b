"""Renaming the tools of records with a better templater than the one they were read with."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from earthwire.traces.record import TraceRecord
from earthwire.traces.tool_key import PathTemplater


def learn_templates(records: Iterable[TraceRecord], templates: tuple[str, ...] = ()) -> PathTemplater:
    """Return a templater that has learned identifiers from records.

    Args:
        records: any records; those without a URL template teach nothing.
        templates: explicit templates that win over everything learned.
    """
    calls: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for record in records:
        if record.url_template is not None:
            path = record.url_template.partition("?")[0]
            calls[record.session_id or ""].add((record.server_address or "", path))
    return PathTemplater(templates).learn(calls)


def relabel(record: TraceRecord, templater: PathTemplater) -> TraceRecord:
    """Return the record with its tool and URL template as the templater has them.

    A record whose tool does not end with its URL template, an MCP tool for instance, is returned unchanged.
    """
    if record.url_template is None:
        return record
    path, mark, query = record.url_template.partition("?")
    if not record.tool.endswith(path):
        return record
    template = templater.template(path, record.server_address or "")
    if template == path:
        return record
    tool = record.tool[: len(record.tool) - len(path)] + template
    return msgspec.structs.replace(record, tool=tool, url_template=template + mark + query)
