"""The phases of a training, and the learning rate within one."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Phase:
    size: int  # side of the pictures in pixels
    steps: int
    batch: int
    rate: float  # highest learning rate

    @staticmethod
    def parse(text: str) -> "Phase":
        size, steps, batch, rate = text.split(":")
        return Phase(int(size), int(steps), int(batch), float(rate))

    def __str__(self) -> str:
        return f"{self.size}:{self.steps}:{self.batch}:{self.rate:g}"

    def rate_at(self, step: int) -> float:
        """One cycle: up over the first 5 % of the steps, down to nothing along a cosine."""
        rise = max(1, self.steps // 20)
        if step < rise:
            return self.rate * (step + 1) / rise
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))

    @property
    def pixels(self) -> int:
        """Of one step: what its time is proportional to, roughly."""
        return self.batch * self.size**2


# Most is learnt on small pictures, which are quick; shapes of eyes, brows and lips are finished on large ones.
PHASES = [Phase(128, 4000, 16, 1.2e-3), Phase(192, 2500, 12, 8e-4), Phase(256, 5000, 8, 6e-4)]


def rescaled(phases, factor: float) -> list:
    return [replace(phase, steps=max(1, round(phase.steps * factor))) for phase in phases]
