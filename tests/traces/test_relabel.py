from earthwire.traces.record import TraceRecord
from earthwire.traces.relabel import learn_templates, relabel
from earthwire.traces.tool_key import PathTemplater

TREES = ["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"]


def record(tree: str) -> TraceRecord:
    return TraceRecord(
        tool=f"GET a.example/v1/zones/{tree}",
        url_template=f"/v1/zones/{tree}?page",
        server_address="a.example",
        session_id=tree,
    )


def test_tool_and_template_change_together() -> None:
    templater = learn_templates(map(record, TREES))
    relabelled = relabel(record("ash"), templater)
    assert relabelled.tool == "GET a.example/v1/zones/{id}"
    assert relabelled.url_template == "/v1/zones/{id}?page"


def test_records_of_other_shape_are_left_alone() -> None:
    templater = PathTemplater(("/{anything}",))
    for other in (TraceRecord(tool="server/search"), TraceRecord(tool="named", url_template="/x")):
        assert relabel(other, templater) is other
        assert learn_templates([other]).learned_ == {}


def test_explicit_templates_are_kept() -> None:
    assert learn_templates([], ("/x/{y}",)).templates == ("/x/{y}",)
