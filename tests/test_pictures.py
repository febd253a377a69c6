"""Every picture of README and docs is made by something that is here, and shows what it says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from chillcast.training import model_report
from models.evaluation.backtest import BacktestResult
from scripts import pictures
from streams.stores.sqlite import SqliteStore
from tests.support.page import fill, lead

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAKERS = [*sorted((ROOT / "scripts").glob("*.py")), ROOT / "tests" / "loop" / "__main__.py"]
needs_browser = pytest.mark.browser


def named() -> set[str]:
    """Return the pictures that README and docs show."""
    texts = (page.read_text(encoding="utf-8") for page in PAGES)
    return {name for text in texts for name in re.findall(r"\((?:docs/|\.\./)?images/([^)\s]+)\)", text)}


def is_blank(path: Path) -> bool:
    """Return whether nearly all of a picture is of one colour, or it has but a few."""
    with Image.open(path) as image:
        found = image.convert("RGB").getcolors(1 << 24) or []
    counts = [count for count, _ in found]
    return len(counts) < 20 or max(counts) > 0.995 * sum(counts)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def is_of_its_size(path: Path) -> bool:
    """Return whether a picture has its size to a pixel: what is cut out of a page may begin between two."""
    return all(abs(a - b) <= 1 for a, b in zip(size_of(path), pictures.SIZES[path.name], strict=True))


def assert_made(images: Path, *names: str) -> None:
    """Assert that there are these pictures and no others, of their size, and that each shows something."""
    made = sorted(images.iterdir())
    assert [path.name for path in made] == sorted(names)
    assert [(path.name, size_of(path)) for path in made if not is_of_its_size(path)] == []
    assert [path.name for path in made if is_blank(path)] == []


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    if not any(shutil.which(name) for name in pictures.BROWSERS):
        pytest.skip("no Chromium on PATH")
    store = SqliteStore(tmp_path / "home" / "store.db")
    fill(store)
    lead(store)
    yield tmp_path / "home"
    store.close()


def test_docs_show_every_picture_that_is_there_and_no_other() -> None:
    assert named() == {path.name for path in pictures.IMAGES.iterdir()}


def test_docs_show_no_picture_that_nothing_makes() -> None:
    made = "\n".join(maker.read_text(encoding="utf-8") for maker in MAKERS)
    assert [name for name in sorted(named()) if not re.search(rf'(?:/ "|images/){name}"', made)] == []


def test_the_pictures_that_are_shown_are_of_their_size_and_show_something() -> None:
    assert [name for name in pictures.SIZES if not is_of_its_size(pictures.IMAGES / name)] == []
    assert [path.name for path in pictures.IMAGES.glob("*.png") if is_blank(path)] == []


@needs_browser
def test_pages_are_photographed_of_what_a_home_holds(home: Path, images: Path) -> None:
    with pictures.serving(home) as address:
        pictures.photograph(address, images)
    assert_made(images, "page-cases.png", "page-fleet.png", "page-machine.png")
    assert len({path.read_bytes() for path in images.iterdir()}) == 3


@needs_browser
def test_the_calibration_is_cut_out_of_the_report_of_a_training(home: Path, images: Path) -> None:
    nothing = {"threshold": None, "recall": None, "recall_at_budget": None, "precision": None}
    nothing |= {"lead_days_median": None, "top_k_precision": None, "roc_auc": None, "average_precision": None}
    counts = ("shutdowns", "alerted", "cases", "false_alarms", "false_alarms_per_asset_year", "confirmed")
    many = {"announced": [], "lead_days": [], "by_cause": {}, "by_segment": {}, "name": "m", "text": "m"}
    bins = [{"predicted": p, "observed": p * 0.9, "windows": 9} for p in (0.01, 0.1, 0.4)]
    told = {**nothing, **dict.fromkeys((*counts, "unexplained_per_asset_year"), 1), **many}
    model = msgspec.convert({**told, "calibration": bins}, BacktestResult)
    template = (ROOT / "chillcast" / "training" / "templates" / "report.html").read_text(encoding="utf-8")
    (place,) = re.findall(r"<figure id=.*?\{\{ calibration\|safe \}\}", template)
    drawn = model_report._svg(model_report.draw_calibration(model))
    report = home / "report.html"
    report.write_text(place.replace("{{ calibration|safe }}", drawn) + "</figure>", encoding="utf-8")
    pictures.calibrate(report, images)
    assert_made(images, "calibration.png")


def test_the_life_of_a_machine_is_drawn_of_a_simulation(tmp_path: Path, images: Path) -> None:
    pictures.live(images, "--assets", "2", "--days", "20", "--home", str(tmp_path))
    assert_made(images, "machine-life.png")


def test_the_report_of_the_forecast_is_taken_over(tmp_path: Path, images: Path) -> None:
    (tmp_path / "skill").mkdir()
    shutil.copyfile(pictures.IMAGES / "skill.png", tmp_path / "skill" / "report.png")
    pictures.judge(tmp_path, images)
    assert_made(images, "skill.png")


def test_another_kind_of_picture_is_refused() -> None:
    with pytest.raises(SystemExit, match="training REPORT"):
        pictures.main("training")
