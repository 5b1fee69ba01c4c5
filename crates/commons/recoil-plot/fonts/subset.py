"""Makes the embedded fonts: a subset of Liberation Sans 2 under another name, as its licence asks.

usage: subset.py FOLDER_WITH_LIBERATION_SANS_2  (needs fonttools)
"""
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

RANGES = [(0x20, 0x7E), (0xA0, 0xFF), (0x131, 0x131), (0x391, 0x3A9), (0x3B1, 0x3C9), (0x3D1, 0x3D6), (0x3F1, 0x3F5)]
SINGLES = (
    "\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u2032\u2033\u2113\u2190\u2191\u2192\u2193\u2194\u2202\u2206\u2211"
    "\u2212\u221a\u221e\u222b\u2248\u2260\u2264\u2265\u25a1\u2020\u2021\u0102\u0103\u0106\u0107\u010c\u010d\u0118\u0119"
    "\u0141\u0142\u0143\u0144\u0158\u0159\u0160\u0161\u017d\u017e"
)

for style in ["Regular", "Bold", "Italic"]:
    font = TTFont(Path(sys.argv[1]) / f"LiberationSans-{style}.ttf", recalcTimestamp=False)
    options = subset.Options(hinting=False, layout_features=["kern"], name_IDs=["*"], notdef_outline=True, glyph_names=False)
    options.drop_tables += ["FFTM", "GDEF", "GSUB", "GPOS", "DSIG"]
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=[c for a, b in RANGES for c in range(a, b + 1)] + [ord(c) for c in SINGLES])
    chosen.subset(font)
    names = font["name"]
    licence, licence_url, copyright_ = (names.getDebugName(i) for i in (13, 14, 0))
    names.names = []
    for name_id, text in [
        (0, copyright_), (1, "Recoil Sans"), (2, style), (3, f"RecoilSans-{style} 1.0"),
        (4, f"Recoil Sans {style}"), (5, "Version 1.0"), (6, f"RecoilSans-{style}"), (13, licence), (14, licence_url),
    ]:
        names.setName(text, name_id, 3, 1, 0x409)
    missing = [hex(ord(c)) for c in SINGLES if ord(c) not in font.getBestCmap()]
    font.save(f"RecoilSans-{style}.ttf")
    print(style, Path(f"RecoilSans-{style}.ttf").stat().st_size, "bytes, not in the source font:", missing)
