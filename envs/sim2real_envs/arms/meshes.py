"""Meshes that a software camera can draw quickly: vertices merged on a grid (Rossignac and Borrel 1993)."""

from __future__ import annotations

import numpy as np

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
    triangles = _triangles(stl)  # (t, 3, 3)
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
    lines = [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in means[used].tolist()]
    lines += [f"f {i} {j} {k}" for i, j, k in (faces.reshape(-1, 3) + 1).tolist()]
    return "\n".join(lines) + "\n"


def _triangles(stl: bytes) -> Array:
    """Return the corners of the triangles, (t, 3, 3) m."""
    count = int.from_bytes(stl[80:_HEADER], "little")
    if len(stl) != _HEADER + count * _TRIANGLE.itemsize:
        raise EnvError(
            f"A binary STL of {count} triangles has {_HEADER + count * _TRIANGLE.itemsize} bytes, not {len(stl)}."
        )
    corners: Array = np.frombuffer(stl, _TRIANGLE, offset=_HEADER)["corners"].astype(np.float64)
    return corners
