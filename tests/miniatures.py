"""Miniatures of public dermoscopy data sets: their folders, names, columns, spellings and quirks, with drawn images.

A loader that reads a miniature should read the real download. Layouts were looked up, not guessed; the pictures and
nearly all values are made up; only names and spellings are real. Pictures show a dark blob on skin, with 40 to 80
pixels a side. A name always gives the same picture, so that sets which share images in reality share them here, too.
Everything is deterministic, to the byte.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zlib import crc32

import h5py
import numpy as np
from numpy.typing import NDArray
from openpyxl import Workbook
from PIL import Image

SIZES = ((60, 45), (64, 48), (72, 54), (64, 64), (80, 53), (48, 64))  # width and height

# As in HAM10000_metadata.csv, where rows are in the order of the diagnoses. Part 1 ends with ISIC_0029305.
HAM10000 = """\
HAM_0000203,ISIC_0027415,bkl,histo,80.0,male,scalp,vidir_modern
HAM_0000203,ISIC_0031025,bkl,histo,80.0,male,scalp,rosendahl
HAM_0000203,ISIC_0024711,bkl,histo,80.0,male,scalp,vidir_modern
HAM_0001466,ISIC_0025964,bkl,confocal,70.0,female,face,vidir_modern
HAM_0002511,ISIC_0033107,nv,follow_up,45.0,male,back,vidir_molemax
HAM_0002511,ISIC_0024307,nv,follow_up,45.0,male,back,vidir_molemax
HAM_0003017,ISIC_0030422,nv,histo,,unknown,unknown,vienna_dias
HAM_0003588,ISIC_0024306,nv,consensus,0.0,female,genital,vidir_modern
HAM_0004120,ISIC_0029305,nv,follow_up,35.0,female,trunk,vidir_molemax
HAM_0004733,ISIC_0029306,df,histo,50.0,female,lower extremity,vidir_modern
HAM_0005264,ISIC_0034320,mel,histo,65.0,male,upper extremity,rosendahl
HAM_0005264,ISIC_0028190,mel,histo,65.0,male,upper extremity,rosendahl
HAM_0005901,ISIC_0026377,mel,histo,,female,acral,vienna_dias
HAM_0006442,ISIC_0032258,vasc,consensus,5.0,male,chest,vidir_modern
HAM_0006810,ISIC_0027954,bcc,histo,75.0,female,neck,rosendahl
HAM_0007155,ISIC_0030870,akiec,histo,85.0,male,hand,rosendahl
"""

# Image, histology, class (0 common, 1 atypical, 2 melanoma), asymmetry, network, dots/globules, streaks, regression,
# veil, numbers of the colours. Rows are in the order of the classes, not of the names.
PH2 = """\
IMD003,,0,0,T,A,A,A,A,4
IMD009,,0,0,T,A,A,A,A,3
IMD016,,0,0,T,T,A,A,A,3 4
IMD035,Compound Nevus,0,2,AT,AT,A,A,A,3 4
IMD146,,0,1,T,A,P,A,A,3
IMD002,,1,1,T,A,A,A,A,3 4
IMD013,,1,0,AT,AT,A,A,A,3 4
IMD033,,1,0,AT,T,A,A,A,3 6
IMD057,,1,1,AT,AT,A,A,A,4 6
IMD169,Dysplastic Nevus,1,0,AT,AT,A,P,P,4 5
IMD210,,1,2,AT,AT,A,A,P,3 4 5
IMD014,,1,0,T,AT,A,A,A,3
IMD058,Melanoma,2,2,AT,AT,P,P,P,1 4 5 6
IMD061,Melanoma,2,2,AT,A,A,P,P,1 2 4 5
IMD063,Melanoma,2,2,AT,AT,P,A,P,3 4 5 6
IMD405,Melanoma,2,2,AT,A,A,P,A,1 2 3
"""
PH2_CLASSES = ("Common Nevus", "Atypical Nevus", "Melanoma")
PH2_COLOURS = ("White", "Red", "Light-Brown", "Dark-Brown", "Blue-Gray", "Black")
PH2_CRITERIA = {  # with the legend that the header of the spreadsheet adds
    "Asymmetry": "(0/1/2)",
    "Pigment Network": "(AT/T)",
    "Dots/Globules": "(A/AT/T)",
    "Streaks": "(A/P)",
    "Regression Areas": "(A/P)",
    "Blue-Whitish Veil": "(A/P)",
}
PH2_REGIONS = {  # names of files, as in the real set; images that are missing here have no folder of regions
    "IMD002": ("R1_Label4", "R2_Label3"),
    "IMD003": ("R1_Label4",),
    "IMD013": ("R1_Label4", "R2_Label3"),
    "IMD014": ("R1_Label3", "R2_Label3"),
    "IMD033": ("R1_Label6", "R2_Label6", "R3_Label3"),
    "IMD057": ("R1_Label4", "R2_Label"),
    "IMD146": ("R1_LabelStreaks",),
    "IMD169": ("R1_Label5", "R2_Label4", "R3_Label4"),
    "IMD210": ("R1_Label3", "R2_Label5", "R3_Label4", "R4_Label4"),
}
PH2_LEGENDS = """\
Legends for Clinical Diagnosis: \n   0 - Common Nevus;\n   1 - Atypical Nevus;\n   2 - Melanoma.\n
Legends for Asymmetry: \n   0 - Fully Symmetric;\n   1 - Symetric in 1 axe;\n   2 - Fully Asymmetric;\n
Legends for Pigment Network, Dots/Globules, Streaks, Regression Areas, and Blue-Whitish Veil: \
\n   A  - Absent;\n   AT - Atypical;\n   P  - Present;\n   T  - Typical.\n
Legends for Colors: \n   1 - White;\n   2 - Red;\n   3 - Light-Brown;\n   4 - Dark-Brown;\n   5 - Blue-Gray;\
\n   6 - Black.
"""

ISIC2016_TRAINING = """\
ISIC_0000000,benign
ISIC_0000001,benign
ISIC_0000002,malignant
ISIC_0000004,malignant
ISIC_0000006,benign
ISIC_0000007,benign
ISIC_0000008,benign
ISIC_0000030,malignant
ISIC_0011402,benign
"""
ISIC2016_TEST = """\
ISIC_0000003,0.0
ISIC_0000012,0.0
ISIC_0000013,1.0
ISIC_0000014,0.0
ISIC_0009895,1.0
"""

# Image, melanoma, seborrheic keratosis, age, sex
ISIC2017 = {
    "Training": """\
ISIC_0000000,0.0,0.0,55,female
ISIC_0000001,0.0,0.0,30,female
ISIC_0000002,1.0,0.0,60,female
ISIC_0000004,1.0,0.0,80,male
ISIC_0000006,0.0,0.0,25,female
ISIC_0001103,0.0,1.0,65,male
ISIC_0010006,0.0,1.0,unknown,unknown
ISIC_0012099,0.0,0.0,unknown,male
""",
    "Validation": """\
ISIC_0001769,0.0,0.0,35,male
ISIC_0001852,1.0,0.0,70,unknown
ISIC_0010320,0.0,1.0,75,female
""",
    "Test_v2": """\
ISIC_0012086,0.0,0.0,60,male
ISIC_0012092,0.0,1.0,unknown,female
ISIC_0012147,1.0,0.0,50,male
ISIC_0015445,0.0,0.0,unknown,unknown
""",
}

ISIC2018_CLASSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
CONFIRMED_BY = {  # the same facts in HAM10000_metadata.csv and in the lesion groupings
    "histo": "histopathology",
    "follow_up": "serial imaging showing no change",
    "consensus": "single image expert consensus",
    "confocal": "confocal microscopy with consensus dermoscopy",
}

# Image, age, site, lesion, sex, class; images and lesions of HAM10000 have the same names there
ISIC2019 = """\
ISIC_0000000,55,anterior torso,,female,NV
ISIC_0000002,60,upper extremity,,female,MEL
ISIC_0000017_downsampled,30,lower extremity,,female,MEL
ISIC_0013417_downsampled,35,posterior torso,MSK4_0010709,male,NV
ISIC_0013911_downsampled,35,posterior torso,MSK4_0010709,male,NV
ISIC_0015204_downsampled,,,,,NV
ISIC_0024306,0,oral/genital,HAM_0003588,female,NV
ISIC_0027415,80,head/neck,HAM_0000203,male,BKL
ISIC_0030870,85,upper extremity,HAM_0007155,male,AK
ISIC_0031025,80,head/neck,HAM_0000203,male,BKL
ISIC_0053459,70,head/neck,BCN_0000771,male,BCC
ISIC_0058812,70,head/neck,BCN_0000771,male,BCC
ISIC_0060431,75,head/neck,BCN_0001190,female,SCC
ISIC_0062204,65,lower extremity,BCN_0002035,female,DF
ISIC_0066117,40,posterior torso,BCN_0002688,,VASC
ISIC_0067982,,,BCN_0003310,male,SCC
ISIC_0070251,85,lateral torso,BCN_0003977,female,AK
ISIC_0071700,50,palms/soles,BCN_0004402,male,MEL
"""
ISIC2019_CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")

ISIC2020 = """\
ISIC_2637011,IP_7279100,IL_7972100,male,45,head/neck,unknown,benign,0
ISIC_0015719,IP_3075200,IL_4649200,female,45,upper extremity,unknown,benign,0
ISIC_0052212,IP_2842300,IL_9087300,female,50,lower extremity,nevus,benign,0
ISIC_0078703,IP_7279100,IL_6850400,male,45,torso,unknown,benign,0
ISIC_0079038,IP_5295500,IL_1642500,male,70,torso,unknown,benign,0
ISIC_0088137,IP_5205600,IL_1260600,,,lower extremity,unknown,benign,0
ISIC_0149568,IP_0962700,IL_6540700,female,55,upper extremity,melanoma,malignant,1
ISIC_0171983,IP_7665800,IL_1610800,male,70,head/neck,seborrheic keratosis,benign,0
ISIC_0249212,IP_3057900,IL_0542900,male,45,,lentigo NOS,benign,0
ISIC_0273046,IP_7279100,IL_6397110,male,50,torso,melanoma,malignant,1
ISIC_0528044,IP_5205600,IL_3311120,,,oral/genital,atypical melanocytic proliferation,benign,0
ISIC_3582787,IP_1969130,IL_2048130,female,90,palms/soles,lichenoid keratosis,benign,0
ISIC_5224960,IP_1969130,IL_8817140,female,,torso,solar lentigo,benign,0
ISIC_6833905,IP_2842300,IL_5530150,female,50,torso,cafe-au-lait macule,benign,0
ISIC_8521950,IP_5295500,IL_1642500,male,70,torso,unknown,benign,0
ISIC_9022005,IP_0962700,IL_6540700,female,55,upper extremity,melanoma,malignant,1
"""
ISIC2020_DUPLICATES = {"ISIC_0079038": "ISIC_8521950", "ISIC_0149568": "ISIC_9022005"}

ISIC2024_HEADER = """\
isic_id,target,patient_id,age_approx,sex,anatom_site_general,clin_size_long_diam_mm,image_type,tbp_tile_type,\
tbp_lv_A,tbp_lv_Aext,tbp_lv_B,tbp_lv_Bext,tbp_lv_C,tbp_lv_Cext,tbp_lv_H,tbp_lv_Hext,tbp_lv_L,tbp_lv_Lext,\
tbp_lv_areaMM2,tbp_lv_area_perim_ratio,tbp_lv_color_std_mean,tbp_lv_deltaA,tbp_lv_deltaB,tbp_lv_deltaL,\
tbp_lv_deltaLB,tbp_lv_deltaLBnorm,tbp_lv_eccentricity,tbp_lv_location,tbp_lv_location_simple,tbp_lv_minorAxisMM,\
tbp_lv_nevi_confidence,tbp_lv_norm_border,tbp_lv_norm_color,tbp_lv_perimeterMM,tbp_lv_radial_color_std_max,\
tbp_lv_stdL,tbp_lv_stdLExt,tbp_lv_symm_2axis,tbp_lv_symm_2axis_angle,tbp_lv_x,tbp_lv_y,tbp_lv_z,attribution,\
copyright_license,lesion_id,iddx_full,iddx_1,iddx_2,iddx_3,iddx_4,iddx_5,mel_mitotic_index,mel_thick_mm,\
tbp_lv_dnn_lesion_confidence
"""
ISIC2024_SOURCES = {
    "Barcelona": ("Department of Dermatology, Hospital Clínic de Barcelona", "CC-BY-NC"),
    "Basel": ("University Hospital of Basel", "CC-BY-NC"),
    "Cairns": ("FNQH Cairns", "CC-BY"),
    "New York": ("Memorial Sloan Kettering Cancer Center", "CC-BY"),
    "Queensland": ("Frazer Institute, The University of Queensland, Dermatology Research Centre", "CC-BY"),
    "Vienna": ("ViDIR Group, Department of Dermatology, Medical University of Vienna", "CC-BY-NC"),
}
# Image, target, patient, age, sex, site | tile, location, its simple form | source | lesion | diagnosis | mitoses, mm
ISIC2024 = """\
ISIC_0015670,0,IP_1235100,60.0,male,lower extremity|white,Right Leg - Upper,Right Leg|New York||Benign|,
ISIC_0015845,0,IP_8170200,60.0,male,head/neck|white,Head & Neck,Head & Neck|New York|IL_6727500|\
Benign::Benign melanocytic proliferations::Nevus::Nevus, NOS|,
ISIC_0015864,0,IP_6724300,60.0,male,posterior torso|XP,Torso Back Top Third,Torso Back|Cairns||Benign|,
ISIC_0015902,0,IP_4111400,65.0,male,anterior torso|XP,Torso Front Top Half,Torso Front|Cairns||Benign|,
ISIC_0024200,0,IP_8313500,55.0,female,anterior torso|white,Torso Front Bottom Half,Torso Front|New York||Benign|,
ISIC_0035502,0,IP_3026600,50.0,female,lower extremity|XP,Left Leg - Lower,Left Leg|Queensland|IL_0971600|\
Benign::Benign melanocytic proliferations::Nevus::Nevus, Atypical, Dysplastic, or Clark|,
ISIC_0082829,1,IP_3249700,80.0,male,lower extremity|XP,Right Leg - Lower,Right Leg|Cairns|IL_5725700|\
Malignant::Malignant epidermal proliferations::Squamous cell carcinoma in situ|,
ISIC_0096034,1,IP_6723800,75.0,male,head/neck|XP,Head & Neck,Head & Neck|Vienna|IL_8649800|\
Malignant::Malignant adnexal epithelial proliferations - Follicular::Basal cell carcinoma::\
Basal cell carcinoma, Nodular|,
ISIC_0104229,1,IP_9057900,80.0,female,upper extremity|XP,Left Arm - Lower,Left Arm|Barcelona|IL_1725900|\
Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma in situ|,
ISIC_0119495,1,IP_9057900,80.0,female,upper extremity|XP,Right Arm - Upper,Right Arm|Barcelona|IL_1725110|\
Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma Invasive|<1/mm^2,0.5
ISIC_0157834,0,IP_3249700,80.0,male,posterior torso|XP,Torso Back Middle Third,Torso Back|Cairns|IL_4407120|\
Indeterminate::Indeterminate melanocytic proliferations::Atypical melanocytic neoplasm|,
ISIC_0226420,0,IP_5041130,70.0,,upper extremity|white,Left Arm,Left Arm|Basel||Benign|,
ISIC_0314462,0,IP_5041130,70.0,,|white,Unknown,Unknown|Basel|IL_7201130|\
Benign::Benign epidermal proliferations::Seborrheic keratosis|,
ISIC_0338545,0,IP_7142140,,male,posterior torso|XP,Torso Back Bottom Third,Torso Back|Vienna||Benign|,
"""

DERM7PT_HEADER = """\
case_num,diagnosis,seven_point_score,pigment_network,streaks,pigmentation,regression_structures,dots_and_globules,\
blue_whitish_veil,vascular_structures,level_of_diagnostic_difficulty,elevation,location,sex,management,clinic,derm,\
case_id,notes
"""
# Rows without number, score, case_id and notes. The spellings of paths are real ones, also FCl for the folder FCL.
DERM7PT = """\
basal cell carcinoma,absent,absent,absent,absent,absent,absent,arborizing,\
medium,nodular,abdomen,female,excision,NEL/NEL025.JPG,NEL/Nel026.jpg
blue nevus,absent,absent,diffuse regular,absent,absent,present,absent,\
low,nodular,buttocks,female,excision,FBL/FBL031.JPG,FBL/FBL032.JPG
clark nevus,typical,regular,diffuse regular,absent,regular,absent,comma,\
low,flat,back,male,no further examination,A1l/Aal001.jpg,A1l/Aal002.jpg
clark nevus,atypical,irregular,localized irregular,absent,irregular,absent,absent,\
medium,palpable,back,male,clinical follow up,A1l/Aal001.jpg,A1l/Aal002bis.jpg
combined nevus,typical,absent,localized regular,absent,regular,absent,absent,\
medium,palpable,chest,male,excision,FCl/Fcl067.jpg,FCl/Fcl068.jpg
congenital nevus,typical,absent,diffuse regular,absent,regular,absent,absent,\
low,palpable,lower limbs,female,no further examination,FCL/Fcl031.jpg,FCL/Fcl032.jpg
dermal nevus,absent,absent,absent,absent,regular,absent,comma,\
low,nodular,head neck,female,no further examination,NDL/ndl012.jpg,NDL/ndl013.jpg
dermatofibroma,typical,absent,absent,white areas,absent,absent,absent,\
low,palpable,lower limbs,female,no further examination,FDL/FDL025.JPG,FDL/FDL026.JPG
lentigo,typical,absent,diffuse regular,absent,absent,absent,absent,\
low,flat,acral,male,clinical follow up,Gzl/gzl01.jpg,Gzl/gzl02.jpg
melanoma,atypical,irregular,diffuse irregular,combinations,irregular,present,linear irregular,\
low,nodular,back,male,excision,Fll/Fll030.jpg,Fll/Fll031.jpg
melanoma (in situ),atypical,absent,localized irregular,absent,irregular,absent,absent,\
high,flat,upper limbs,female,excision,A2l/Abl100.jpg,A2l/Abl101.jpg
melanoma (less than 0.76 mm),atypical,irregular,diffuse irregular,blue areas,irregular,absent,dotted,\
medium,palpable,back,male,excision,A1l/Aal067.jpg,A1l/Aal068.jpg
melanoma (0.76 to 1.5 mm),atypical,irregular,diffuse irregular,blue areas,irregular,present,within regression,\
low,palpable,lower limbs,male,excision,NEL/NEL034.JPG,NEL/Nel035.jpg
melanoma (more than 1.5 mm),absent,irregular,diffuse irregular,white areas,irregular,present,linear irregular,\
low,nodular,chest,male,excision,NLL/nll021.jpg,NLL/nll022.jpg
melanoma metastasis,absent,absent,diffuse irregular,absent,absent,present,hairpin,\
medium,nodular,upper limbs,female,excision,NLL/NLL033.JPG,NLL/NLL034.JPG
melanosis,absent,absent,diffuse regular,absent,absent,absent,absent,\
high,flat,genital areas,female,clinical follow up,Gzl/gzl03.jpg,Gzl/gzl04.jpg
miscellaneous,absent,absent,absent,absent,absent,absent,dotted,\
medium,palpable,back,female,excision,New/newl013.jpg,New/newl014.jpg
recurrent nevus,atypical,irregular,localized irregular,white areas,irregular,absent,absent,\
high,flat,back,female,excision,NDL/ndl030.jpg,NDL/ndl031.jpg
reed or spitz nevus,typical,regular,diffuse regular,absent,regular,present,dotted,\
medium,palpable,lower limbs,female,excision,Fll/Fll026.jpg,Fll/Fll027.jpg
seborrheic keratosis,absent,absent,localized regular,absent,absent,absent,hairpin,\
medium,palpable,chest,male,no further examination,NEL/NEL040.JPG,NEL/Nel041.jpg
vascular lesion,absent,absent,absent,absent,absent,absent,wreath,\
low,nodular,abdomen,male,no further examination,NEL/NEL050.JPG,NEL/Nel051.jpg
"""
DERM7PT_POINTS = {  # of the seven-point checklist, by column and value
    "pigment_network": {"atypical": 2},
    "blue_whitish_veil": {"present": 2},
    "vascular_structures": {"dotted": 2, "linear irregular": 2},
    "streaks": {"irregular": 1},
    "pigmentation": {"diffuse irregular": 1, "localized irregular": 1},
    "dots_and_globules": {"irregular": 1},
    "regression_structures": {"blue areas": 1, "white areas": 1, "combinations": 1},
}
DERM7PT_SPLIT = {
    "train": (0, 2, 3, 5, 9, 10, 12, 19),
    "valid": (1, 4, 7, 11, 14, 16),
    "test": (6, 8, 13, 15, 17, 18, 20),
}

MSK = {"attribution": "Anonymous", "copyright_license": "CC-0"}
VIENNA = {"attribution": ISIC2024_SOURCES["Vienna"][0], "copyright_license": "CC-BY-NC"}
BARCELONA = {"attribution": ISIC2024_SOURCES["Barcelona"][0], "copyright_license": "CC-BY-NC"}
QUEENSLAND = {"attribution": ISIC2024_SOURCES["Queensland"][0], "copyright_license": "CC-BY"}
DERMOSCOPIC = {"image_type": "dermoscopic"}
POLARIZED = {"image_type": "dermoscopic", "dermoscopic_type": "contact polarized"}
BACK = {"anatom_site_general": "posterior torso", "anatom_site_1": "Trunk", "anatom_site_2": "Posterior trunk"}
LEG = {"anatom_site_general": "lower extremity", "anatom_site_1": "Lower extremity"}
HEAD = {"anatom_site_general": "head/neck", "anatom_site_1": "Head and neck"}
NEVUS = {"diagnosis_1": "Benign", "diagnosis_2": "Benign melanocytic proliferations", "diagnosis_3": "Nevus"}
CLARK = {**NEVUS, "diagnosis_4": "Nevus, Atypical, Dysplastic, or Clark", "diagnosis_5": "Nevus, Dysplastic"}
MELANOMA = {
    "diagnosis_1": "Malignant",
    "diagnosis_2": "Malignant melanocytic proliferations (Melanoma)",
    "diagnosis_3": "Melanoma, NOS",
}
CARCINOMA = {
    "diagnosis_1": "Malignant",
    "diagnosis_2": "Malignant adnexal epithelial proliferations - Follicular",
    "diagnosis_3": "Basal cell carcinoma",
}
KERATOSIS = {
    "diagnosis_1": "Indeterminate",
    "diagnosis_2": "Indeterminate epidermal proliferations",
    "diagnosis_3": "Solar or actinic keratosis",
}
EXCISED = {"diagnosis_confirm_type": "histopathology", "concomitant_biopsy": True}
FOLLOWED = {"diagnosis_confirm_type": "serial imaging showing no change", "concomitant_biopsy": False}
THIN = {"mel_thick_mm": 0.8, "mel_ulcer": False, "mel_mitotic_index": "<1/mm^2"}
WOMAN, MAN = {"sex": "female"}, {"sex": "male"}
# ISIC_0024310 and ISIC_0024311 have one lesion, ISIC_0024311 and ISIC_0053500 one patient: all three belong together.
ISIC_ARCHIVE: dict[str, dict[str, object]] = {
    "ISIC_0000000": {**MSK, **DERMOSCOPIC, **WOMAN, **NEVUS, "age_approx": 55, "melanocytic": True},
    "ISIC_0000002": {**MSK, **DERMOSCOPIC, **WOMAN, **MELANOMA, **EXCISED, "age_approx": 60, "melanocytic": True},
    "ISIC_0010016": {**MSK, **DERMOSCOPIC},
    "ISIC_0024310": {**VIENNA, **DERMOSCOPIC, **MAN, **BACK, **NEVUS, **FOLLOWED, "lesion_id": "IL_3252800"},
    "ISIC_0024311": {
        **{**VIENNA, **POLARIZED, **MAN, **BACK, **NEVUS},
        **{"lesion_id": "IL_3252800", "patient_id": "IP_0681800"},
    },
    "ISIC_0053500": {**BARCELONA, **POLARIZED, **MAN, **LEG, **KERATOSIS, "patient_id": "IP_0681800", "age_approx": 70},
    "ISIC_0053612": {**BARCELONA, **POLARIZED, **MAN, **HEAD, **CARCINOMA, **EXCISED, "lesion_id": "IL_4410900"},
    "ISIC_0053613": {**BARCELONA, **POLARIZED, **MAN, **HEAD, **CARCINOMA, **EXCISED, "lesion_id": "IL_4410900"},
    "ISIC_0078950": {
        **{**QUEENSLAND, **POLARIZED, **WOMAN, **BACK, **MELANOMA, **EXCISED, **THIN},
        **{"lesion_id": "IL_5500100", "patient_id": "IP_2842300", "age_approx": 85, "acquisition_day": 1},
        **{"family_hx_mm": True, "personal_hx_mm": False, "anatom_site_3": "Upper back"},
    },
    "ISIC_0078951": {
        **{**QUEENSLAND, **WOMAN, **BACK, **MELANOMA, **EXCISED, "image_type": "clinical: close-up"},
        **{"lesion_id": "IL_5500100", "patient_id": "IP_2842300", "age_approx": 85, "acquisition_day": 1},
    },
    "ISIC_0078960": {
        **{**QUEENSLAND, **POLARIZED, **WOMAN, **LEG, **CLARK, **FOLLOWED, "fitzpatrick_skin_type": "II"},
        **{"lesion_id": "IL_5500111", "patient_id": "IP_2842300", "age_approx": 80, "acquisition_day": 730},
    },
    "ISIC_0226430": {
        **{**QUEENSLAND, **WOMAN, **LEG, "image_type": "TBP tile: close-up", "tbp_tile_type": "3D: XP"},
        **{"patient_id": "IP_2842300", "clin_size_long_diam_mm": 3.1, "diagnosis_1": "Benign"},
    },
    "ISIC_9987300": {
        **{**VIENNA, **MAN, **NEVUS, "image_type": "dermoscopic", "dermoscopic_type": "contact non-polarized"},
        **{"anatom_site_special": "acral palms or soles", "diagnosis_confirm_type": "single image expert consensus"},
        **{"image_manipulation": "instrument only", "age_approx": 35},
    },
}


def drawn(name: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw a lesion, which depends on nothing but the name and the size.

    Returns:
        The picture, of shape (height, width, 3), and where the lesion is, of shape (height, width).
    """
    width, height = size
    random = np.random.default_rng(crc32(name.encode()))
    y, x = np.mgrid[:height, :width]
    centre = random.uniform(0.42, 0.58, size=2)
    down, right = y / height - centre[0], x / width - centre[1]
    waves, phase = random.integers(2, 6), random.uniform(0, 6)
    radius = random.uniform(0.2, 0.3) * (1 + 0.2 * np.sin(waves * np.arctan2(down, right) + phase))
    inside = np.hypot(down, right) < radius
    skin, lesion = random.normal((215, 165, 140), 8), random.normal((100, 65, 50), 12)
    pixels = np.where(inside[..., None], lesion, skin) + random.normal(0, 6, (height, width, 3))
    return pixels.clip(0, 255).astype(np.uint8), inside


def size_of(name: str) -> tuple[int, int]:
    """Return the width and height of an image: those of HAM10000 have one shape, those from Barcelona are square."""
    if "ISIC_0024306" <= name <= "ISIC_0036999":
        return 60, 45
    if "ISIC_0053453" <= name <= "ISIC_0073254":
        return 64, 64
    return SIZES[crc32(name.encode()) % len(SIZES)]


def write_picture(path: Path, name: str = "", size: tuple[int, int] | None = None, quality: int = 90) -> None:
    """Write a drawn picture in the format of its suffix; only JPEG has a quality."""
    name = name or path.stem
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn(name, size or size_of(name))[0]).save(path, quality=quality)


def write_mask(path: Path, mask: NDArray[np.bool_], mode: str = "L") -> None:
    """Write a mask as 0 and 255, or as a file of one bit per pixel where the mode is 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert(mode).save(path)


def write_rows(path: Path, rows: Iterable[Sequence[object]], end: str = "\r\n") -> None:
    """Write a CSV file; most real ones have the line ends of Windows, as Python's csv module writes them by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator=end).writerows(rows)


def rows_of(table: str) -> list[list[str]]:
    """Split one of the tables of this module."""
    return [line.split(",") for line in table.splitlines()]


def one_hot(label: str, classes: Sequence[str]) -> list[str]:
    """Return a row of 0.0 and 1.0, as challenges since 2018 write a class."""
    return ["1.0" if name == label else "0.0" for name in classes]


def ham10000(root: Path) -> None:
    """Write HAM10000, the unpacked files of Harvard Dataverse: two folders of images, one of masks, one table.

    Quirks: images of one lesion lie in both folders, and may come from different sources (`dataset`); a missing age is
    empty, and 0.0 occurs, too; a missing sex or site is `unknown`; rows are in the order of the diagnoses; masks carry
    the name of their image and a suffix; lines of the table end as on Unix.
    """
    for _, image, *_ in rows_of(HAM10000):
        part = 1 if image <= "ISIC_0029305" else 2
        write_picture(root / f"HAM10000_images_part_{part}" / f"{image}.jpg")
        mask = root / "HAM10000_segmentations_lesion_tschandl" / f"{image}_segmentation.png"
        write_mask(mask, drawn(image, size_of(image))[1])
    header = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]
    write_rows(root / "HAM10000_metadata.csv", [header, *rows_of(HAM10000)], end="\n")


def ph2(root: Path) -> None:
    """Write PH2, the content of its folder `PH2Dataset`: one folder per image, a spreadsheet, and the same as text.

    Quirks: a space in `PH2 Dataset images`; everything is BMP, masks with one bit per pixel; only some images have a
    folder of colour regions, two regions may have one label, one file lacks the number of the colour
    (`IMD057_R2_Label`), and one has a word instead (`IMD146_R1_LabelStreaks`). The header of the spreadsheet is its
    13th row, below legends, and has line breaks inside its cells; class and colours are marked with X, and most cells
    of the histology are empty. The text file has numbers for classes and colours. There are no patients; rows are in
    the order of the classes.
    """
    size = (76, 57)
    for name, *_ in rows_of(PH2):
        folder, (_, inside) = root / "PH2 Dataset images" / name, drawn(name, size)
        write_picture(folder / f"{name}_Dermoscopic_Image" / f"{name}.bmp", size=size)
        write_mask(folder / f"{name}_lesion" / f"{name}_lesion.bmp", inside, mode="1")
        regions = PH2_REGIONS.get(name, ())
        columns = inside.any(axis=0)
        strips = (columns.cumsum() - 1) * len(regions) // columns.sum()  # one strip of the lesion per region
        for number, region in enumerate(regions):
            write_mask(folder / f"{name}_roi" / f"{name}_{region}.bmp", inside & (strips == number), mode="1")
    write_ph2_spreadsheet(root / "PH2_dataset.xlsx")
    write_ph2_text(root / "PH2_dataset.txt")


def write_ph2_spreadsheet(path: Path) -> None:
    """Write the spreadsheet of PH2, the same bytes each time; the cells above its header are made up."""
    workbook = Workbook()
    sheet = workbook.active
    for row, line in enumerate(line for line in PH2_LEGENDS.splitlines()[:11] if line):
        sheet.cell(row + 2, 1 + row // 4, line.strip())
    sheet.cell(12, 3, "Clinical Diagnosis")
    sheet.cell(12, 12, "Colors")
    criteria = [f"{name}\n{legend}" for name, legend in PH2_CRITERIA.items()]
    rows: list[list[object]] = [["Image Name", "Histological Diagnosis", *PH2_CLASSES, *criteria, *PH2_COLOURS]]
    for name, histology, label, asymmetry, *others, colours in rows_of(PH2):
        marks = ["X" if str(number) == label else None for number in range(3)]
        colour_marks = ["X" if str(number) in colours.split() else None for number in range(1, 7)]
        rows.append([name, histology or None, *marks, int(asymmetry), *others, *colour_marks])
    for number, cells in enumerate(rows, start=13):
        for column, cell in enumerate(cells, start=1):
            sheet.cell(number, column, cell)
    buffer = BytesIO()
    workbook.save(buffer)
    now = re.compile(rb"\d{4}-\d\d-\d\dT[\d:]+Z")
    with ZipFile(buffer) as saved, ZipFile(path, "w") as fixed:
        for part in saved.namelist():
            fixed.writestr(ZipInfo(part), now.sub(b"2013-07-01T12:00:00Z", saved.read(part)), ZIP_DEFLATED)


def write_ph2_text(path: Path) -> None:
    """Write the table of PH2 as text, right-aligned, followed by its legends."""
    lines = [
        "||   Name || Histological Diagnosis || Clinical Diagnosis || "
        + " | ".join(PH2_CRITERIA)
        + " ||           Colors ||"
    ]
    for name, histology, label, *criteria, colours in rows_of(PH2):
        widths = [len(criterion) for criterion in PH2_CRITERIA]
        middle = " | ".join(f"{value:>{width}}" for value, width in zip(criteria, widths, strict=True))
        lines.append(f"|| {name} || {histology:>22} || {label:>18} || {middle} || {'  '.join(colours.split()):>16} ||")
    path.write_text("\n".join([*lines, "", "", PH2_LEGENDS]), encoding="utf-8", newline="\n")


def isic2016(root: Path) -> None:
    """Write parts 1 and 3 of the ISIC 2016 challenge: images and masks in folders, two tables.

    Quirks: masks end with `_Segmentation`, with a capital; no table has a header, and the last line has no end; the
    training set has the words benign and malignant, the test set 0.0 and 1.0. Nothing says which images are of one
    lesion.
    """
    for subset, table in (("Training", ISIC2016_TRAINING), ("Test", ISIC2016_TEST)):
        for image, _ in rows_of(table):
            write_picture(root / f"ISBI2016_ISIC_Part1_{subset}_Data" / f"{image}.jpg")
            mask = root / f"ISBI2016_ISIC_Part1_{subset}_GroundTruth" / f"{image}_Segmentation.png"
            write_mask(mask, drawn(image, size_of(image))[1])
        labels = root / f"ISBI2016_ISIC_Part3_{subset}_GroundTruth.csv"
        write_rows(labels, rows_of(table))
        labels.write_bytes(labels.read_bytes().rstrip())


def isic2017(root: Path) -> None:
    """Write the ISIC 2017 challenge: per subset a folder of images, one of masks, and a table of labels.

    Quirks: beside each JPEG lies a PNG of superpixels, and in the same folder the table of ages and sexes, where
    `unknown` stands for a missing value; there are two columns for three classes, and a nevus has 0.0 in both; the test
    set is called `Test_v2`. Nothing says which images are of one lesion.
    """
    for subset, table in ISIC2017.items():
        data = root / f"ISIC-2017_{subset}_Data"
        for image, *_ in rows_of(table):
            write_picture(data / f"{image}.jpg")
            _, inside = drawn(image, size_of(image))
            write_superpixels(data / f"{image}_superpixels.png", size_of(image))
            write_mask(root / f"ISIC-2017_{subset}_Part1_GroundTruth" / f"{image}_segmentation.png", inside)
        facts = [[image, age, sex] for image, _, _, age, sex in rows_of(table)]
        write_rows(data / f"ISIC-2017_{subset}_Data_metadata.csv", [["image_id", "age_approximate", "sex"], *facts])
        labels = [["image_id", "melanoma", "seborrheic_keratosis"], *(row[:3] for row in rows_of(table))]
        write_rows(root / f"ISIC-2017_{subset}_Part3_GroundTruth.csv", labels)


def write_superpixels(path: Path, size: tuple[int, int]) -> None:
    """Write squares of 3 x 3 pixels whose numbers are encoded as red + 256 green + 65536 blue."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    number = y // 3 * -(-width // 3) + x // 3
    Image.fromarray(np.stack([number % 256, number // 256, number // 65536], axis=-1).astype(np.uint8)).save(path)


def isic2018_task3(root: Path) -> None:
    """Write task 3 of the ISIC 2018 challenge, whose training images are those of HAM10000.

    Quirks: classes are one-hot, each table in a folder of its own name, except that of the lesions, which only the
    training set has; text files lie among the images; the test image ISIC_0035068 is synthetic, and counted with no
    weight.
    """
    diagnoses = {image: dx.upper() for _, image, dx, *_ in rows_of(HAM10000)}
    subsets = {
        "Training": dict(sorted(diagnoses.items())),
        "Validation": {"ISIC_0034321": "NV", "ISIC_0034322": "BKL"},
        "Test": {"ISIC_0034524": "MEL", "ISIC_0035068": "NV"},
    }
    for subset, labels in subsets.items():
        for image in labels:
            write_picture(root / f"ISIC2018_Task3_{subset}_Input" / f"{image}.jpg")
        for name in ("ATTRIBUTION", "LICENSE"):
            (root / f"ISIC2018_Task3_{subset}_Input" / f"{name}.txt").write_text("CC-BY-NC\n", newline="\n")
        rows = [[image, *one_hot(label, ISIC2018_CLASSES)] for image, label in labels.items()]
        name = f"ISIC2018_Task3_{subset}_GroundTruth"
        write_rows(root / name / f"{name}.csv", [["image", *ISIC2018_CLASSES], *rows])
    groups = [[image, lesion, CONFIRMED_BY[dx_type]] for lesion, image, _, dx_type, *_ in rows_of(HAM10000)]
    header = ["image", "lesion_id", "diagnosis_confirm_type"]
    write_rows(root / "ISIC2018_Task3_Training_LesionGroupings.csv", [header, *groups])


def isic2019(root: Path) -> None:
    """Write the training set of the ISIC 2019 challenge: one folder of images, one-hot classes, and facts.

    Quirks: names of some images end with `_downsampled`, in the folder and in both tables; every fact can be empty,
    also the lesion, whose name begins with its source (HAM, BCN, MSK4); the class UNK has a column, but no training
    image; text files lie among the images.
    """
    folder, rows = root / "ISIC_2019_Training_Input", rows_of(ISIC2019)
    for image, *_ in rows:
        write_picture(folder / f"{image}.jpg", name=image.removesuffix("_downsampled"))
    for name in ("ATTRIBUTION", "LICENSE"):
        (folder / f"{name}.txt").write_text("CC-BY-NC\n", newline="\n")
    labels = [[image, *one_hot(label, ISIC2019_CLASSES)] for image, *_, label in rows]
    write_rows(root / "ISIC_2019_Training_GroundTruth.csv", [["image", *ISIC2019_CLASSES], *labels])
    header = ["image", "age_approx", "anatom_site_general", "lesion_id", "sex"]
    write_rows(root / "ISIC_2019_Training_Metadata.csv", [header, *(row[:-1] for row in rows)])


def isic2020(root: Path) -> None:
    """Write the training set of the SIIM-ISIC 2020 challenge: images, the second version of its table, duplicates.

    Quirks: the table holds the label twice, in words and as a number, beside a diagnosis that is mostly unknown; age,
    sex and site can be empty; patients have many lesions, not always of one class or at one age; both images of a
    duplicate are in the training set, with one patient and one lesion; the first row is not the smallest name.
    """
    originals = {copy: image for image, copy in ISIC2020_DUPLICATES.items()}
    for image, *_ in rows_of(ISIC2020):
        path, copied = root / "train" / f"{image}.jpg", image in originals
        write_picture(path, name=originals.get(image, image), quality=75 if copied else 90)
    header = ["image_name", "patient_id", "lesion_id", "sex", "age_approx", "anatom_site_general_challenge"]
    header += ["diagnosis", "benign_malignant", "target"]
    write_rows(root / "ISIC_2020_Training_GroundTruth_v2.csv", [header, *rows_of(ISIC2020)])
    pairs = [["image_name_1", "image_name_2"], *map(list, ISIC2020_DUPLICATES.items())]
    write_rows(root / "ISIC_2020_Training_Duplicates.csv", pairs)


def isic2024(root: Path) -> None:
    """Write the training set of ISIC 2024 (SLICE-3D) as on Kaggle: all JPEGs in one HDF5 file, and a wide table.

    Quirks: images are single values, bytes of a JPEG by the name of the image, square and of different sizes; they are
    crops of photographs of the whole body, no dermoscopy; nearly all are benign, and an indeterminate one has the
    target 0; a diagnosis contains commas, and so does a source, which has an accent, too; age, sex and site can be
    empty; few benign images have a lesion, so that only the patient groups; some columns mix words and numbers, or are
    nearly empty.
    """
    root.mkdir(parents=True, exist_ok=True)
    columns, rows = ISIC2024_HEADER.strip().split(","), []
    with h5py.File(root / "train-image.hdf5", "w") as file:
        for line in ISIC2024.splitlines():
            row = isic2024_row(line)
            name = row["isic_id"]
            rows.append([row[column] for column in columns])
            side, buffer = 41 + crc32(name.encode()) % 40, BytesIO()
            Image.fromarray(drawn(name, (side, side))[0]).save(buffer, "JPEG")
            file[name] = np.void(buffer.getvalue())
    write_rows(root / "train-metadata.csv", [columns, *rows], end="\n")


def isic2024_row(line: str) -> dict[str, str]:
    """Return a row of the table of ISIC 2024; measurements are random numbers."""
    facts, place, source, lesion, diagnosis, melanoma = line.split("|")
    name, target, patient, age, sex, site = facts.split(",")
    tile, location, simple = place.split(",")
    attribution, licence = ISIC2024_SOURCES[source]
    random = np.random.default_rng(crc32(name.encode()))
    measured = [column for column in ISIC2024_HEADER.strip().split(",") if column.startswith("tbp_lv_")]
    row = {column: f"{random.uniform(1, 60):.7g}" for column in measured}
    row |= {f"tbp_lv_{axis}": f"{random.normal(0, 400):.7g}" for axis in "xyz"}
    row["tbp_lv_symm_2axis_angle"] = str(5 * random.integers(36))
    row["tbp_lv_nevi_confidence"] = f"{10 ** random.uniform(-12, 2):.7g}"
    row["clin_size_long_diam_mm"] = f"{random.uniform(2, 12):.2f}"
    row |= {"isic_id": name, "target": target, "patient_id": patient, "age_approx": age, "sex": sex}
    row |= {"anatom_site_general": site, "image_type": "TBP tile: close-up", "tbp_tile_type": f"3D: {tile}"}
    row |= {"tbp_lv_location": location, "tbp_lv_location_simple": simple, "lesion_id": lesion}
    row |= {"attribution": attribution, "copyright_license": licence, "iddx_full": diagnosis}
    levels = [*diagnosis.split("::"), "", "", "", ""]
    row |= {f"iddx_{level}": levels[level - 1] for level in range(1, 6)}
    row["mel_mitotic_index"], row["mel_thick_mm"] = melanoma.split(",")
    return row


def derm7pt(root: Path) -> None:
    """Write derm7pt, the content of its folder `release_v0`: images, and tables in `meta`.

    Quirks: a case has a clinical image and a dermoscopic one, whose paths are columns; suffixes are .jpg or .JPG, and
    one folder is spelled FCl in the table, but FCL on the disk; two cases share a clinical image; the indexes of the
    subsets are row numbers from 0, while case_num begins with 1; case_id and notes are empty; there are no patients.
    Six of the twenty diagnoses are melanomas. There is one case per diagnosis, and so there are more than in other
    miniatures.
    """
    columns = DERM7PT_HEADER.strip().split(",")
    rows = []
    for number, (diagnosis, *values) in enumerate(rows_of(DERM7PT), start=1):
        case = dict(zip(columns[3:17], values, strict=True))
        score = sum(points.get(case[column], 0) for column, points in DERM7PT_POINTS.items())
        rows.append([number, diagnosis, score, *values, "", ""])
        for path in (case["clinic"], case["derm"]):
            write_picture(root / "images" / path.replace("FCl", "FCL"), size=(76, 51))
    write_rows(root / "meta" / "meta.csv", [columns, *rows], end="\n")
    for subset, numbers in DERM7PT_SPLIT.items():
        write_rows(root / "meta" / f"{subset}_indexes.csv", [["indexes"], *([number] for number in numbers)], end="\n")


def isic_archive(root: Path) -> None:
    """Write a download of the ISIC archive, as isic-cli writes it: images in the root, metadata.csv, sources, licences.

    Quirks: the columns are isic_id, attribution and copyright_license, then in alphabetical order whatever fields occur
    in the images that were chosen; lesions and patients are both sparse, and some images belong together only by way of
    a third one that has both; not all images are dermoscopic; a yes or no is True or False; an image may have no
    diagnosis at all. There are no masks. Anonymous is always the last source.
    """
    fields = sorted({field for facts in ISIC_ARCHIVE.values() for field in facts} - {*MSK})
    header = ["isic_id", *MSK, *fields]
    for image in ISIC_ARCHIVE:
        write_picture(root / f"{image}.jpg")
    rows = [[image, *(facts.get(field, "") for field in header[1:])] for image, facts in ISIC_ARCHIVE.items()]
    write_rows(root / "metadata.csv", [header, *rows])
    counts = Counter(str(facts["attribution"]) for facts in ISIC_ARCHIVE.values())
    sources = sorted(counts, key=lambda source: (source == "Anonymous", -counts[source], source))
    (root / "attribution.txt").write_text("\n\n".join(sources), encoding="utf-8", newline="\n")
    (root / "licenses").mkdir(exist_ok=True)
    for licence in sorted({str(facts["copyright_license"]) for facts in ISIC_ARCHIVE.values()}):
        (root / "licenses" / f"{licence}.txt").write_text(f"The text of {licence}.\n", newline="\n")


MINIATURES: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        *(ham10000, ph2, isic2016, isic2017, isic2018_task3, isic2019, isic2020, isic2024),
        *(derm7pt, isic_archive),
    )
}
