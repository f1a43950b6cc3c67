"""The command line: help, defaults, errors with hints, exit codes; and producers of other packages."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.errors import UsageError
from featurectl.log import open_log
from producers._bar import Bar
from producers._times import parse_time
from producers.cli import main
from producers.publishing import Progress
from producers.registry import GROUP, installed_producers, load_producer, producer_names
from producers.sites import SITES, find_sites, site_key
from tests.producers.conftest import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
RANGE = ("--from", "2024-06-01", "--to", "2024-06-02")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([*words])
    out, err = capsys.readouterr()
    code = done.value.code
    assert isinstance(code, int)
    return code, out, err


@pytest.mark.parametrize("command", [(), ("solar",), ("weather",), ("replay",)])
def test_help_has_an_example(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, *command, "--help")
    assert code == 0
    assert re.search(r"Examples?:\n +producers ", out)


@pytest.mark.parametrize(
    ("name", "topic", "count"), [("solar", "solar_production_raw", 192), ("weather", "weather_raw", 48)]
)
def test_simulated_events_of_a_day(
    capsys: pytest.CaptureFixture[str],
    project: Callable[..., Settings],
    tmp_path: Path,
    name: str,
    topic: str,
    count: int,
) -> None:
    done = run(capsys, name, *RANGE, "--regions", "DE,ES", "--project", str(tmp_path))
    assert done == (0, f"{count} events published to {topic}\n", "")
    assert open_log(project()).end_offsets(topic) == {0: count}


def test_home_seed_and_the_settings_topic(
    capsys: pytest.CaptureFixture[str],
    project: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = project(home=tmp_path / "elsewhere")
    monkeypatch.setenv("KAFKA_TOPIC_SOLAR", "renamed")
    run(
        capsys,
        "solar",
        *RANGE,
        "--seed",
        "7",
        "--fsync",
        "--project",
        str(tmp_path),
        "--home",
        str(tmp_path / "elsewhere"),
    )
    assert open_log(settings).topics() == ["renamed"]
    assert load_producer("solar").topic_in(project()) == "renamed"


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        (("solar", "--regions", "XX"), 2, "no region is named 'XX'", "known: DE, 50hertz"),
        (("solar", "--source", "absent.csv"), 2, "no source 'absent.csv'", "sources: simulated, api"),
        (("solar", "--source", "api", "--regions", "tennet"), 2, "does not serve tennet", "--regions of DE,ES"),
        (("solar", "--from", "2024-06-02", "--to", "2024-06-01"), 2, "the range is empty", ""),
        (("weather", "--mode", "live", "--to", "2030-01-01"), 2, "a range with an end is not live", "historical"),
        (
            ("replay", "other", str(ROOT / "pyproject.toml")),
            2,
            "no contract for topic 'other'",
            "solar, weather; or --raw",
        ),
    ],
)
def test_errors_of_use_have_a_hint_and_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], code: int, error: str, hint: str
) -> None:
    got, out, err = run(capsys, *words, "--project", str(tmp_path))
    assert (got, out) == (code, "")
    lines = err.splitlines()
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert not hint or (lines[1].startswith("hint: ") and hint in lines[1])


@pytest.mark.parametrize(
    "words",
    [
        ("nothing",),
        ("solar", "--from", "yesterday"),
        ("solar", "--interval", "0"),
        ("solar", "--mode", "x"),
        ("replay",),
    ],
)
def test_what_click_refuses_has_code_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert run(capsys, *words)[0] == 2


def test_a_log_that_cannot_be_written_has_code_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / ".featurectl").write_text("in the way")
    code, out, err = run(capsys, "solar", *RANGE, "--project", str(tmp_path))
    assert (code, out) == (1, "")
    assert err.startswith("error: topic solar_production_raw: cannot open it for writing")
    assert err.splitlines()[1:] == ["hint: FEATURECTL_HOME, or --home, is a folder that may be written to"]


def test_what_is_rejected_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"x\n")
    code, out, _ = run(capsys, "replay", "solar", str(tmp_path / "a.ndjson"), "--project", str(tmp_path))
    topic = "solar_production_raw"
    assert (code, out) == (0, f"0 events published to {topic}, 1 rejected (kept in {topic}_rejected)\n")


def test_a_bar_on_a_terminal_shows_count_rate_and_what_remains() -> None:
    clock, stream = Clock(0.0), io.StringIO()
    bar = Bar(stream, "solar", clock)
    bar(Progress(0, 0, 0.0))
    clock.now = 0.1
    bar(Progress(500, 0, 0.1))
    clock.now = 10.0
    bar(Progress(90_000, 10_000, 0.25))
    bar.close()
    first, second, last = stream.getvalue().split("\r\x1b[2K")[1:]
    assert first == "solar [--------------------]   0% 0 events"
    assert second == "solar [#####---------------]  25% 100,000 events, 10,000/s, 0:30 left"
    assert last == ""


def test_times_without_a_zone_are_utc() -> None:
    assert parse_time("2024-06-01") == datetime(2024, 6, 1, tzinfo=UTC)
    assert parse_time("2024-06-01T02:00+02:00") == datetime(2024, 6, 1, tzinfo=UTC)


# Sites


def test_sites_are_the_regions_that_the_migration_seeds() -> None:
    text = (ROOT / "migrations" / "0002_regions.sql").read_text(encoding="utf-8")
    rows = re.findall(r"\('(\S+)', ([-0-9.]+), ([-0-9.]+), '(\S+)'\)", text)
    assert [(region, float(lat), float(lon), zone) for region, lat, lon, zone in rows] == [
        (site.region, site.latitude, site.longitude, site.time_zone) for site in SITES
    ]


def test_sites_by_region() -> None:
    assert find_sites([]) == list(SITES)
    assert [site.region for site in find_sites(["ES", "DE", "ES"])] == ["ES", "DE"]
    assert len({(site.latitude, site.longitude) for site in SITES}) == len(SITES)
    assert site_key(-0.00001, -3.70379) == "0.0000,-3.7038"


# Producers of other packages

SHOP = """
from datetime import datetime, timezone
from producers.contracts import Contract, Time, instant
from producers.registry import Feed, Producer, Source

class Click(Contract):
    at: Time
    user: str
    count: int

def opened(request):
    hours = range(int(request.start.timestamp()), int(request.end.timestamp()), 3600)
    stamps = [datetime.fromtimestamp(at, timezone.utc).isoformat() for at in hours]
    return Feed([b'{"at": "%b", "user": "u1", "count": 1}' % stamp.encode() for stamp in stamps])

SOURCES = {"made-up": Source(opened)}
CLICKS = Producer("clicks", "shop_clicks", Click, lambda e: e.user, lambda e: instant(e.at), SOURCES)

def only_for_backfills(**options):
    raise NotImplementedError
"""


def test_another_package_plugs_its_producer_in(tmp_path: Path) -> None:
    package = tmp_path / "site"
    info = package / "shop-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "shop.py").write_text(SHOP)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nclicks = shop:CLICKS\nplain = shop:only_for_backfills\n")
    code = f"import sys; sys.path.insert(0, {str(package)!r}); from producers.cli import main; main()"
    words = [sys.executable, "-c", code, "clicks", *RANGE, "--project", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "24 events published to shop_clicks\n", "")
    (tmp_path / "a.csv").write_text("at,user,count\n2024-06-01T00:00:00Z,007,2\n2024-06-01T00:00:00Z,007,2.5\n")
    replay = [sys.executable, "-c", code, "replay", "shop_clicks", str(tmp_path / "a.csv"), "--project", str(tmp_path)]
    done = subprocess.run(replay, capture_output=True, text=True, check=False)
    assert "1 events published to shop_clicks, 1 rejected" in done.stdout
    plain = [*words[:3], "plain", "--project", str(tmp_path)]
    done = subprocess.run(plain, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: producer 'plain' has no command")


def test_producers_by_name() -> None:
    assert {"solar", "weather"} <= set(producer_names())
    assert {"solar", "weather"} <= {producer.name for producer in installed_producers()}
    with pytest.raises(UsageError, match="no producer is named 'wind'"):
        load_producer("wind")


def test_a_producer_is_the_function_that_backfills_call(project: Callable[..., Settings]) -> None:
    (point,) = entry_points(group=GROUP, name="solar")
    start = datetime(2024, 6, 1, tzinfo=UTC)
    options: dict[str, Any] = {"source": "simulated", "regions": ["DE"], "settings": project(), "seed": 3}
    result = point.load()(start=start, end=start + timedelta(hours=1), **options)
    assert (result.topic, result.published, result.rejected) == ("solar_production_raw", 4, 0)
