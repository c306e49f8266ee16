"""Answers to 8.8 and 8.11 that make a mistake, and what is said of them."""

from course_utils.exercise import mistake

# --- 8.8 ----------------------------------------------------------------------------------------
OF_THE_CURVE = {
    "share-of-unknowns": mistake(
        "You took 0.29 of the unknowns, n. The height of the diagram is q / m: "
        "non-zeros for each measurement.",
        290,
    ),
    "delta-twice": mistake("You multiplied by 0.3 once too often.", 26),
    "measurements": mistake(
        "300 are the measurements. With as many non-zeros as equations nothing tells "
        "which places they have.",
        300,
    ),
    "half-the-measurements": mistake(
        "Half of the measurements is where a search through *all* supports could still tell. "
        "ℓ₁ gives up earlier: read the curve.",
        150,
    ),
    "divided-by-height": mistake(
        "You divided by 0.29. The height says how many non-zeros *one* measurement bears: multiply "
        "the measurements by it.",
        1034,
    ),
    "divided-by-height-unrounded": mistake(
        "You divided by 0.29. The height says how many non-zeros *one* measurement bears: multiply "
        "the measurements by it, and round down.",
        300 / 0.29,
    ),
    "divided-by-delta": mistake(
        "You divided 0.29 by 0.3. The height is q / m, and m = 0.3 · n: multiply n by both.", 966
    ),
    "divided-by-delta-unrounded": mistake(
        "You divided 0.29 by 0.3. The height is q / m, and m = 0.3 · n: multiply n by both, and "
        "round down.",
        0.29 / 0.3 * 1000,
    ),
    "height-alone": mistake(
        "0.29 is the height itself: non-zeros for each measurement. How many measurements are "
        "there, and so how many non-zeros?",
        0.29,
    ),
    "share-of-one": mistake(
        "0.087 is the share of the unknowns that may be non-zero, 0.29 · 0.3. How many are that, "
        "of 1,000?",
        0.29 * 0.3,
    ),
    "half-of-it": mistake(
        "You halved the number. That two codes may differ in 2 q places concerns the spark; the "
        "curve already counts the non-zeros of one code.",
        43,
    ),
    "half-of-it-unrounded": mistake(
        "You halved the number. That two codes may differ in 2 q places concerns the spark; the "
        "curve already counts the non-zeros of one code.",
        43.5,
    ),
    "unmeasured": mistake(
        "700 is how many more unknowns than measurements there are. The curve gives the non-zeros: "
        "0.29 for each measurement.",
        700,
    ),
    "zeros-counted": mistake(
        "913 are the zeros. The question asks for the numbers that are *not* 0.", 913
    ),
    "shares-subtracted": mistake(
        "You subtracted the two ratios. One is q / m, the other m / n: to come from n to q, "
        "multiply.",
        10,
    ),
    "shares-added": mistake(
        "You added the two ratios. One is q / m, the other m / n: to come from n to q, multiply.",
        590,
    ),
    "of-a-hundred": mistake(
        "29 are the non-zeros for 100 measurements. There are 0.3 · 1000 of them.", 29
    ),
    "one-too-few": mistake(
        "That is one too few. 0.29 · 300 is a whole number, so nothing is left to round.", 86
    ),
    "one-too-many": mistake(
        "That is one too many. 0.29 · 300 is a whole number, so nothing is left to round.", 88
    ),
    "zeros-among-measurements": mistake(
        "You took the non-zeros off the 300 measurements. The question asks for the non-zeros "
        "themselves.",
        300 - 87,
    ),
    "ten-times-too-small": mistake(
        "Your number is ten times too small. m is 0.3 · 1000 = 300 measurements; go on from there.",
        8.7,
    ),
    "ten-times-too-large": mistake(
        "Your number is ten times too large. m is 0.3 · 1000 = 300 measurements; go on from there.",
        870,
    ),
}

# --- 8.11 ---------------------------------------------------------------------------------------
ATOMS, PATCHES = 1600, 729
OF_THE_FEATURES = {
    "one-sign": mistake(
        "6,400 comes out if only one sign is counted, and also with two signs in two quadrants. "
        "Each atom gives two features in each of four quadrants.",
        4 * ATOMS,
    ),
    "quadrants-missing": mistake(
        "The quadrants are missing: each feature is summed over four parts of the image.",
        2 * ATOMS,
    ),
    "atoms": mistake("1,600 is the number of atoms. Each has two signs, in four quadrants.", ATOMS),
    "every-patch": mistake(
        "You counted every patch. Summing over quadrants leaves four places of 729.",
        PATCHES * 2 * ATOMS,
    ),
    "every-patch-one-sign": mistake(
        "You counted every patch, and one sign. Summing over quadrants leaves four places.",
        PATCHES * ATOMS,
    ),
    "every-patch-and-quadrants": mistake(
        "You counted every patch *and* the quadrants. The patches of a quadrant are added up, so "
        "their number has no say.",
        PATCHES * 2 * 4 * ATOMS,
    ),
    "patches-of-a-quadrant": mistake(
        "You divided the patches among the quadrants. They are added up there, so their number has "
        "no say: four sums are left of each feature.",
        PATCHES * 2 * ATOMS / 4,
    ),
    "patches-of-one-quadrant": mistake(
        "You counted the patches of one quadrant. They are added up there, so their number has no "
        "say: of each feature four sums are left, one for each quadrant.",
        PATCHES // 4 * 2 * ATOMS,
    ),
    "every-pixel": mistake(
        "You counted a patch at each of the 32 · 32 pixels. However many patches there are, they "
        "are added up in four quadrants.",
        32 * 32 * 2 * ATOMS,
    ),
    "places": mistake(
        "You counted places and quadrants, and no atoms. Each of 1,600 atoms gives features.",
        PATCHES * 4,
    ),
    "three-channels": mistake(
        "You counted three channels. A patch is all three at once, 108 numbers, and an atom too.",
        3 * 4 * 2 * ATOMS,
    ),
    "added": mistake(
        "You added atoms, signs and quadrants. Each atom has each sign in each quadrant: multiply.",
        ATOMS + 2 + 4,
    ),
    "divided": mistake(
        "You divided by the quadrants. Every quadrant has all features of its own: multiply.",
        ATOMS * 2 / 4,
    ),
    "sign-squares": mistake(
        "You squared the number of atoms for the two signs. Two signs double it.", ATOMS**2 * 4
    ),
    "quadrants-squared": mistake(
        "You counted 16 quadrants, four by four. There are four of them, two by two.",
        ATOMS * 2 * 16,
    ),
    "numbers-of-a-patch": mistake(
        "You multiplied by 108, the numbers of a patch. A product with an atom makes one number of "
        "them: count the 1,600 atoms.",
        108 * 2 * 4,
    ),
    "atoms-of-the-notebook": mistake(
        "You took the 64 atoms of this notebook. The question is about the paper's 1,600.",
        64 * 2 * 4,
    ),
    "largest-dictionary": mistake(
        "You took 6,000 atoms, the largest dictionary of the paper. The question has 1,600.",
        6000 * 2 * 4,
    ),
}
