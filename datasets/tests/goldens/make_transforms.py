"""Makes transforms.txt: affine maps, displacements and blurs by SciPy, whitening by NumPy.

    python make_transforms.py > transforms.txt

One record a line: a name, then numbers. Images are 11 x 14 (an even and an odd side), in float64 rounded to what
float32 holds, so that both sides start from the same numbers.
"""

import math

import numpy as np
from scipy import ndimage

rng = np.random.default_rng(20171026)
H, W = 11, 14


def put(name, values):
    print(name, *(f"{v:.9g}" for v in np.asarray(values, dtype=np.float64).ravel()))


def f32(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


image = f32(rng.uniform(0, 1, (H, W)))
put("image", image)

# Affine: forward A = R(angle) . [1 shear; 0 1] . diag(scale) on (x, y) about the centre, then a translation.
# SciPy wants the map from output to input on (row, column) indices.
for number, (degrees, shear, sx, sy, tx, ty, height, width) in enumerate([
    (0, 0, 1, 1, 0.25, -0.5, H, W),
    (20, 0, 1, 1, 0, 0, H, W),
    (0, 0.3, 1, 1, 0, 0, H, W),
    (0, 0, 1.2, 0.8, 0, 0, H, W),
    (-13.5, -0.2, 0.85, 1.15, 1.75, -2.25, H, W),
    (33, 0.15, 1.1, 0.9, -2.5, 3.1, 17, 20),
    (90, 0, 1, 1, 0, 0, 14, 11),
]):
    t = math.radians(degrees)
    a = np.array([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]]) @ np.array([[1, shear], [0, 1]]) @ np.diag([sx, sy])
    back = np.linalg.inv(a)[::-1, ::-1]  # on (y, x)
    middle_in, middle_out = np.array([(H - 1) / 2, (W - 1) / 2]), np.array([(height - 1) / 2, (width - 1) / 2])
    offset = middle_in - back @ (middle_out + np.array([ty, tx]))
    out = ndimage.affine_transform(image, back, offset, (height, width), order=1, mode="grid-constant", cval=0.0)
    put(f"affine{number}", [degrees, shear, sx, sy, tx, ty, height, width])
    put(f"affine{number}.out", out)
    # SciPy's other mode, "constant", is zero wherever a point lies beyond the outermost pixels' centres.
    hard = ndimage.affine_transform(image, back, offset, (height, width), order=1, mode="constant", cval=0.0)
    inside = ndimage.affine_transform(np.ones((H, W)), back, offset, (height, width), order=1, mode="constant", cval=0.0) == 1
    assert np.allclose(out[inside], hard[inside], atol=1e-12)

down, right = f32(rng.normal(0, 1.5, (H, W))), f32(rng.normal(0, 1.5, (H, W)))
rows, columns = np.mgrid[:H, :W]
put("down", down)
put("right", right)
put("displaced", ndimage.map_coordinates(image, [rows + down, columns + right], order=1, mode="grid-constant", cval=0.0))

for number, sigma in enumerate([0.0, 0.3, 1.0, 2.5, 6.0]):
    put(f"blur{number}", [sigma])
    put(f"blur{number}.out", ndimage.gaussian_filter(image, sigma, mode="constant", cval=0.0, truncate=4.0))

put("whitened", (image - image.mean()) / max(image.std(), 1 / math.sqrt(image.size)))
