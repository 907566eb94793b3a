"""Meshes that a software camera can draw quickly: vertices merged on a grid (Rossignac and Borrel 1993)."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.errors import EnvError
from sim2real_envs.parameters import Array

_HEADER = 84  # bytes: a comment of 80, and the number of triangles
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def merged_vertices(stl: bytes, cell: float) -> str:
    """Return a Wavefront OBJ in which the vertices within a cube of edge ``cell`` [m] are one, at their mean.

    Triangles that collapse and those that then lie on another one are left out.

    Args:
        stl: Binary STL, in m.
        cell: Edge of the grid [m].

    Raises:
        EnvError: If it is not a binary STL.
    """
    vertices, faces = _merged(_stl_triangles(stl), cell)
    lines = [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist()]
    lines += [f"f {i} {j} {k}" for i, j, k in (faces + 1).tolist()]
    return "\n".join(lines) + "\n"


@functools.lru_cache(maxsize=64)
def drawn_copy(source: Path, cell: float) -> str:
    """Return a Wavefront OBJ to be looked at: merged on a grid, with a normal at every vertex for rounded shading.

    Args:
        source: A binary STL or an OBJ, in m.
        cell: Edge of the grid [m].

    Raises:
        EnvError: If it is neither.
    """
    if source.suffix not in (".stl", ".obj"):
        raise EnvError(f"A mesh must be a binary .stl or an .obj, but got {source.name}.")
    triangles = _stl_triangles(source.read_bytes()) if source.suffix == ".stl" else _obj_triangles(source.read_text())
    vertices, faces = _merged(triangles, cell)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    areas = np.cross(b - a, c - a)  # (t, 3): twice the area of each triangle, along its normal
    normals = np.zeros_like(vertices)
    for corner in faces.T:
        np.add.at(normals, corner, areas)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    lines = [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist()]
    lines += [f"vn {x:.4g} {y:.4g} {z:.4g}" for x, y, z in normals.tolist()]
    lines += ["vt 0 0", *(f"f {i}/1/{i} {j}/1/{j} {k}/1/{k}" for i, j, k in (faces + 1).tolist())]
    return "\n".join(lines) + "\n"


def _merged(triangles: Array, cell: float) -> tuple[Array, NDArray[np.intp]]:
    """Return the vertices (v, 3) and faces (f, 3) of ``triangles`` (t, 3, 3) on a grid."""
    vertices = triangles.reshape(-1, 3)
    _, group = np.unique(np.floor(vertices / cell).astype(np.int64), axis=0, return_inverse=True)
    group = group.reshape(-1)
    sums = np.stack([np.bincount(group, vertices[:, axis]) for axis in range(3)], axis=1)
    means = sums / np.bincount(group)[:, None]
    faces = group.reshape(-1, 3)
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    used, faces = np.unique(faces[np.sort(first)], return_inverse=True)
    return means[used], faces.reshape(-1, 3)


def _obj_triangles(text: str) -> Array:
    """Return the corners of an OBJ's triangles, (t, 3, 3) m; faces with more corners are cut into fans."""
    rows = [line.split() for line in text.splitlines() if line[:2] in ("v ", "f ")]
    vertices = np.array([list(map(float, row[1:4])) for row in rows if row[0] == "v"])
    faces = [[int(corner.split("/")[0]) - 1 for corner in row[1:]] for row in rows if row[0] == "f"]
    fans = [(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)]
    corners: Array = vertices[np.array(fans)]
    return corners


def _stl_triangles(stl: bytes) -> Array:
    """Return the corners of the triangles, (t, 3, 3) m."""
    count = int.from_bytes(stl[80:_HEADER], "little")
    if len(stl) != _HEADER + count * _TRIANGLE.itemsize:
        raise EnvError(
            f"A binary STL of {count} triangles has {_HEADER + count * _TRIANGLE.itemsize} bytes, not {len(stl)}."
        )
    corners: Array = np.frombuffer(stl, _TRIANGLE, offset=_HEADER)["corners"].astype(np.float64)
    return corners
