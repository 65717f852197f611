"""The 6D VQF once more, in plain Python and by the book: what the kernels are compared with.

Written to differ from them wherever it can: matrices as lists, trigonometry, filters as difference
equations over past values, degrees as the paper gives them, the covariance in full.
"""

import math
from collections.abc import Sequence

Row = list[float]
Matrix = list[Row]

TAU_ACC_S = 3.0
REST_TAU_S = 0.5
REST_MIN_S = 1.5
REST_GYR_DPS = 2.0
REST_ACC_MPS2 = 0.5
SIGMA_INIT_DPS = 0.5
SIGMA_MOTION_DPS = 0.1
SIGMA_REST_DPS = 0.03
FORGETTING_S = 100.0
VERTICAL_FORGETTING = 1e-4
CLIP_DPS = 2.0


def hamilton(p: Sequence[float], q: Sequence[float]) -> Row:
    scalar = p[0] * q[0] - sum(p[i] * q[i] for i in (1, 2, 3))
    vector = [
        p[0] * q[i] + q[0] * p[i] + p[j] * q[k] - p[k] * q[j]
        for i, j, k in ((1, 2, 3), (2, 3, 1), (3, 1, 2))
    ]
    return [scalar, *vector]


def unit(v: Sequence[float]) -> Row:
    length = math.sqrt(sum(x * x for x in v))
    return [x / length for x in v] if length > 0 else list(v)


def turn(q: Sequence[float], v: Sequence[float]) -> Row:
    inverse = [q[0], -q[1], -q[2], -q[3]]
    return hamilton(hamilton(q, [0.0, *v]), inverse)[1:]


def product(a: Matrix, b: Matrix) -> Matrix:
    return [[sum(row[k] * b[k][j] for k in range(len(b))) for j in range(len(b[0]))] for row in a]


def transpose(a: Matrix) -> Matrix:
    return [list(column) for column in zip(*a, strict=True)]


def inverse(a: Matrix) -> Matrix:
    """Gauss and Jordan, with pivoting."""
    n = len(a)
    work = [[*row, *(1.0 if i == j else 0.0 for j in range(n))] for i, row in enumerate(a)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(work[k][i]))
        work[i], work[pivot] = work[pivot], work[i]
        work[i] = [x / work[i][i] for x in work[i]]
        for k in range(n):
            if k != i:
                factor = work[k][i]
                work[k] = [x - factor * y for x, y in zip(work[k], work[i], strict=True)]
    return [row[n:] for row in work]


class Butterworth:
    """Second-order low-pass filter of several channels that starts with a running average."""

    def __init__(self, tau_s: float, period_s: float) -> None:
        cutoff_hz = math.sqrt(2.0) / (2.0 * math.pi * tau_s)
        k = 1.0 / math.tan(math.pi * cutoff_hz * period_s)
        norm = k * k + math.sqrt(2.0) * k + 1.0
        self.forward = (1.0 / norm, 2.0 / norm, 1.0 / norm)
        self.back = (2.0 * (1.0 - k * k) / norm, (k * k - math.sqrt(2.0) * k + 1.0) / norm)
        self.tau_s, self.period_s = tau_s, period_s
        self.seen: list[Row] = []
        self.started = False
        self.inputs: tuple[Row, Row] = ([], [])
        self.outputs: tuple[Row, Row] = ([], [])

    def __call__(self, values: Row) -> Row:
        if not self.started:
            self.seen.append(values)
            mean = [math.fsum(channel) / len(self.seen) for channel in zip(*self.seen, strict=True)]
            if len(self.seen) * self.period_s >= self.tau_s:
                self.started = True
                self.inputs = self.outputs = (mean, mean)
            return mean
        b, a = self.forward, self.back
        out = [
            b[0] * x + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
            for x, x1, x2, y1, y2 in zip(values, *self.inputs, *self.outputs, strict=True)
        ]
        self.inputs = (values, self.inputs[0])
        self.outputs = (out, self.outputs[0])
        return out


class PlainVqf:
    """One sensor with the default parameters, reading by reading."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self.turned = [1.0, 0.0, 0.0, 0.0]
        self.inclination = [1.0, 0.0, 0.0, 0.0]
        self.bias = [0.0, 0.0, 0.0]
        self.covariance = [
            [SIGMA_INIT_DPS**2 if i == j else 0.0 for j in range(3)] for i in range(3)
        ]
        self.at_rest = False
        self.still_s = 0.0
        self.rest_gyr = Butterworth(REST_TAU_S, period_s)
        self.rest_acc = Butterworth(REST_TAU_S, period_s)
        self.acc = Butterworth(TAU_ACC_S, period_s)
        self.rotation = Butterworth(TAU_ACC_S, period_s)
        self.level_bias = Butterworth(TAU_ACC_S, period_s)
        self.growth = 0.1**2 * period_s / FORGETTING_S

    @property
    def quaternion(self) -> Row:
        return hamilton(self.inclination, self.turned)

    @property
    def bias_sd_radps(self) -> float:
        bound = max(sum(abs(x) for x in row) for row in self.covariance)
        return math.radians(math.sqrt(min(bound, SIGMA_INIT_DPS**2)))

    def _disturb(self) -> None:
        self.still_s = 0.0
        self.at_rest = False

    def _weight(self, sigma_dps: float) -> float:
        """Measurement variance with which the filter settles at `sigma_dps`."""
        return sigma_dps**4 / self.growth + sigma_dps**2

    def update(self, gyr: Sequence[float], acc: Sequence[float]) -> Row:
        low_gyr = self.rest_gyr(list(gyr))
        if math.dist(gyr, low_gyr) >= math.radians(REST_GYR_DPS) or any(
            abs(x) > math.radians(CLIP_DPS) for x in low_gyr
        ):
            self._disturb()
        rate = [x - b for x, b in zip(gyr, self.bias, strict=True)]
        norm = math.hypot(*rate)
        if norm > 0:
            half = 0.5 * norm * self.period_s
            step = [math.cos(half), *(math.sin(half) / norm * x for x in rate)]
            self.turned = unit(hamilton(self.turned, step))
        if any(acc):
            self._update_acc(list(acc), low_gyr)
        return self.quaternion

    def _update_acc(self, acc: Row, low_gyr: Row) -> None:
        if math.dist(acc, self.rest_acc(acc)) >= REST_ACC_MPS2:
            self._disturb()
        else:
            self.still_s += self.period_s
            self.at_rest = self.at_rest or self.still_s >= REST_MIN_S

        ux, uy, uz = unit(turn(self.inclination, self.acc(turn(self.turned, acc))))
        cosine = math.sqrt(max(0.0, (uz + 1.0) / 2.0))
        correction = (
            [cosine, 0.5 * uy / cosine, -0.5 * ux / cosine, 0.0]
            if cosine > 1e-6
            else [0.0, 1.0, 0.0, 0.0]
        )
        self.inclination = unit(hamilton(correction, self.inclination))

        axes = [turn(self.quaternion, [1.0 if i == j else 0.0 for j in range(3)]) for i in range(3)]
        rotation = transpose(axes)
        now = [sum(rotation[i][j] * self.bias[j] for j in range(3)) for i in range(2)]
        flat = self.rotation([x for row in rotation for x in row])
        level = self.level_bias(now)
        for i in range(3):
            if self.covariance[i][i] < SIGMA_INIT_DPS**2:
                self.covariance[i][i] += self.growth
        if self.at_rest:
            h = [[1.0 if i == j else 0.0 for j in range(3)] for i in range(3)]
            errors = [low - b for low, b in zip(low_gyr, self.bias, strict=True)]
            weights = [self._weight(SIGMA_REST_DPS)] * 3
        else:
            h = [flat[0:3], flat[3:6], flat[6:9]]
            seen = [sum(h[i][j] * self.bias[j] for j in range(3)) for i in range(3)]
            errors = [
                level[0] - uy / self.period_s - seen[0],
                level[1] + ux / self.period_s - seen[1],
                -seen[2],
            ]
            motion = self._weight(SIGMA_MOTION_DPS)
            weights = [motion, motion, motion / VERTICAL_FORGETTING]
        clip = math.radians(CLIP_DPS)
        errors = [min(clip, max(-clip, e)) for e in errors]
        ph = product(self.covariance, transpose(h))
        s = product(h, ph)
        for i in range(3):
            s[i][i] += weights[i]
        gain = product(ph, inverse(s))
        change = [sum(gain[i][j] * errors[j] for j in range(3)) for i in range(3)]
        self.bias = [min(clip, max(-clip, b + c)) for b, c in zip(self.bias, change, strict=True)]
        less = product(gain, product(h, self.covariance))
        self.covariance = [[self.covariance[i][j] - less[i][j] for j in range(3)] for i in range(3)]
