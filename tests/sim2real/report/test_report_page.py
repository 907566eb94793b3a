from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim2real.errors import RunFolderError
from sim2real.report import wording, write_report

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects text and every address."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [] if tag in VOID else [tag]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\u202f", " ")


@pytest.fixture(scope="module")
def train_page(finished_train_run: Path) -> Page:
    return page_of(finished_train_run)


def page_of(folder: Path) -> Page:
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def test_the_page_needs_nothing_from_outside(train_page: Page, finished_train_run: Path) -> None:
    page = train_page
    assert sum(address.startswith("data:image/svg+xml") for address in page.addresses) == 6
    links = [address for address in page.addresses if not address.startswith("data:")]
    assert links
    assert all((finished_train_run / link).is_file() for link in links)


def test_the_page_is_small(train_page: Page, finished_train_run: Path) -> None:
    assert (finished_train_run / "report.html").stat().st_size < 1_000_000


def test_the_answer_is_one_sentence_with_its_interval(train_page: Page, finished_train_run: Path) -> None:
    rate = json.loads((finished_train_run / "summary.json").read_text())["methods"]["particles"]["real"]
    expected = (
        f"On the pseudo-real target slippery, particles succeeds in {100 * rate['rate']:.0f} % of 200 episodes (95 % "
        f"interval {100 * rate['low']:.0f} to {100 * rate['high']:.0f} %) after learning from 30 pseudo-real episodes;"
    )
    assert expected in train_page.text


def test_the_answer_says_whether_methods_can_be_told_apart(train_run: Path, train_page: Page) -> None:
    assert "The interval of particles lies apart from those of fixed and uniform." in train_page.text
    summary = json.loads((train_run / "summary.json").read_text())
    summary["methods"]["uniform"]["real"] |= {"rate": 0.8, "low": 0.75, "high": 0.86}
    (train_run / "summary.json").write_text(json.dumps(summary))
    assert "Too few episodes to tell particles from uniform: the intervals overlap." in page_of(train_run).text


def test_the_ceiling_never_wins(train_page: Page) -> None:
    text = train_page.text
    assert "oracle succeeds" not in text
    assert "oracle in" in text


def test_a_simulated_stand_in_is_never_called_real(train_page: Page) -> None:
    text = train_page.text.lower()
    assert re.findall(r"(?<!pseudo-)(?<![a-z0-9])real\b(?! time)", text.split("how to reproduce")[0]) == []


def test_an_identification_says_what_was_and_what_was_not_identified(identify_run: Path) -> None:
    text = page_of(identify_run).text
    assert "particles, fitted on 30 recordings, predicts 426 recordings it has not seen" in text
    assert "a mean position error of 13.9 mm (95 % interval 13.1 to 14.7 mm)" in text
    assert "against 92.3 mm with stock parameters" in text
    assert "against 33.1° with stock parameters" in text
    assert re.search(r"Identified: object\.friction 0\.1[89]\d* \(90 % interval", text)
    assert "not identified: object.restitution and object.mass" in text


def test_what_was_identified_is_said_of_each_target_where_there_are_several(identify_run: Path) -> None:
    spec, tosses = identify_run / "spec.yaml", identify_run / "pieces" / "cube_toss-tosses-particles-s0"
    spec.write_text(spec.read_text().replace("targets:", "targets:\n  other: {type: recording, data: cube_toss}"))
    other = Path(shutil.copytree(tosses, tosses.with_name("cube_toss-other-particles-s0")))
    done = json.loads((other / "done.json").read_text())
    done["result"]["target"] = "other"
    done["result"]["identification"]["parameters"]["object.friction"]["verdict"] = "not identified"
    done["result"]["identification"]["held_out"]["n"] = 12
    (other / "done.json").write_text(json.dumps(done))
    text = page_of(identify_run).text
    assert "particles on tosses, fitted on 30 recordings, predicts 426 recordings it has not seen" in text
    assert "particles on other, fitted on 30 recordings, predicts 12 recordings it has not seen" in text
    assert len(re.findall(r"dentified: object\.friction 0\.1[89]\d* \(90 % interval", text)) == 1
    assert "not identified: object.friction, object.restitution and object.mass" in text


def test_a_run_that_is_still_going_on_says_so(train_run: Path) -> None:
    (train_run / "summary.json").unlink()
    shutil.rmtree(train_run / "pieces" / "PandaPush-v0-slippery-oracle-s1")
    text = page_of(train_run).text
    assert "This run is not finished: 7 of 8 pieces done. Waiting for PandaPush-v0-slippery-oracle-s1." in text


def test_a_finished_run_does_not(train_page: Page) -> None:
    assert "not finished" not in train_page.text


def test_what_a_file_says_cannot_become_markup(train_run: Path) -> None:
    path = train_run / "pieces" / "PandaPush-v0-slippery-particles-s0" / "randomizer" / "round-002.json"
    data = json.loads(path.read_text())
    data["description"]["messages"] = ["<script>alert(1)</script> 93 % & more"]
    path.write_text(json.dumps(data))
    html = write_report(train_run).read_text()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 93 % &amp; more" in html


def test_small_videos_are_in_the_page_and_large_ones_are_linked(train_run: Path) -> None:
    (train_run / "videos").mkdir()
    (train_run / "videos" / "a.mp4").write_bytes(b"small")
    (train_run / "videos" / "b.mp4").write_bytes(bytes(7_000_000))
    addresses = page_of(train_run).addresses
    assert "data:video/mp4;base64,c21hbGw=" in addresses
    assert "videos/b.mp4" in addresses


def test_writing_again_replaces_the_page_and_leaves_nothing_behind(train_run: Path) -> None:
    first = write_report(train_run).read_bytes()
    assert write_report(train_run).read_bytes() == first
    assert not list(train_run.glob("*.partial"))


def test_a_broken_file_is_named(train_run: Path) -> None:
    (train_run / "summary.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"summary\.json' is not JSON"):
        write_report(train_run)


def test_a_method_that_believes_nothing_still_says_how_it_predicts() -> None:
    held_out = {"n": 426, "position_error_mm": 94.6, "rotation_error_deg": 33.0}
    sentence = wording._identified_sentence("fixed", {"parameters": {}, "held_out": held_out, "fitted_on": 0})
    assert sentence.startswith("fixed predicts 426 recordings")
    assert sentence.endswith("33.0°.")
