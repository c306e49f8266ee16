"""The mistakes of 6.10, the one-cycle schedule: each an answer from settings."""

import torch

from course_utils.exercise import mistake


# --- 6.10 ---------------------------------------------------------------------------------------
def half_cosine(share):
    """From 0 to 1 along half a cosine."""
    return (1 - torch.cos(torch.pi * share)) / 2


def cycle_with(
    shape=half_cosine, up=None, down=None, first=1 / 25, last=1 / 250_000, fall_from=1.0, plus=-1,
    end=-1, scale=lambda peak: peak, warm_is=None, cut=None, over=0, down_from="peak",
):  # fmt: skip
    """An answer to 6.10 from settings.

    Parameters
    ----------
    shape, up, down : from shares of the way to [0, 1]; on the way up, on the way down
    first, last, fall_from : where the rate begins, ends and starts to fall, as a share of the peak
    plus, end : the step of the peak is warm · steps + plus, and the last one steps + end
    down_from : where the share of the way down is counted from: the "peak" or the "start"
    over : by how much too many steps the way up is divided
    cut : what becomes of the rates in the end
    """
    up, down = up or shape, down or shape

    def one_cycle(steps, peak, warm=0.3):
        warm = warm if warm_is is None else warm_is
        top, step = round(warm * steps) + plus, torch.arange(steps).double()
        rise = first + (1 - first) * up((step / (top + over)).clamp(max=1))
        origin = top if down_from == "peak" else 0
        share = ((step - origin) / (steps + end - origin)).clamp(min=0)
        fall = last + (fall_from - last) * (1 - down(share))
        rates = (scale(peak) * torch.where(step <= top, rise, fall)).float()
        return cut(rates, top) if cut else rates

    return one_cycle


def _seam(steps, peak, warm, longer):
    def along(first, last, count):
        return first + (last - first) * half_cosine(torch.linspace(0, 1, count))

    top = round(warm * steps)
    return torch.cat(
        [along(peak / 25, peak, top), along(peak, peak / 250_000, steps - top + longer)]
    )


OF_THE_CYCLE = {
    "straight": mistake(
        "Your rate runs in straight lines. "
        "Use half a cosine: (1 − cos(π·share))/2 for the share of the way.",
        shape=lambda s: s,
    ),
    "straight-up": mistake(
        "On the way up your rate runs straight. Both ways follow half a cosine.", up=lambda s: s
    ),
    "straight-down": mistake(
        "On the way down your rate runs straight. Both ways follow half a cosine.",
        down=lambda s: s,
    ),
    "whole-cosine": mistake(
        "Your cosine runs through a whole turn (2π), so the rate comes back in between. Half a "
        "cosine goes from 0 to π.",
        shape=lambda s: half_cosine(2 * s),
    ),
    "quarter-sine": mistake(
        "Your rate follows a quarter of a wave (π/2), which starts or ends steeply. Half a cosine "
        "goes from 0 to π: (1 − cos(π·share))/2.",
        up=lambda s: torch.sin(torch.pi / 2 * s),
        down=lambda s: 1 - torch.cos(torch.pi / 2 * s),
    ),
    "quarter-cosine": mistake(
        "Your rate follows a quarter of a cosine (π/2) both ways. Half a cosine goes from 0 to π: "
        "(1 − cos(π·share))/2.",
        shape=lambda s: 1 - torch.cos(torch.pi / 2 * s),
    ),
    "degrees": mistake(
        "Your cosine gets degrees. `torch.cos` takes radians: half a turn is π, not 180.",
        shape=lambda s: (1 - torch.cos(180 * s)) / 2,
    ),
    "pi-missing": mistake(
        "π is missing in the cosine: half a turn is π times the share.",
        shape=lambda s: (1 - torch.cos(s)) / 2,
    ),
    "half-missing": mistake(
        "The half is missing: 1 − cos goes from 0 to 2. Divide it by 2.",
        shape=lambda s: 1 - torch.cos(torch.pi * s),
    ),
    "starts-at-0": mistake("It starts at 0. Start at peak/25.", first=0.0),
    "starts-at-peak": mistake("It starts at the peak: the way up is missing.", first=1.0),
    "starts-at-end": mistake(
        "It starts at peak/250,000, where it should end. Start at peak/25.", first=1 / 250_000
    ),
    "ends-where-it-began": mistake(
        "It ends where it began. The way down leads to almost 0, peak/250,000.", last=1 / 25
    ),
    "ends-at-0": mistake(
        "It ends at 0. The last rate is almost 0, but not quite: peak/250,000.", last=0.0
    ),
    "ends-too-high": mistake(
        "It ends at peak/250, too high: peak/250,000 is the end, almost 0.",
        last=1 / 250,
    ),
    "ends-at-25th-of-start": mistake(
        "It ends at peak/10,000, a 10,000th of the peak. The end is peak/250,000: a 10,000th of "
        "the *start*.",
        last=1 / 10_000,
    ),
    "falls-from-start": mistake(
        "The way down starts at peak/25, so the rate jumps down after the peak. It falls from the "
        "peak.",
        fall_from=1 / 25,
    ),
    "peak-late": mistake(
        "The peak comes one step late. Steps count from 0, so it is step warm·steps − 1.", plus=0
    ),
    "peak-early": mistake(
        "The peak comes one step early. It is step warm·steps − 1.", plus=-2
    ),
    "peak-not-reached": mistake(
        "The way up does not reach the peak: the share is divided by one step too many. It is "
        "step/top, where top is the step of the peak.",
        over=1,
    ),
    "end-not-reached": mistake(
        "The way down does not reach its end: the share is divided by one step too many. The last "
        "step is steps − 1.",
        end=0,
    ),
    "end-too-early": mistake(
        "The way down reaches its end one step early: the share is divided by one step too few. "
        "The last step is steps − 1.",
        end=-2,
    ),
    "peak-twice": mistake(
        "The peak comes twice, at the end of the way up and at the start of the way down. After "
        "the peak the first rate is a little lower.",
        lambda steps, peak, warm=0.3: _seam(steps, peak, warm, 0),
    ),
    "one-too-many": mistake(
        "There is one rate too many: the peak comes twice, at the seam. Leave it out of the way "
        "down.",
        lambda steps, peak, warm=0.3: _seam(steps, peak, warm, 1),
    ),
    "peak-missing": mistake(
        "There is one rate too few: the peak, where the two ways meet, is missing.",
        cut=lambda rates, top: torch.cat([rates[:top], rates[top + 1 :]]),
    ),
    "last-missing": mistake(
        "There is one rate too few: the last one is missing. Rates are for steps 0 to steps − 1.",
        cut=lambda rates, top: rates[:-1],
    ),
    "ways-exchanged": mistake(
        "The order is wrong: it goes down first and then up. The rise comes first.",
        cut=lambda rates, top: torch.cat([rates[top + 1 :], rates[: top + 1]]),
    ),
    "rise-turned-round": mistake(
        "The first part falls where it should rise: the cosine has the wrong sign there. On the "
        "way up it is 1 − cos.",
        up=lambda s: 1 - half_cosine(s),
    ),
    "fall-turned-round": mistake(
        "The second part rises where it should fall: the cosine has the wrong sign there. On the "
        "way down it is 1 + cos.",
        down=lambda s: 1 - half_cosine(s),
    ),
    "upside-down": mistake(
        "Peak and start are swapped: the rate must rise first.",
        lambda steps, peak, warm=0.3: peak * (1 + 1 / 25) - cycle_with()(steps, peak, warm),
    ),
    "fall-by-whole-time": mistake(
        "On the way down your share is counted from the first step, so the rate jumps behind the "
        "peak. Count from the peak: (step − peak's step) / (steps left).",
        down_from="start",
    ),
    "backwards": mistake(
        "Your rates run backwards: the short way comes last. The rise is the first share, `warm`.",
        cut=lambda rates, top: rates.flip(0),
    ),
    "peak-ignored": mistake(
        "Your peak is always 1. It is the argument `peak`.", scale=lambda peak: 1.0
    ),
    "warm-written-in": mistake(
        "You wrote 0.3 into the function. The share of the way up is its argument `warm`, and the "
        "check calls it with other values.",
        warm_is=0.3,
    ),
}  # fmt: skip
