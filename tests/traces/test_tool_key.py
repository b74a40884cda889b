import base64
import random
import re
import string
import uuid
from pathlib import Path

import pytest

from earthwire.traces.files.parquet import read_parquet
from earthwire.traces.tool_key import PathTemplater, tool_key

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SEED = 7
IDS_PER_FAMILY = 2000

HEX = "0123456789abcdef"
BASE36 = string.ascii_lowercase + string.digits
BASE62 = string.ascii_letters + string.digits
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# Identifiers that the templates of the data sets left standing; each family is one pattern. Not words.
REAL_IDENTIFIERS = re.compile(
    r".*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}.*"  # names that hold a UUID
    r"|\d+\.\d+\.\d+\.\d+"  # IPv4 addresses
    r"|[^@]+(@|%2540)[a-z]+\.(com|dev)"  # e-mail addresses
    r"|\d{5,}\.js"  # bundler chunks
    r"|.*(?=[a-f]*\d)[0-9a-f]{8,}.*\.(js|css|png|html)"  # files named after a hash
    r"|.*[A-Za-z0-9_-]{22,}(\.woff2|\.css|\.js)|(am|rs)=.{20,}"  # base64url digests and state
    r"|k=\w+(\.\w+)*\.[0-9A-Za-z]{11}\.O"  # script versions
    r"|%7E.{200,}|.{201,}"  # encoded blobs
    r"|C048tgq5f|00sqyw643dnjpsf|023ckvvd4kecvcb|03cqmetx36hgkxw"  # directory ids of one vendor
)


def random_text(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


FAMILIES = {
    "uuid": (lambda rng: str(uuid.UUID(int=rng.getrandbits(128))), 1.0),
    "uuid without hyphens": (lambda rng: random_text(rng, HEX, 32), 1.0),
    "number": (lambda rng: str(rng.randrange(10**9)), 1.0),
    "object id": (lambda rng: random_text(rng, HEX, 24), 1.0),
    "sha1": (lambda rng: random_text(rng, HEX, 40), 1.0),
    "hex 12": (lambda rng: random_text(rng, HEX, 12), 0.99),
    "ulid": (lambda rng: "01" + random_text(rng, CROCKFORD, 24), 1.0),
    "ksuid": (lambda rng: random_text(rng, BASE62, 27), 0.99),
    "nanoid": (lambda rng: random_text(rng, BASE62 + "-_", 21), 0.98),
    "prefixed 14": (lambda rng: "cus_" + random_text(rng, BASE62, 14), 0.98),
    "prefixed 16": (lambda rng: "con_" + random_text(rng, BASE62, 16), 0.97),
    "prefixed 24": (lambda rng: "thread_" + random_text(rng, BASE62, 24), 0.99),
    "compound": (lambda rng: "auth0%7C" + random_text(rng, HEX, 24), 1.0),
    "instance": (lambda rng: "i-0" + random_text(rng, HEX, 16), 1.0),
    "base64url 16 bytes": (
        lambda rng: base64.urlsafe_b64encode(rng.randbytes(16)).decode().rstrip("="),
        0.98,
    ),
    "client id": (lambda rng: random_text(rng, BASE62, 32), 0.99),
    "base36 15": (lambda rng: random_text(rng, BASE36, 15), 0.90),
    "e-mail": (lambda rng: random_text(rng, string.ascii_lowercase, 6) + "%40mail.example", 1.0),
    "named number": (lambda rng: "order-" + random_text(rng, string.digits, 6), 1.0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_identifiers_of_every_family_collapse(family: str) -> None:
    """The bounds are below the measured shares; what is left is for templates or for `learn`."""
    make, share_min = FAMILIES[family]
    rng = random.Random(SEED)
    templater = PathTemplater()
    collapsed = sum(
        templater.template(f"/v1/things/{make(rng)}/parts") == "/v1/things/{id}/parts"
        for _ in range(IDS_PER_FAMILY)
    )
    assert collapsed / IDS_PER_FAMILY >= share_min


@pytest.mark.parametrize(
    "segment",
    [
        "users", "v1", "v1beta1", "v2alpha1", "v2.0", "v1.55", "1.35.3", "fr-par-1", "us-east-1", "k8s", "s2s-vpn",
        "oauth2", "breached-password-detection", "this-resource-server-does-not-exist", "welcome_email",
        "Microsoft.DBforPostgreSQL", "authenticationContextClassReferences", "publicIPAddresses", ".well-known",
        "records.json", "jquery@2.2.4", "login.jsp", "user_01", "test-acc-instance-snapshot.qcow2", "geo2.js",
        "builder-jammy-base:latest", "iamPolicies:queryAuditableServices", "SP", "me", "facade", "2x", "base64url",
    ],
)  # fmt: skip
def test_words_stay(segment: str) -> None:
    assert PathTemplater().template(f"/{segment}/x") == f"/{segment}/x"


@pytest.mark.parametrize(
    "name", ["dev_auth0", "dev_scaleway", "dev_jupiterone_har", "dev_web_har", "dev_upptime"]
)
def test_every_word_of_the_real_templates_survives(name: str) -> None:
    path = DATA / name / "records.parquet"
    if not path.exists():
        pytest.skip(f"needs {path}")
    segments = {
        segment
        for record in read_parquet(path)
        for segment in (record.url_template or "").partition("?")[0].split("/")
        if segment and not segment.startswith("{") and not REAL_IDENTIFIERS.fullmatch(segment)
    }
    lost = {segment for segment in segments if PathTemplater().template(f"/{segment}") != f"/{segment}"}
    assert lost == set()
    assert name != "dev_scaleway" or len(segments) > 380


def test_files_named_after_identifiers_keep_their_type() -> None:
    path = "/code/function-1eb1bff4-3ba6-4bef-a8de-6a6508c28a74.zip"
    assert PathTemplater().template(path) == "/code/{id}.zip"


def test_the_query_and_empty_segments() -> None:
    templater = PathTemplater()
    assert templater.template("/users/12/?page=3") == "/users/{id}/"
    assert templater.template("/") == "/"
    assert templater.template("") == ""


def test_a_template_is_its_own_template() -> None:
    assert PathTemplater().template("/a/{id}/b/{name}") == "/a/{id}/b/{name}"


def test_explicit_templates_win() -> None:
    templater = PathTemplater(("/users/me", "/users/{user}", "/files/{id}/{name}"))
    assert templater.template("/users/me") == "/users/me"
    assert templater.template("/users/jane") == "/users/{user}"
    assert templater.template("/files/1/readme") == "/files/{id}/{name}"
    assert templater.template("/users/jane/keys") == "/users/jane/keys"


def test_huge_segments_are_identifiers() -> None:
    assert PathTemplater().template("/state/" + "abc-" * 100) == "/state/{id}"


def test_learning_finds_identifiers_that_look_like_words() -> None:
    names = ["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"]
    calls = {
        f"s{number}": [("a.example", f"/v1/zones/{name}"), ("a.example", "/v1/zones/default/records")]
        for number, name in enumerate(names)
    }
    templater = PathTemplater().learn(calls)
    assert templater.template("/v1/zones/ash", "a.example") == "/v1/zones/{id}"
    assert templater.template("/v1/zones/default/records", "a.example") == "/v1/zones/default/records"
    assert templater.template("/v1/zones/ash", "b.example") == "/v1/zones/ash"


def test_learning_takes_nothing_away_where_words_recur_or_sessions_are_few() -> None:
    words = [f"word{letter}" for letter in "abcdefghijkl"]
    recurring = {f"s{number}": [("a", f"/v1/x/{word}") for word in words] for number in range(6)}
    single = {"s": [("a", f"/v1/x/{word}") for word in words]}
    at_root = {f"s{number}": [("a", f"/{word}")] for number, word in enumerate(words)}
    for calls in (recurring, single, at_root, {}):
        assert PathTemplater().learn(calls).learned_ == {}


def test_learning_the_children_of_learned_parents() -> None:
    trees = ["alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine"]
    calls = {f"s{tree}": [("a", f"/v1/zones/{tree}/{tree}leaf")] for tree in trees}
    assert PathTemplater().learn(calls).template("/v1/zones/ash/ashleaf", "a") == "/v1/zones/{id}/{id}"


def test_tool_key_normalises_method_and_host() -> None:
    assert tool_key("post", "API.Example.com", "x") == "POST api.example.com/x"
