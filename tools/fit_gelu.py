#!/usr/bin/env python3
"""Fits the polynomial of the cpu backend's GELU (include/segface/backends/cpu/math.ipp) and prints it. Needs NumPy.

GELU(x) = x F(x), F the normal distribution. F(x) = 1/2 + x g(x^2) with g smooth: g is fitted over |x| <= LARGEST by a
polynomial in t = 2 x^2 / LARGEST^2 - 1, so that the largest error of x^2 g, which is that of GELU, is least.
"""
import math

import numpy as np

LARGEST, DEGREE = 5.5, 14

t = np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)  # Chebyshev's points, denser towards the ends
u = (t + 1) / 2 * LARGEST**2
x = np.sqrt(u)
g = np.array([math.erf(v / math.sqrt(2)) / (2 * v) for v in x])
basis = np.polynomial.chebyshev.chebvander(t, DEGREE)
attention = np.ones_like(u)
for _ in range(200):  # least squares with more attention to the larger errors: towards the least largest error
    weight = (u + 1e-3) * np.sqrt(attention)
    fitted = np.linalg.lstsq(basis * weight[:, None], g * weight, rcond=None)[0]
    error = np.abs((basis @ fitted - g) * u)
    attention *= error / error.max() + 1e-3
    attention /= attention.max()

print(f"largest error of GELU, before rounding: {error.max():.1e}; coefficients of t^{DEGREE} .. t^0:")
for coefficient in np.polynomial.chebyshev.cheb2poly(fitted)[::-1]:
    print(f"{np.float32(coefficient):.9g}f")
