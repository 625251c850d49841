"""Bone and teeth as a film shows them.

Sizes of teeth, sinus and canal are general knowledge of dental anatomy.
"""

import numpy as np
from numpy.random import Generator

from matching.phantoms.materials import (
    BONE,
    CHEEK_MM,
    DENTINE,
    ENAMEL,
    JAW_MM,
    SOFT_TISSUE,
    bell,
    cloud,
    smooth_step,
)
from matching.phantoms.profile import Array, ramp
from matching.phantoms.scene import Jaw, Tooth

ENAMEL_MM = 1.1
# How far below its neck a molar divides into roots.
TRUNK_MM = 3.2


def bone(rng: Generator, jaw: Jaw, u: Array, d: Array, scale: float) -> Array:
    """Attenuation of cheek and trabecular bone at (u, d) mm, both (rows, columns), on a film of
    `scale` pixels per mm."""
    slope, lift = rng.uniform(-0.06, 0.06), rng.uniform(-0.2, 0.4)
    wave = 0.25 * np.sin(u * rng.uniform(0.3, 0.6) + rng.uniform(0, 6))
    depth = d - lift - slope * u - wave.astype(np.float32) - _dishes(rng, jaw, u)
    density = rng.uniform(0.7, 1.25)
    marrow = smooth_step(depth / 0.7) * (0.92 + texture(rng, u.shape, scale))
    marrow = marrow * _landmarks(rng, jaw, u, depth)
    plate = rng.uniform(0.1, 0.4) * bell(depth - 0.45, 0.3)
    gradient = 1 + rng.uniform(0.0, 0.025) * np.clip(d, -5, 20)
    return _soft(rng, u, depth) + BONE * JAW_MM * density * (marrow + plate) * gradient


def texture(rng: Generator, shape: tuple[int, int], scale: float) -> Array:
    """Trabeculae: nets of about 0.5 and 1 mm, finer grain, and patches of denser bone."""
    strength = rng.uniform(0.6, 1.3)
    fine = np.abs(cloud(rng, shape, rng.uniform(0.35, 0.55) * scale))
    coarse = np.abs(cloud(rng, shape, rng.uniform(0.7, 1.1) * scale))
    grain = cloud(rng, shape, max(0.22 * scale, 1.0))
    net = 0.26 - 0.15 * np.sqrt(fine) - 0.15 * np.sqrt(coarse) + 0.04 * grain
    return strength * (net + 0.05 * cloud(rng, shape, 1.8 * scale)) + 0.07 * cloud(
        rng, shape, 6 * scale
    )


def _soft(rng: Generator, u: Array, depth: Array) -> Array:
    """Gum with its scalloped edge, and cheek or lip that thin out above it."""
    gum = (
        depth + rng.uniform(1.5, 3.5) + 0.5 * np.sin(u * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
    )
    cheek = rng.uniform(0.2, 1.0) * smooth_step((depth + rng.uniform(8, 20)) / rng.uniform(8, 16))
    edge = 0.55 * smooth_step(gum / rng.uniform(0.8, 2.0))
    return SOFT_TISSUE * CHEEK_MM * (cheek + edge)


def _dishes(rng: Generator, jaw: Jaw, u: Array) -> Array:
    """Bone lost around the neck of each fixture, mm."""
    lost = np.zeros_like(u)
    for placed in jaw.fixtures:
        beside = np.maximum(np.abs(u - np.float32(placed.u)) - np.float32(placed.shape.radius), 0)
        lost += np.float32(rng.uniform(0.0, 1.0)) * np.exp(-beside / np.float32(0.8))
    return lost


def _landmarks(rng: Generator, jaw: Jaw, u: Array, depth: Array) -> Array:
    """The share of the bone that is left by sinus, canal and the jaw's lower border."""
    share = np.ones_like(u)
    wave = rng.uniform(0.5, 2.0) * np.sin(u / rng.uniform(5, 9) + rng.uniform(0, 6))
    if jaw.landmark is not None and jaw.is_upper:
        below = depth - jaw.landmark - wave
        share = share * (1 - 0.72 * smooth_step(below / 0.8)) + 0.3 * bell(below + 0.2, 0.3)
    elif jaw.landmark is not None:
        off = np.abs(depth - jaw.landmark - 0.4 * wave)
        share = share - 0.22 * smooth_step((1.5 - off) / 0.6) + 0.13 * bell(off - 1.7, 0.3)
    if jaw.border is not None:
        above = jaw.border - depth + wave
        share = (share + 0.6 * bell(above - 1.2, 1.1)) * smooth_step(above / 0.5)
    return share


def tooth(rng: Generator, tooth: Tooth, x: Array, t: Array) -> tuple[Array, Array]:
    """Attenuation of a tooth, and the share (0…1) of everything else that is left there.

    x is mm across the tooth, t mm along it from its neck, positive towards the root's tip.
    """
    half, off = outline(tooth, x, t)
    chord = _thickness(tooth, x, t, half, off)
    tall = height_of(tooth, x)
    inwards = np.minimum(half - np.abs(off), t + tall)
    cap = smooth_step((ENAMEL_MM - inwards) / 0.7) * smooth_step((-t - 0.2) / 1.2)
    over = smooth_step((-t - 1.0) / 2.0)
    hard = DENTINE * np.maximum(chord - 1.8 * _pulp(tooth, off, x, t), 0)
    hard += (ENAMEL - DENTINE) * np.where(chord > 0, 0.7 * chord * cap + 2.2 * cap + 1.8 * over, 0)
    rim = np.maximum(np.abs(off) - half, t - tooth.length)
    ligament = rng.uniform(0.1, 0.22) * bell(rim - 0.13, 0.14) * (t > 0)
    lamina = rng.uniform(0.05, 0.14) * bell(rim - 0.42, 0.18) * (t > 0.6)
    return hard, 1 + lamina - ligament - 0.65 * ramp(chord / JAW_MM)


def outline(tooth: Tooth, x: Array, t: Array) -> tuple[Array, Array]:
    """Half the width of the tooth, or of the nearest of its roots, and x from the middle of
    that part (both mm)."""
    tall = height_of(tooth, x)
    up = ramp(-t / 8.0)
    neck = (0.40 if tooth.roots == 1 else 0.43) * tooth.width
    bulge = neck + (0.5 * tooth.width - neck) * smooth_step(up / 0.6) * (1 - 0.25 * up * up)
    crown = bulge * smooth_step((t + tall) / 0.25)
    along = ramp(t / tooth.length)
    if tooth.roots == 1:
        root = neck * np.sqrt(1 - along * along) * (1 - 0.35 * along)
        return np.where(t > 0, root, crown), x
    past = np.maximum(t - TRUNK_MM, 0)
    arch = 0.05 * tooth.width * np.exp(-past / 0.9)
    apart = 0.225 * tooth.width * (1 + 0.3 * along) - arch
    single = 0.205 * tooth.width * np.sqrt(1 - along * along) * (1 - 0.35 * along) + arch
    root = np.where(t > TRUNK_MM, single * (along < 1), neck)
    off = np.where(t > TRUNK_MM, np.abs(x) - apart, x)
    return np.where(t > 0, root, crown), np.where(t > 0, off, x)


def _thickness(tooth: Tooth, x: Array, t: Array, half: Array, off: Array) -> Array:
    """mm of tooth along each ray; the roots of a molar leave its trunk gradually."""
    deep = depth_of(tooth, t)
    chord = deep * _round(off, half)
    if tooth.roots == 1:
        return chord
    share = smooth_step((t - TRUNK_MM) / 2.5)
    trunk = (1 - share) * deep * _round(x, np.float32(0.43 * tooth.width))
    return np.where(t > TRUNK_MM, np.maximum((0.8 + 0.2 * share) * chord, trunk), chord)


def _round(off: Array, half: Array | np.float32) -> Array:
    """1 in the middle, 0 at the edge of a round part."""
    rounded: Array = np.sqrt(np.maximum(1 - np.square(off / np.maximum(half, 1e-3)), 0))
    return rounded * (half > 0.02)


def height_of(tooth: Tooth, x: Array) -> Array:
    """Height (mm) of the crown above the neck: cusps, or the edge of a front tooth."""
    tall = 7.2 + 0.12 * tooth.width
    if tooth.width < 7.2:
        return tall - 0.3 * np.square(x / (0.5 * tooth.width))
    cusps = 0.5 * np.cos(2 * np.pi * x / (0.52 * tooth.width))
    return tall - 0.5 - cusps - 0.8 * np.square(x / (0.5 * tooth.width))


def depth_of(tooth: Tooth, t: Array) -> Array:
    """Thickness (mm) of a tooth along the ray: most at its neck, little at edge and tip."""
    edge = 0.35 if tooth.width < 7.2 else 0.85
    above = 1 - (1 - edge) * ramp(-t / 8)
    below = 1 - 0.6 * ramp(t / tooth.length)
    return (5.0 + 0.4 * tooth.width) * above * below


def _pulp(tooth: Tooth, off: Array, x: Array, t: Array) -> Array:
    """Half the width of the pulp's shadow, mm."""
    along = ramp(t / tooth.length)
    chamber = smooth_step((0.16 * tooth.width - np.abs(x)) / 0.5) * smooth_step((3.2 + t) / 0.6)
    chamber = chamber * smooth_step((1.8 - t) / 0.6) * (tooth.roots > 1)
    canal = smooth_step((0.5 * (1 - 0.6 * along) - np.abs(off)) / 0.35)
    canal = canal * smooth_step((t + 3) / 1.0) * (t < 0.94 * tooth.length)
    return 0.8 * np.maximum(chamber, canal * ((t > 0) | (tooth.roots == 1)))
