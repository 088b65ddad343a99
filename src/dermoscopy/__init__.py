"""Experiments on dermoscopy images: prepare, train, sweep, compare.

Glossary, one word a concept:
    image        RGB photograph of a lesion through a dermatoscope
    mask         per-pixel annotation of one structure: the lesion, or one of its attributes
    attribute    a dermoscopic structure: globules, milia-like cysts, negative network, pigment network, streaks
    label        a yes-or-no question about an image: attribute present, melanoma, ...
    group        images that must stay on one side of a split: the same lesion or patient
    store        all images, masks and labels of a data set at one size, in one HDF5 file
    zeroing      replacing the masks a network reads by "unknown"
    availability what masks a network is given when it is judged: none, predicted, given, ...
    stage        one training with one configuration; a run is a list of stages
    arm          one choice of everything but the seed and the fold
    key          hash of all that can change the result of a stage

Shape letters: B batch, C channels, K masks, L labels, H height, W width, N images of a store.
"""
