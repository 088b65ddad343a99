"""The causal model of the demo data: patient, lesion, and the appearance that follows from them.

    age ──┐                ┌─> attributes ──────────────┐
          ├─> diagnosis ───┼─> asymmetry, irregularity ─┼─> photograph <── hairs, light, ruler, position
    sex ──┘       │        ├─> colours, sharpness ──────┤
                  │        └─> size ────────────────────┘
                  └─> malignant

Every arrow is a table below, and there is no other arrow: given the diagnosis, the attributes are independent of one
another and of the patient; the properties of the photograph (hairs, light, ruler, vignette, position) depend on
nothing, nor does the site. So melanoma can be recognised only by the attributes, the shape, the colours, the size, and
the patient's age and sex.

The probabilities are near those of the ISIC 2018 training set, with two exceptions: streaks (about 0.10 instead of
0.04) and negative network (about 0.12 instead of 0.07) are raised, so that small demo sets have every class in every
subset of a split. Lesions that cover less than about 4 % of the image, a fifth of those of ISIC, are left out: at 64 px
they show no detail.
"""

import zlib
from dataclasses import dataclass

import numpy as np

ATTRIBUTES = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
DIAGNOSES = ("nv", "mel", "bkl")  # naevus, melanoma, benign keratosis

AGE_MEAN, AGE_SD, AGE_STEP, AGE_RANGE = 48.0, 20.0, 5, (5, 85)  # years; ISIC rounds to five
AGE_BANDS = (32, 52, 67)  # upper ends of all bands but the last

# P(diagnosis | sex, age band), columns nv, mel, bkl
DIAGNOSIS_GIVEN_PATIENT = {
    "female": ((0.95, 0.04, 0.01), (0.85, 0.10, 0.05), (0.63, 0.24, 0.13), (0.42, 0.39, 0.19)),
    "male": ((0.93, 0.06, 0.01), (0.79, 0.16, 0.05), (0.57, 0.30, 0.13), (0.35, 0.47, 0.18)),
}

# P(attribute | diagnosis), columns as in ATTRIBUTES
ATTRIBUTES_GIVEN_DIAGNOSIS = {
    "nv": (0.24, 0.22, 0.08, 0.64, 0.05),
    "mel": (0.27, 0.25, 0.28, 0.60, 0.30),
    "bkl": (0.05, 0.62, 0.02, 0.10, 0.02),
}

# Beta(a, b) of quantities between 0 and 1 | diagnosis: the A and the B of the ABCD rule, and how sharply pigment ends
ASYMMETRY_GIVEN_DIAGNOSIS = {"nv": (2.0, 5.0), "mel": (5.0, 2.5), "bkl": (2.0, 4.0)}
IRREGULARITY_GIVEN_DIAGNOSIS = {"nv": (2.0, 5.0), "mel": (5.0, 2.5), "bkl": (1.5, 4.0)}
SHARPNESS_GIVEN_DIAGNOSIS = {"nv": (2.0, 4.0), "mel": (3.0, 3.0), "bkl": (6.0, 2.0)}

# P(1, 2, ... colours | diagnosis)
COLOURS_GIVEN_DIAGNOSIS = {
    "nv": (0.45, 0.45, 0.10, 0.0),
    "mel": (0.05, 0.25, 0.40, 0.30),
    "bkl": (0.50, 0.40, 0.10, 0.0),
}

# share of the image that the lesion covers | diagnosis: median of a log-normal, with one spread and one range for all
SIZE_GIVEN_DIAGNOSIS = {"nv": 0.16, "mel": 0.26, "bkl": 0.15}
SIZE_LOG_SD, SIZE_RANGE = 0.8, (0.04, 0.65)

SITES = {
    "posterior torso": 0.29,
    "lower extremity": 0.20,
    "anterior torso": 0.19,
    "upper extremity": 0.18,
    "head/neck": 0.11,
    "lateral torso": 0.03,
}

REPEAT = 0.05  # P(a photograph shows the same lesion as the previous one)
MOST_PHOTOGRAPHS = 3  # of one lesion


@dataclass(frozen=True)
class Case:
    """One lesion and its patient, as drawn from the causal model.

    Attributes:
        area: Share of the image that the lesion covers in a photograph of standard zoom.
        asymmetry: 0 (round) to 1.
        irregularity: Of the border, 0 (smooth) to 1.
        sharpness: Of the border, 0 (the pigment fades) to 1 (it ends abruptly).
        colours: Number of colours, at least one.
    """

    age: int
    sex: str
    site: str
    dx: str
    attributes: frozenset[str]
    asymmetry: float
    irregularity: float
    sharpness: float
    colours: int
    area: float

    @property
    def malignant(self) -> bool:
        """Whether the lesion is a melanoma."""
        return self.dx == "mel"


def stream(seed: int, purpose: str, index: int) -> np.random.Generator:
    """Return the random number generator for one purpose of one lesion or photograph."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), index)))


def lesion_of(seed: int, index: int) -> int:
    """Return the index of the first photograph of the lesion that photograph `index` shows."""
    run = 0
    while run < index and stream(seed, "repeat", index - run).random() < REPEAT:
        run += 1
    return index - run % MOST_PHOTOGRAPHS


def draw_case(seed: int, lesion: int) -> Case:
    """Draw one lesion and its patient from the causal model, cause before effect."""
    rng = stream(seed, "case", lesion)
    age = int(np.clip(AGE_STEP * round(rng.normal(AGE_MEAN, AGE_SD) / AGE_STEP), *AGE_RANGE))
    sex = str(rng.choice(list(DIAGNOSIS_GIVEN_PATIENT)))
    site = str(rng.choice(list(SITES), p=list(SITES.values())))
    dx = str(rng.choice(DIAGNOSES, p=DIAGNOSIS_GIVEN_PATIENT[sex][int(np.searchsorted(AGE_BANDS, age))]))
    present = rng.random(len(ATTRIBUTES)) < ATTRIBUTES_GIVEN_DIAGNOSIS[dx]
    area = SIZE_GIVEN_DIAGNOSIS[dx] * np.exp(rng.normal(0, SIZE_LOG_SD))
    return Case(
        age=age,
        sex=sex,
        site=site,
        dx=dx,
        attributes=frozenset(name for name, drawn in zip(ATTRIBUTES, present, strict=True) if drawn),
        asymmetry=float(rng.beta(*ASYMMETRY_GIVEN_DIAGNOSIS[dx])),
        irregularity=float(rng.beta(*IRREGULARITY_GIVEN_DIAGNOSIS[dx])),
        sharpness=float(rng.beta(*SHARPNESS_GIVEN_DIAGNOSIS[dx])),
        colours=1 + int(rng.choice(4, p=COLOURS_GIVEN_DIAGNOSIS[dx])),
        area=float(np.clip(area, *SIZE_RANGE)),
    )
