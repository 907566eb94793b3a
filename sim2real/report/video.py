"""Videos: the final policy of a piece in simulation beside the target, from the same starts, in real time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import imageio_ffmpeg
import numpy as np
from matplotlib.font_manager import findfont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import sim2real_envs
from sim2real import randomizers
from sim2real.errors import RunFolderError
from sim2real.experiment.target_specs import world_options_of
from sim2real.policy import Policy, for_episode, load_policy
from sim2real.report.posterior import space_of
from sim2real.report.run import CEILING, Piece, Run
from sim2real.rollouts import World
from sim2real.workers import Box, WorkerPool
from sim2real_envs.parameters import Domain

Picture: TypeAlias = NDArray[np.uint8]

EPISODES = 3
SIZE = (400, 300)
"""Width and height of each side [pixels]."""
BAR = 44
"""Height of the caption above the two sides [pixels]."""
HOLD_S = 1.2
"""How long the result stays at the end of an episode [s]."""
FIRST_SEED = 2**31
"""Episodes are seeded from here on: beyond every seed that training and evaluation draw."""
INK, PAPER, MUTED, GOOD, BAD = "#1f2933", "#ffffff", "#6b7785", "#00795c", "#b94700"


@dataclass(frozen=True)
class Take:
    """One episode to film in one domain: environment, policy, seed of the start."""

    env_id: str
    options: Mapping[str, Any]
    policy: Policy
    domain: Domain
    seed: int


@dataclass(frozen=True)
class Film:
    """What one take gave: a picture per control period, the period [s], and how it ended."""

    pictures: tuple[Picture, ...]
    period: float
    success: bool
    result: str

    def frame(self, index: int) -> tuple[Picture, float, bool]:
        """Return the picture at a control step, its time [s], and whether the episode has ended by then."""
        last = len(self.pictures) - 1
        return self.pictures[min(index, last)], min(index, last) * self.period, index >= last


def write_videos(folder: Path) -> tuple[Path, ...]:
    """Film every finished policy of the first seed into ``videos/`` and return the paths; none to film gives none.

    Raises:
        RunFolderError: If ``folder`` is not the folder of a run.
    """
    run = Run(Path(folder))
    names = [name for name, piece in _filmable(run).items() if piece.seed == run.seeds[0]]
    return tuple(rollout_video(run.folder, name) for name in names)


def rollout_video(folder: Path, piece: str | None = None, episodes: int = EPISODES, output: Path | None = None) -> Path:
    """Film a piece's final policy, simulated beside target, and return the path of the mp4.

    In simulation each episode takes place in a domain drawn from the piece's final distribution; both sides begin
    alike.

    Args:
        folder: The run.
        piece: Name of the piece's folder; None for the piece with the highest success on its target.
        episodes: How many episodes, one after the other.
        output: Where to write; None for ``videos/<piece>.mp4`` in the run.

    Raises:
        RunFolderError: If there is no such piece, or it has no final policy or no pseudo-real target.
        ValueError: If ``episodes < 1``.
    """
    if episodes < 1:
        raise ValueError(f"`episodes >= 1` must hold, but got {episodes}.")
    run = Run(Path(folder))
    chosen = _piece(run, piece)
    path = Path(output) if output else run.folder / "videos" / f"{chosen.folder.name}.mp4"
    names = ("simulation", f"{run.targets[chosen.target]} target: {chosen.target}")
    with WorkerPool(2 if run.spec.get("workers", 1) > 1 else 0) as pool:
        films = (pool.map(_film, None, takes) for takes in _takes(run, chosen, episodes))
        frames = (
            _compose(names, pair, index, f"{chosen.method} · {number}/{episodes}")
            for number, pair in enumerate(films, start=1)
            for index in range(max(len(film.pictures) for film in pair) + round(HOLD_S / pair[0].period))
        )
        _encode(path, frames)
    return path


def _filmable(run: Run) -> dict[str, Piece]:
    return {piece.folder.name: piece for piece in run.pieces if (piece.folder / "policy").is_dir() and piece.truth}


def _piece(run: Run, name: str | None) -> Piece:
    filmable = _filmable(run)
    if name is None and filmable:
        rates = {(r["target"], r["method"], r["seed"]): r["real"]["rate"] or 0.0 for r in run.results}

        def rank(piece: Piece) -> tuple[bool, float]:
            return piece.method != CEILING, rates.get((piece.target, piece.method, piece.seed), 0.0)

        return max(filmable.values(), key=rank)
    if name not in filmable:
        what = "there is nothing to film" if name is None else f"{name!r} cannot be filmed"
        raise RunFolderError(
            f"{str(run.folder)!r}: {what}; a piece needs a final policy and a pseudo-real target. "
            f"Available: {', '.join(filmable) or 'none'}."
        )
    return filmable[name]


def _takes(run: Run, piece: Piece, episodes: int) -> Iterator[tuple[Take, Take]]:
    """Simulation and target of every episode, with the same seed and so the same start."""
    spec: Mapping[str, Any] = run.spec["env"]
    options = {key: value for key, value in spec.items() if key != "id"}
    options |= {"render_mode": "rgb_array", "render_size": SIZE}
    changed = world_options_of(run.spec["targets"][piece.target])
    policy, env_id = load_policy(piece.folder / "policy"), str(spec["id"])
    for episode, domain in enumerate(_drawn_domains(run, piece, episodes)):
        seed = FIRST_SEED + episode
        yield (
            Take(env_id, options, policy, domain, seed),
            Take(env_id, {**options, **changed}, policy, dict(piece.truth), seed),
        )


def _drawn_domains(run: Run, piece: Piece, episodes: int) -> list[Domain]:
    snapshot = piece.snapshots[-1]
    space = space_of(snapshot)
    randomizer = randomizers.resolve(run.method_classes[piece.method]).from_dict(space, snapshot.state).final()
    return [space.to_domain(row) for row in randomizer.sample(np.random.default_rng(FIRST_SEED), episodes).values]


def _film(box: Box, common: None, take: Take) -> Film:
    """Play one episode in a worker, which keeps its environment."""
    key = (Take, take.env_id, json.dumps(dict(take.options), sort_keys=True))
    env = box.keep(key, lambda: sim2real_envs.make(take.env_id, **take.options))
    observation, _ = env.reset(seed=take.seed, options={"domain": dict(take.domain)})
    act = for_episode(take.policy)
    pictures, over, info = [np.asarray(env.render())], False, {}
    while not over:
        action = np.asarray(act(observation), dtype=np.float32)
        observation, _, terminated, truncated, info = env.step(action)
        pictures.append(np.asarray(env.render()))
        over = terminated or truncated
    success = bool(info["is_success"])
    result = "success" if success else str(info["failure_mode"]).replace("_", " ")
    return Film(tuple(pictures), cast(World, env.unwrapped).control_period, success, result)


def _compose(names: tuple[str, str], films: tuple[Film, ...], index: int, corner: str) -> Picture:
    """Both sides at one moment under a caption, a thin line between them."""
    width, height = SIZE
    canvas = Image.new("RGB", (2 * width + 2, height + BAR), PAPER)
    draw = ImageDraw.Draw(canvas)
    bold = ImageFont.truetype(findfont("DejaVu Sans:bold"), 13)
    plain = ImageFont.truetype(findfont("DejaVu Sans"), 12)
    for side, (name, film) in enumerate(zip(names, films, strict=True)):
        left = side * (width + 2)
        picture, time, ended = film.frame(index)
        canvas.paste(Image.fromarray(picture), (left, BAR))
        draw.text((left + 10, 7), name, fill=INK, font=bold)
        colour = (GOOD if film.success else BAD) if ended else MUTED
        draw.text((left + 10, 25), f"{film.result if ended else 'running'} · {time:.2f} s", fill=colour, font=plain)
    draw.text((2 * width - 8, 25), corner, fill=MUTED, font=plain, anchor="ra")
    return np.asarray(canvas, dtype=np.uint8)


def _encode(path: Path, frames: Iterable[Picture], fps: int = 25) -> None:
    """Write an H.264 mp4 that browsers play, whole or not at all."""
    frames = iter(frames)
    first = next(frames)  # starts the workers: had they inherited the encoder's pipe, it would never see the end of it
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial.mp4")
    writer = imageio_ffmpeg.write_frames(
        str(partial),
        (2 * SIZE[0] + 2, SIZE[1] + BAR),
        fps=fps,
        codec="libx264",
        macro_block_size=2,
        output_params=["-crf", "27", "-preset", "medium", "-movflags", "+faststart", "-threads", "1"],
    )
    try:
        writer.send(None)
        for frame in itertools.chain([first], frames):
            writer.send(np.ascontiguousarray(frame))
    finally:
        writer.close()
    partial.replace(path)
