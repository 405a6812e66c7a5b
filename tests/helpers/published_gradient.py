"""The published rasterizer's forward and backward pass in float64, all pixels of one splat at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gagavatar_nodes.rendering.covariance import UPPER_TRIANGLE, symmetric_matrices
from gagavatar_nodes.rendering.view import View
from gagavatar_nodes.types import Gaussians


class Truth(NamedTuple):
    """What `differentiate` found."""

    gradients: Gaussians
    """d loss / d each array."""
    loss: float
    capped: int
    """(splat, pixel) pairs whose alpha is over 0.99."""
    clamped: int
    """Splats that are drawn and lie beyond 1.3 times the field of view."""
    nearest: float
    """How near a pair comes to the tests at 1/255, 0.99 and 1e-4: the least relative distance."""


def differentiate(g: Gaussians, view: View, to_image: np.ndarray, to_alpha: np.ndarray) -> Truth:
    """Gradients of `(image * to_image).sum() + (alpha * to_alpha).sum()` on black by the published formulas.

    Alpha is drawn as one more channel, which is 1 for every splat.
    """
    colors = np.concatenate([g.features, np.ones((len(g), 1))], 1).astype(np.float64)
    upstream = np.concatenate([to_image, to_alpha[..., None]], 2).astype(np.float64)
    R, t = view.transform[:, :3], view.transform[:, 3]
    points = g.means.astype(np.float64) @ R.T + t
    z = points[:, 2]
    limits = 1.3 * np.array([view.width, view.height]) / (2 * view.focal)
    slopes = points[:, :2] / z[:, None]
    inside = np.abs(slopes) <= limits
    held = np.clip(slopes, -limits, limits) * z[:, None]
    J = np.zeros((len(g), 2, 3))
    J[:, [0, 1], [0, 1]] = (view.focal / z)[:, None]
    J[:, :, 2] = -view.focal * held / z[:, None] ** 2
    M = J @ R
    sigma = symmetric_matrices(g.covariances.astype(np.float64))
    cov = M @ sigma @ M.transpose(0, 2, 1) + 0.3 * np.eye(2)
    conics = np.linalg.inv(cov)
    centers = view.focal * slopes + (np.array([view.width, view.height]) - 1) / 2
    covered = _tile_masks(cov, centers, view) & (z > 0.2)[:, None, None]

    grid = np.stack(np.meshgrid(np.arange(view.width), np.arange(view.height)), -1)
    transmittance = np.ones((view.height, view.width))
    alive = np.ones_like(transmittance, bool)
    drawn, loss, nearest, capped = [], 0.0, np.inf, 0
    for i in np.argsort(z.astype(np.float32), kind="stable"):
        d = centers[i] - grid
        G = np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", d, conics[i], d))
        alpha = np.minimum(0.99, g.opacities[i] * G)
        here = alive & covered[i]
        counts = here & (alpha >= 1 / 255)
        after = transmittance * (1 - alpha)
        near = [np.abs(alpha * 255 - 1)[here], np.abs(after / 1e-4 - 1)[counts], np.abs(g.opacities[i] * G / 0.99 - 1)]
        nearest = min(nearest, *(a.min(initial=np.inf) for a in near))
        alive &= ~(counts & (after < 1e-4))
        counts &= alive
        capped += int((counts & (g.opacities[i] * G > 0.99)).sum())
        drawn.append((i, np.where(counts, alpha, 0), np.where(counts, G, 0), d, transmittance))
        loss += float((np.where(counts, alpha * transmittance, 0)[..., None] * colors[i] * upstream).sum())
        transmittance = np.where(counts, after, transmittance)

    to_colors, to_opacity = np.zeros_like(colors), np.zeros(len(g))
    to_center, to_conic = np.zeros((len(g), 2)), np.zeros((len(g), 2, 2))
    behind = np.zeros_like(upstream)  # the color that is seen behind a splat
    for i, alpha, G, d, before in reversed(drawn):
        to_colors[i] = ((alpha * before)[..., None] * upstream).sum((0, 1))
        to_alpha_i = ((colors[i] - behind) * upstream).sum(-1) * before
        behind = alpha[..., None] * colors[i] + (1 - alpha)[..., None] * behind
        to_opacity[i] = (G * to_alpha_i).sum()
        to_power = g.opacities[i] * G * to_alpha_i  # whether or not the cap held alpha
        to_center[i] = -np.einsum("hw,ij,hwj->i", to_power, conics[i], d)
        to_conic[i] = -0.5 * np.einsum("hw,hwi,hwj->ij", to_power, d, d)

    to_cov = -conics @ to_conic @ conics
    to_sigma = M.transpose(0, 2, 1) @ to_cov @ M
    to_J = 2 * to_cov @ M @ sigma @ R.T
    to_point = np.zeros_like(points)
    to_point[:, :2] = view.focal / z[:, None] * to_center
    to_point[:, 2] = -view.focal / z**2 * (points[:, :2] * to_center).sum(1)
    to_point[:, :2] += np.where(inside, -view.focal / z[:, None] ** 2 * to_J[:, :, 2], 0)
    to_point[:, 2] -= view.focal / z**2 * (to_J[:, 0, 0] + to_J[:, 1, 1])
    to_point[:, 2] += (2 * view.focal * held / z[:, None] ** 3 * to_J[:, :, 2]).sum(1)
    upper = np.stack([to_sigma[:, i, j] * (1 if i == j else 2) for i, j in UPPER_TRIANGLE], 1)
    seen = np.array([alpha.any() for _, alpha, *_ in sorted(drawn, key=lambda entry: entry[0])])
    gradients = Gaussians(to_point @ R, upper, to_opacity, to_colors[:, :-1])
    return Truth(gradients, loss, capped, int((seen & ~inside.all(1)).sum()), nearest)


def _tile_masks(cov: np.ndarray, centers: np.ndarray, view: View) -> np.ndarray:
    """[N, height, width] pixels of the 16-pixel tiles that the square of 3 sigma touches."""
    middle = np.trace(cov, axis1=1, axis2=2) / 2
    radii = np.ceil(3 * np.sqrt(middle + np.sqrt(np.maximum(0.1, middle**2 - np.linalg.det(cov)))))[:, None]
    first, last = np.trunc((centers - radii) / 16), np.trunc((centers + radii + 15) / 16)
    x, y = np.arange(view.width) // 16, np.arange(view.height) // 16
    across = (x >= first[:, :1]) & (x < last[:, :1])
    down = (y >= first[:, 1:]) & (y < last[:, 1:])
    return down[:, :, None] & across[:, None, :]
