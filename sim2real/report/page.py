"""The report: one self-contained HTML page of a run folder, with the figures beside it as PNG and CSV."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sim2real.report import wording
from sim2real.report.figures import draw
from sim2real.report.run import Run

PAGE = "report.html"
INLINE_VIDEO_BYTES = 6_000_000
"""Videos are held in the page up to so many bytes together; what is beyond is linked."""


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/`` of a run, finished or not, and return the page's path.

    Raises:
        RunFolderError: If ``folder`` is not the folder of a run, or cannot be written.
    """
    run = Run(Path(folder))
    drawings = draw(run)
    for drawing in drawings:
        drawing.save(run.folder / "figures")
    environment = Environment(
        loader=PackageLoader("sim2real.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html.j2").render(
        title=run.name,
        css=Markup(resources.files("sim2real.report").joinpath("templates/page.css").read_text(encoding="utf-8")),
        kind="identification" if run.identifies else "training",
        when=str(run.manifest.get("started", "")),
        status=wording.status(run),
        pseudo_real="pseudo-real" in run.targets.values(),
        target_word=run.target_word,
        question=wording.question(run),
        answer=wording.answer(run),
        tables=[*wording.success_tables(run), *wording.identification_tables(run)],
        costs=wording.cost_tables(run),
        drawings=drawings,
        videos=list(_videos(run)),
        spec=run.spec_text,
        manifest=list(_flat(run.manifest)),
        run_name=run.folder.name,
    )
    path = run.folder / PAGE
    partial = path.with_suffix(".html.partial")
    partial.write_text(html, encoding="utf-8")
    return partial.replace(path)


def _videos(run: Run) -> Iterator[dict[str, str]]:
    """Source and caption of each video: inline while there is room."""
    room = INLINE_VIDEO_BYTES
    for path in run.videos:
        size = path.stat().st_size
        source = f"videos/{path.name}"
        if size <= room:
            room -= size
            source = "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
        piece = next((piece for piece in run.pieces if piece.folder.name == path.stem), None)
        caption = f"{piece.method}, target {piece.target}, seed {piece.seed}" if piece else path.stem
        yield {"source": source, "caption": caption}


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted names and text."""
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value))
        else:
            yield name, "–" if value is None else str(value)
