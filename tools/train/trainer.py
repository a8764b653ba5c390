"""The training loop: batches in a fixed order, averaged weights, checkpoints to resume from, progress."""

import copy
import time

import numpy as np
import torch
from torch.utils.data import DataLoader

from loss import loss
from network import normalise, save_checkpoint
from pool import Pool, Shown

DECAY = 0.998  # of the average of the weights, a step
REPORT_EVERY = 20  # steps


class Trainer:
    def __init__(self, model, options, phases):
        self.options, self.phases = options, phases
        self.device = torch.device(options.device)
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}], betas=(0.9, 0.98)
        )
        self.pool = Pool(options.pool, options.seed, options.render_size)
        self.step = 0  # in all phases together
        options.run.mkdir(parents=True, exist_ok=True)
        self.log = open(options.run / "log.txt", "a")

    def run(self) -> None:
        self.say(
            f"{sum(p.numel() for p in self.model.parameters()) / 1e6:.1f} M parameters on {self.device}, phases "
            f"(pixels:steps:batch:rate) {' '.join(map(str, self.phases))}, from step {self.step}"
        )
        first = 0
        for phase in self.phases:
            if self.step < first + phase.steps:
                self._run_phase(phase, first)
            if self._stopped():
                break
            first += phase.steps
        self.save()
        self.say(f"{self.options.run / 'model_299.pt'}: averaged weights after {self.step} steps")

    def _stopped(self) -> bool:
        return self.options.stop_after is not None and self.step >= self.options.stop_after

    def _run_phase(self, phase, first) -> None:
        shown_before = sum(p.steps * p.batch for p in self.phases[: self.phases.index(phase)])
        items = [
            self._items(shown_before + (step - first) * phase.batch, phase.batch)
            for step in range(self.step, first + phase.steps)
        ]
        loader = DataLoader(
            Shown(self.pool, phase.size),
            batch_sampler=items,
            num_workers=self.options.workers,
            persistent_workers=False,
            pin_memory=self.device.type == "cuda",
        )
        shown, since, sums = 0, time.perf_counter(), np.zeros(2)
        for pictures, labels in loader:
            rate = phase.rate_at(self.step - first)
            sums += self._learn(pictures, labels, rate)
            self.step += 1
            shown += 1
            if shown == REPORT_EVERY or self.step == first + phase.steps:
                seconds = (time.perf_counter() - since) / shown
                self.say(
                    f"step {self.step:6} {phase.size} px  loss {sums[0] / shown:.4f}  cross-entropy "
                    f"{sums[1] / shown:.4f}  rate {rate:.1e}  {phase.batch / seconds:.1f} images/s  "
                    f"{self._left(phase, seconds):.2f} h left"
                )
                shown, since, sums = 0, time.perf_counter(), np.zeros(2)
            if self.step % self.options.save_every == 0:
                self.save()
            if self._stopped():
                return

    def _items(self, place, batch):
        """(face, seed of its changes) of one batch; each face is shown once before any is shown again."""
        faces = self.options.faces
        return [
            (int(self._order(place // faces)[place % faces]), (self.options.seed, place))
            for place in range(place, place + batch)
        ]

    def _order(self, epoch):
        if getattr(self, "_epoch", None) != epoch:
            self._epoch = epoch
            self._permutation = np.random.default_rng([self.options.seed, epoch]).permutation(self.options.faces)
        return self._permutation

    def _learn(self, pictures, labels, rate):
        """One step; -> loss and cross-entropy."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        image = normalise(pictures.to(self.device, non_blocking=True))
        labels = labels.to(self.device, non_blocking=True).long()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=not self.options.no_bf16):
            logits = self.model(image)
        value, entropy = loss(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimizer.step()
        self._average_weights()
        return value.item(), entropy.item()

    @torch.no_grad()
    def _average_weights(self):
        decay = min(DECAY, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.average.state_dict().values(), self.model.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def _left(self, phase, seconds) -> float:
        """Hours, taking a step's time as proportional to its pixels."""
        ends = np.cumsum([p.steps for p in self.phases])
        remaining = sum(p.pixels * min(p.steps, max(0, int(end) - self.step)) for p, end in zip(self.phases, ends))
        return remaining * seconds / phase.pixels / 3600

    def save(self) -> None:
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "phases": list(map(str, self.phases)),
        }
        part = self.options.run / "last.part"
        torch.save(state, part)
        part.replace(self.options.run / "last.pt")
        save_checkpoint(self.average, self.options.run / "model_299.pt", epoch=299, iteration=self.step)

    def resume(self) -> None:
        path = self.options.run / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["phases"] != list(map(str, self.phases)):
            raise SystemExit(f"{path} was made with phases {' '.join(state['phases'])}: give the same, or a new folder")
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def say(self, text: str) -> None:
        print(text, flush=True)
        print(text, file=self.log, flush=True)
