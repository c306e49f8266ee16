"""Answers to the exercises of workbook 07 that make a mistake, and what is said of them."""

from itertools import pairwise

from torch import nn

from course_utils.exercise import mistake
from course_utils.judging.observation import Stopped

# --- 7.1 ----------------------------------------------------------------------------------------
OF_THE_CODE_SIZE = {
    "maps-only": mistake("32 is the number of maps. Each of them still has rows and columns.", 32),
    "one-map-only": mistake("16 is one map of 4×4. The last layer makes 32 of them.", 16),
    "one-side-or-no-padding": mistake(
        "128 is 32 · 4, one side of a 4×4 map for the whole map; it also comes out as 32 · 2 · 2, "
        "if the padding is forgotten (32 → 15 → 6 → 2), and as 8 · 4 · 4, with the first layer's "
        "maps. The code has all places of all maps of the last layer.",
        128,
    ),
    "third-layer-missing": mistake(
        "2,048 stops before the third layer: it is 8 · 16 · 16, behind the first layer, and also "
        "32 · 8 · 8, with a side halved twice. All three layers halve both sides.",
        32 * 8 * 8,
    ),
    "behind-second-layer": mistake(
        "1,024 is 16 · 8 · 8, what comes out of the second layer. The third halves both sides once "
        "more, and has more maps.",
        16 * 8 * 8,
    ),
    "halved-once": mistake(
        "8,192 halves the sides only once: 32 · 16 · 16. Three layers do.", 32 * 16 * 16
    ),
    "never-halved": mistake(
        "32,768 is 32 maps of 32×32: no side is halved. With stride 2 each layer halves both "
        "sides.",
        32**3,
    ),
    "image": mistake(
        "3,072 is the image: 3 · 32 · 32. What comes out of the third layer?", 3 * 32 * 32
    ),
    "colours-for-maps": mistake(
        "48 is 3 · 4 · 4. With 4 · 4 places, the 3 cannot be colours: behind the first layer "
        "there are maps only. If 4 · 4 is the kernel, these are the weights of one filter; what "
        "comes out of the last layer is asked for. 32 + 16 is 48 as well: multiply the two.",
        3 * 4 * 4,
    ),
    "colours-kept": mistake(
        "1,536 counts each map three times, once for each colour. The first layer has mixed the "
        "three channels already; after it there are maps, and no colours.",
        3 * 32 * 4 * 4,
    ),
    "second-layer-maps": mistake(
        "256 is 16 · 4 · 4: the places are right, but the maps are the second layer's. How many "
        "come out of the last one?",
        16 * 4 * 4,
    ),
    "ratio": mistake(
        "6 is how many *times* smaller the code is. The question is how many numbers it has.", 6
    ),
    "ratio-upside-down": mistake(
        "That is the code as a share of the image. The question is how many numbers it has.", 1 / 6
    ),
    "side-divided-by-kernel": mistake(
        "You divided each side by 4 in every layer, which is the kernel's size. It is the stride, "
        "2, that halves it.",
        32 * (32 / 4**3) ** 2,
    ),
    "stride-missing": mistake(
        "Your side shrinks by a few pixels only: the stride is missing. With stride 2, kernel 4 "
        "and padding 1 each layer halves the side.",
        32 * 29 * 29,
    ),
    "parameters": mistake(
        "That is the number of the encoder's weights and biases. "
        "Count the numbers that come out of its last layer.",
        10_680,
    ),
}

# --- 7.2 ----------------------------------------------------------------------------------------
OF_THE_GROWN_SIZES = {
    "padding-forgotten-or-n": mistake(
        "This pair comes out if the padding is left out, and also if 4 stamps are taken to make 4 "
        "steps (n for n − 1). Between 4 stamps lie 3 steps, and p is cut off at *both* ends.",
        (9, 10),
    ),
    "doubled-or-cut-once": mistake(
        "Three slips give this pair: doubling, n · s; cutting the padding off at one end only; and "
        "k = 4, as in the example above. Here k is 3, 4 stamps make 3 steps, and p is cut off at "
        "both ends.",
        (8, 9),
    ),
    "doubled-twice": mistake(
        "You doubled both times: n · s. But 4 stamps make only 3 steps, the last stamp is k long, "
        "and (b) is larger than (a) by the output padding.",
        (8, 8),
    ),
    "output-padding-at-both-ends": mistake(
        "9 comes out if the output padding is added at both ends. It goes to one end only.", (7, 9)
    ),
    "output-padding-ignored": mistake(
        "7 comes out without an output padding. It adds that much to the output, at one end.",
        (7, 7),
    ),
    "output-padding-subtracted": mistake(
        "6 comes out if the output padding is taken off. It is added, at one end.", (7, 6)
    ),
    "output-padding-times-stride": mistake(
        "11 is four more than 7. An output padding of 1 adds one place at one end; the stride has "
        "nothing to do with it.",
        (7, 11),
    ),
    "padding-added": mistake(
        "You added the padding, as before an ordinary convolution. Here it means the opposite: p "
        "numbers are cut off at both ends.",
        (11, 12),
    ),
    "ordinary-convolution": mistake(
        "That is how a *convolution* shrinks. A transposed one grows: solve its formula for n.",
        (2, 3),
    ),
    "ordinary-convolution-twice": mistake(
        "That is how a *convolution* shrinks, and the output padding changes nothing. A transposed "
        "one grows, and the output padding adds to it.",
        (2, 2),
    ),
    "kernel-or-stride-missing": mistake(
        "This pair comes out if the kernel's own size is left out, and also if the stamps lie one "
        "place apart (no stride). The last stamp is k long, and stamps lie s places apart.",
        (4, 5),
    ),
    "kernel-one-shorter": mistake(
        "Your pair is one too small: the last stamp is k long, not k − 1.", (6, 7)
    ),
}


# --- 7.3 ----------------------------------------------------------------------------------------
def stack(*channels, kernel=4, extra=0, padding=1, between=nn.ReLU, end=nn.Sigmoid, up=None):
    """Builder of a decoder with transposed convolutions of stride 2 between these channels."""

    def decoder():
        layers = []
        for inputs, outputs in pairwise(channels):
            options = {} if up else {"output_padding": extra}
            layer = up or nn.ConvTranspose2d
            layers += [layer(inputs, outputs, kernel, 2, padding, **options), between()]
        return nn.Sequential(*layers[:-1], *(end if isinstance(end, list) else [end()]))

    return decoder


def _exchanged_channels():
    pairs = ((16, 32), (8, 16), (3, 8))
    return nn.Sequential(*(nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in pairs), nn.Sigmoid())


def _one_layer():
    return nn.Sequential(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU())


def _list_of_layers():
    return [nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Sigmoid()]


def _stopped_with(words):
    return lambda observation: isinstance(observation, Stopped) and words in observation.text


FACTS = ("shape", "layers", "shrinks", "smallest", "largest", "adds up to 1", "bends", "learns")


def facts_of_a_decoder(observation):
    """By name, what was observed of a decoder.

    Shape of what came out; number of convolutions; whether one is ordinary and has a stride; for
    huge codes the smallest and largest value, and whether the numbers along an axis add up to 1;
    whether the network is more than one linear map, and whether with all weights at 0 no code has
    a say any more.
    """
    return dict(zip(FACTS, observation, strict=False))


def _pictures(test):
    """A predicate on the facts of a decoder."""
    return lambda observation: (
        not isinstance(observation, Stopped) and test(facts_of_a_decoder(observation))
    )


OF_THE_DECODER = {
    "ordinary-convolutions": mistake(
        "Your layers are ordinary convolutions, and with a stride they make maps smaller. To grow "
        "them, take `nn.ConvTranspose2d`.",
        when=_pictures(lambda facts: facts["shrinks"]),
        example=stack(32, 16, 8, 3, up=nn.Conv2d),
    ),
    "list-of-layers": mistake(
        "Your function gives a plain list, which cannot be applied to a code. Wrap the layers: "
        "`nn.Sequential(*layers)`.",
        _list_of_layers,
    ),
    "channels-exchanged": mistake(
        "In and out have changed places: `nn.ConvTranspose2d` takes the channels that come *in* "
        "first and those that go *out* second. The first layer takes the code's 32 channels.",
        when=_stopped_with("weight of size [16, 32"),
        example=_exchanged_channels,
    ),
    "channels-do-not-meet": mistake(
        "The shapes do not fit together. The code arrives as (N, 32, 4, 4): the first layer "
        "takes 32 channels, each other one takes what the layer before it makes.",
        when=_stopped_with("channels, but got"),
        example=stack(16, 8, 8, 3),
    ),
    "one-layer": mistake(
        "Your network has a single layer with weights, so the sides double only once. If you build "
        "it in a loop, `return` belongs behind the loop.",
        when=_pictures(lambda facts: facts["layers"] == 1 and facts["shape"][-1] != 32),
        example=_one_layer,
    ),
    "off-by-one-25": mistake(
        "Your pictures are 25×25: each layer is off by one, 4 → 7 → 13 → 25. "
        "A kernel of 4 doubles exactly; so does a kernel of 3 with output_padding=1.",
        when=_pictures(lambda facts: facts["shape"][-2:] == (25, 25)),
        example=stack(32, 16, 8, 3, kernel=3),
    ),
    "one-too-many-39": mistake(
        "Your pictures are 39×39: each layer gives one place too many, 4 → 9 → 19 → 39, as with "
        "output_padding=1 beside a kernel of 4, without padding beside a kernel of 3, or with a "
        "kernel of 5. A kernel of 4 with padding=1 doubles exactly.",
        when=_pictures(lambda facts: facts["shape"][-2:] == (39, 39)),
        example=stack(32, 16, 8, 3, extra=1),
    ),
    "nothing-cut-46": mistake(
        "Your pictures are 46×46: nothing is cut off, 4 → 10 → 22 → 46. Use padding=1.",
        when=_pictures(lambda facts: facts["shape"][-2:] == (46, 46)),
        example=stack(32, 16, 8, 3, padding=0),
    ),
    "not-32": mistake(
        "Your pictures are not 32×32. Each of three layers has to double both sides.",
        when=_pictures(lambda facts: facts["shape"][-2:] != (32, 32)),
        example=stack(32, 16, 3),
    ),
    "not-three-channels": mistake(
        "Your pictures do not have three channels. The last layer makes red, green and blue.",
        when=_pictures(lambda facts: facts["shape"][1] != 3),
        example=stack(32, 32, 16, 8),
    ),
    "above-1": mistake(
        "Values above 1 come out. A ReLU at the end stops at 0 only; "
        "a sigmoid (or a clamp) keeps both ends.",
        when=_pictures(lambda facts: facts["smallest"] >= 0 and facts["largest"] > 1),
        example=stack(32, 16, 8, 3, end=nn.ReLU),
    ),
    "below-0": mistake(
        "Values below 0 come out. Pixels lie between 0 and 1: end with a sigmoid "
        "(or a clamp) behind the last layer.",
        when=_pictures(lambda facts: facts["smallest"] < 0),
        example=stack(32, 16, 8, 3, end=nn.Identity),
    ),
    "softmax": mistake(
        "Along one axis all numbers of yours add up to 1, as a softmax makes them (over the "
        "channels: red, green and blue), so black and white are out of reach. A sigmoid treats "
        "each number by itself.",
        when=_pictures(lambda facts: facts["adds up to 1"]),
        example=stack(32, 16, 8, 3, end=lambda: nn.Softmax(1)),
    ),
    "never-dark": mistake(
        "Nothing darker than 0.5 can come out: whatever reaches your sigmoid is 0 or more, as "
        "behind a ReLU. Let the last layer's numbers go into the sigmoid as they are.",
        when=_pictures(lambda facts: facts["smallest"] >= 0.5),
        example=stack(32, 16, 8, 3, end=[nn.ReLU(), nn.Sigmoid()]),
    ),
    "squashed-between": mistake(
        "Only greys between about a quarter and three quarters come out, however large the code: "
        "something squashes the numbers too early or once too often, such as a sigmoid or tanh "
        "between the layers, or two at the end. Put ReLUs between them and one sigmoid at the end.",
        when=_pictures(lambda facts: facts["smallest"] >= 0.25 and facts["largest"] <= 0.75),
        example=stack(32, 16, 8, 3, between=nn.Sigmoid),
    ),
    "never-bright": mistake(
        "Nothing brighter than about a half can come out of your network, whatever the code. Its "
        "numbers should reach from 0 to 1.",
        when=_pictures(lambda facts: facts["largest"] < 0.75),
        example=stack(32, 16, 8, 3, end=lambda: _Halved()),
    ),
    "past-the-weights": mistake(
        "Something of the code reaches your pictures past all weights that training changes. "
        "Every number of a picture is made by layers with weights: `nn.ConvTranspose2d`.",
        when=_pictures(lambda facts: facts["learns"] is False),
        example=lambda: nn.Sequential(
            nn.PixelShuffle(2), nn.Upsample(scale_factor=4), _FirstThree(), nn.Sigmoid()
        ),
    ),
    "nothing-bends": mistake(
        "There is nothing that bends between your layers, so they collapse into one. "
        "Put a ReLU behind each but the last.",
        when=_pictures(lambda facts: facts["bends"] is False),
        example=stack(32, 16, 8, 3, between=nn.Identity),
    ),
}


class _FirstThree(nn.Module):
    def forward(self, x):
        """Three of the maps."""
        return x[:, :3]


class _Halved(nn.Module):
    def forward(self, x):
        """Half of a sigmoid."""
        return x.sigmoid() / 2


# --- 7.4 ----------------------------------------------------------------------------------------
OF_THE_SUM = {
    "mean": mistake(
        "0.01 is the mean over the numbers of an image. The formula adds all 3,072 of them.", 0.01
    ),
    "one-plane": mistake(
        "You multiplied by the pixels of one plane. An image has three planes.", 0.01 * 32 * 32
    ),
    "count-only": mistake(
        "3,072 is how many numbers there are. The sum is that times their mean.", 3072
    ),
    "divided": mistake(
        "You divided by the number of numbers. The mean was already divided by it: multiply.",
        0.01 / 3072,
    ),
    "root-first": mistake(
        "You took the root first. The formula squares each difference and adds; no root is taken.",
        0.1 * 3072,
    ),
    "length": mistake(
        "You took a root: that is the length of the difference. The formula has its square.",
        (0.01 * 3072) ** 0.5,
    ),
    "root-of-mean": mistake(
        "0.1 is the root of the mean: how far a single number is off, typically. The formula adds "
        "the squares of all 3,072 numbers, and takes no root.",
        0.1,
    ),
    "one-side": mistake(
        "You multiplied by one side. An image holds 3 · 32 · 32 numbers.", 0.01 * 32
    ),
    "rows-or-columns-missing": mistake(
        "You multiplied by 3 · 32: the channels and one side. An image has 32 rows *and* 32 "
        "columns in each channel.",
        0.01 * 3 * 32,
    ),
    "channels-only": mistake(
        "You multiplied by the three channels alone. Each of them has 32 · 32 pixels.", 0.01 * 3
    ),
    "code-for-image": mistake(
        "You multiplied by 512, the length of the code. The error is one of images: how many "
        "numbers does an image hold?",
        0.01 * 512,
    ),
    "squared-again": mistake(
        "You squared the 0.01. It is a mean of *squared* differences already.", 0.01**2 * 3072
    ),
    "sum-squared": mistake(
        "You squared the sum. The 0.01 is a mean of *squared* differences already, so all that is "
        "left is to add them up.",
        (0.01 * 3072) ** 2,
    ),
    "bytes": mistake(
        "You multiplied by 255² to come back to grey levels. The images go from 0 to 1 here, and "
        "so does the error that F.mse_loss gives.",
        0.01 * 3072 * 255**2,
    ),
    "bytes-once": mistake(
        "You multiplied by 255 to come back to grey levels. The images go from 0 to 1 here, and "
        "so does the error that F.mse_loss gives.",
        0.01 * 3072 * 255,
    ),
    "whole-batch": mistake(
        "You multiplied by 32 once too often, as for a batch of 32 images. One image holds "
        "3 · 32 · 32 numbers.",
        0.01 * 3072 * 32,
    ),
}
