"""Videos: the final policy of a piece in simulation beside the target, from the same starts, in real time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import gymnasium
import imageio_ffmpeg
import numpy as np
from matplotlib.font_manager import findfont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import sim2real_envs
from sim2real import randomizers
from sim2real.errors import RunFolderError
from sim2real.policy import Policy, load_policy
from sim2real.report.beliefs import space_of
from sim2real.report.run import CEILING, Piece, Run
from sim2real.rollouts import World
from sim2real_envs.parameters import Domain

Picture: TypeAlias = NDArray[np.uint8]
Env: TypeAlias = gymnasium.Env[Any, Any]

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
class Side:
    """One half of the picture: what it is called, where it runs, in which domain each episode takes place."""

    name: str
    env: Env
    domains: tuple[Domain, ...]

    @property
    def period(self) -> float:
        """The control period [s]."""
        return cast(World, self.env.unwrapped).control_period


@dataclass(frozen=True)
class Shot:
    """One side at one moment; ``result`` is empty while the episode is running."""

    picture: Picture
    time: float
    result: str
    success: bool


def write_videos(folder: Path) -> tuple[Path, ...]:
    """Film every finished piece of the first seed into ``videos/`` and return the paths; nothing to film gives none.

    Raises:
        RunFolderError: If ``folder`` is not the folder of a run.
    """
    run = Run(Path(folder))
    pieces = [piece for piece in run.pieces if piece.done and piece.seed == run.seeds[0]]
    return () if run.identifies else tuple(rollout_video(run.folder, piece.folder.name) for piece in pieces)


def rollout_video(folder: Path, piece: str | None = None, episodes: int = 3, output: Path | None = None) -> Path:
    """Film a piece's final policy, simulated beside target, and return the path of the mp4.

    In simulation each episode takes place in a domain drawn from the piece's final distribution; both sides begin
    alike.

    Args:
        folder: The run.
        piece: Name of the piece's folder; None for the piece with the highest success on its target.
        episodes: How many episodes, one after the other.
        output: Where to write; None for ``videos/<piece>.mp4`` in the run.

    Raises:
        RunFolderError: If there is no such piece, or it has no policy or no simulated target.
    """
    if episodes < 1:
        raise ValueError(f"`episodes >= 1` must hold, but got {episodes}.")
    run = Run(Path(folder))
    chosen = _piece(run, piece)
    policy = load_policy(chosen.folder / "policy")
    path = Path(output) if output else run.folder / "videos" / f"{chosen.folder.name}.mp4"
    sides = _sides(run, chosen, episodes)
    try:
        pictures = (
            _compose(sides, shots, f"{chosen.method} · {episode + 1}/{episodes}")
            for episode in range(episodes)
            for shots in _episode(sides, policy, episode)
        )
        _encode(path, pictures, fps=round(1.0 / sides[0].period))
    finally:
        for side in sides:
            side.env.close()
    return path


def _piece(run: Run, name: str | None) -> Piece:
    filmable = {p.folder.name: p for p in run.pieces if (p.folder / "policy").is_dir() and p.truth}
    if name is None and filmable:
        return max(filmable.values(), key=lambda piece: _real_rate(run, piece))
    if name not in filmable:
        what = "there is nothing to film" if name is None else f"{name!r} cannot be filmed"
        raise RunFolderError(
            f"{str(run.folder)!r}: {what}; a piece needs a final policy and a pseudo-real target. "
            f"Available: {', '.join(filmable) or 'none'}."
        )
    return filmable[name]


def _real_rate(run: Run, piece: Piece) -> tuple[bool, float]:
    """Order of pieces: any method before the ceiling, then by success on the target."""
    for entry in run.summary.get("pieces", []):
        if (entry["target"], entry["method"], entry["seed"]) == (piece.target, piece.method, piece.seed):
            return piece.method != CEILING, float(entry["real"]["rate"] or 0.0)
    return piece.method != CEILING, 0.0


def _sides(run: Run, piece: Piece, episodes: int) -> tuple[Side, Side]:
    env_spec: Mapping[str, Any] = run.spec["env"]
    options = {key: value for key, value in env_spec.items() if key != "id"}
    options |= {"render_mode": "rgb_array", "render_size": SIZE}
    simulation, target = (sim2real_envs.make(str(env_spec["id"]), **options) for _ in range(2))
    return (
        Side("simulation", simulation, _drawn_domains(run, piece, episodes)),
        Side(f"{run.targets[piece.target]} target: {piece.target}", target, (piece.truth,) * episodes),
    )


def _drawn_domains(run: Run, piece: Piece, episodes: int) -> tuple[Domain, ...]:
    if not piece.snapshots:
        return ({},) * episodes
    snapshot = piece.snapshots[-1]
    space = space_of(snapshot)
    randomizer = randomizers.resolve(run.method_classes[piece.method]).from_dict(space, snapshot.state).final()
    values = randomizer.sample(np.random.default_rng(FIRST_SEED), episodes).values
    return tuple(space.to_domain(row) for row in values)


def _episode(sides: tuple[Side, Side], policy: Policy, episode: int) -> Iterator[tuple[Shot, ...]]:
    """Both sides step by step until both have ended, and then a little longer."""
    players = [_play(side, policy, episode) for side in sides]
    shots = tuple(next(player) for player in players)
    yield shots
    while any(not shot.result for shot in shots):
        shots = tuple(next(player, shot) for player, shot in zip(players, shots, strict=True))
        yield shots
    for _ in range(round(HOLD_S / sides[0].period)):
        yield shots


def _play(side: Side, policy: Policy, episode: int) -> Iterator[Shot]:
    """One side of one episode; ends with the shot that has a result."""
    env = side.env
    observation, _ = env.reset(seed=FIRST_SEED + episode, options={"domain": dict(side.domains[episode])})
    yield Shot(_picture(env), 0.0, "", False)
    over, steps = False, 0
    while not over:
        observation, _, terminated, truncated, info = env.step(np.asarray(policy(observation), dtype=np.float32))
        over, steps = terminated or truncated, steps + 1
        success = bool(info["is_success"])
        result = "" if not over else "success" if success else str(info["failure_mode"]).replace("_", " ")
        yield Shot(_picture(env), steps * side.period, result, success)


def _picture(env: Env) -> Picture:
    return np.asarray(env.render(), dtype=np.uint8)


def _compose(sides: tuple[Side, Side], shots: tuple[Shot, ...], corner: str) -> Picture:
    """Both sides under a caption bar, a thin line between them."""
    width, height = SIZE
    canvas = Image.new("RGB", (2 * width + 2, height + BAR), PAPER)
    draw = ImageDraw.Draw(canvas)
    bold = ImageFont.truetype(findfont("DejaVu Sans:bold"), 13)
    plain = ImageFont.truetype(findfont("DejaVu Sans"), 12)
    for index, (side, shot) in enumerate(zip(sides, shots, strict=True)):
        left = index * (width + 2)
        canvas.paste(Image.fromarray(shot.picture), (left, BAR))
        draw.text((left + 10, 7), side.name, fill=INK, font=bold)
        result = shot.result or "running"
        colour = MUTED if not shot.result else GOOD if shot.success else BAD
        draw.text((left + 10, 25), f"{result} · {shot.time:.2f} s", fill=colour, font=plain)
    draw.text((2 * width - 8, 25), corner, fill=MUTED, font=plain, anchor="ra")
    return np.asarray(canvas, dtype=np.uint8)


def _encode(path: Path, pictures: Iterable[Picture], fps: int) -> None:
    """Write an H.264 mp4 that browsers play, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial.mp4")
    size = (2 * SIZE[0] + 2, SIZE[1] + BAR)
    writer = imageio_ffmpeg.write_frames(
        str(partial),
        size,
        fps=fps,
        codec="libx264",
        macro_block_size=2,
        output_params=["-crf", "27", "-preset", "slow", "-movflags", "+faststart", "-threads", "1"],
    )
    try:
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture))
    finally:
        writer.close()
    partial.replace(path)
