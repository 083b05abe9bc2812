#!/usr/bin/env bash
# One would guess: decoded at 1/8 (Pillow's draft, libjpeg's scale_denom), a pixel of a grey JPEG is the
#   mean of a block of 8 x 8, which is its DC coefficient. So in a progressive photo the scans of
#   detail (AC) change nothing at 1/8: left out, to save their decoding, or not yet loaded, the
#   small picture is the same.
# What happens: it is another picture, by tens of grey levels. Where libjpeg-turbo knows of a block no
#   detail, it makes some up out of the blocks around it (interblock smoothing, on unless an
#   application turns it off, which Pillow has no way to ask for), and since 2.1 it changes the DC
#   coefficient itself. With scans in place that say "no detail", of a few bytes, the means are
#   those of the whole photo again, to the bit.
# Why it matters here: near-duplicates are told by small grey pictures of photos decoded at 1/8. A
#   photo's first scans, as a thumbnail or a preview keeps them, are farther from the whole photo than
#   the photo written anew at quality 30.
# Versions: pillow 12.0.0 (its wheel has libjpeg-turbo 3.1.2), numpy 2.3.5, Python 3.11
# Source: libjpeg-turbo's ChangeLog.md, 2.1 beta1 (smoothing over 5 x 5 blocks), and its jdcoefct.c;
#   ITU-T T.81, annex G (scans of a progressive image)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3.11 -m venv venv
venv/bin/pip install --quiet pillow==12.0.0 numpy==2.3.5 2>/dev/null
venv/bin/pip list 2>/dev/null | grep -i '^pillow '

cat > look.py <<'PY'
from io import BytesIO
import numpy as np
from PIL import Image, features

SIDE = 256
rng = np.random.default_rng(0)
down, right = np.mgrid[:SIDE, :SIDE]
cloth = np.where((right // 24 + down // 40) % 2, 200, 60) + rng.integers(0, 20, (SIDE, SIDE))
file = BytesIO()
Image.fromarray(cloth.astype(np.uint8)).save(file, "JPEG", progressive=True, quality=90)


def segments(data):
    """(marker, bytes) up to the end of the image, a scan with its data."""
    start, marker = 2, None
    while marker != 0xD9:
        marker, end = data[start + 1], start + 2
        if marker != 0xD9:
            end += int.from_bytes(data[end : end + 2], "big")
        if marker == 0xDA:
            while data[end] != 0xFF or data[end + 1] == 0:
                end += 1
        yield marker, data[start:end]
        start = end


def is_detail(marker, segment):
    return marker == 0xDA and segment[7] > 0  # the first coefficient that a scan of one channel has


# No detail in any of the 1,024 blocks: two codes, 0 for "as many blocks as the next 9 bits say and
# 512 more end here" (EOB9) and 10 for "this block ends here" (EOB0), then a scan of these.
table = bytes([0xFF, 0xC4, 0, 21, 0x10, 1, 1, *[0] * 14, 0x90, 0x00])
scan = bytes([0xFF, 0xDA, 0, 8, 1, 1, 0x10, 1, 63, 0])
bits = "0" + "1" * 9 + "10"
bits += "1" * (-len(bits) % 8)
blank = table + scan + int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")

whole = file.getvalue()
parts = list(segments(whole))
means = b"\xff\xd8" + b"".join(s for m, s in parts if not is_detail(m, s))
blanked = means[:-2] + blank + means[-2:]


def at_an_eighth(data):
    image = Image.open(BytesIO(data))
    image.draft("L", (SIDE // 8, SIDE // 8))
    assert image.size == (SIDE // 8, SIDE // 8)
    return image


full = at_an_eighth(whole)
print("libjpeg-turbo", features.version("libjpeg_turbo"))
poor = BytesIO()
Image.open(file).save(poor, "JPEG", quality=30)
found = []
for name, data in (
    ("without the scans of detail", means),
    ("with scans that say: no detail", blanked),
    ("whole, written anew at quality 30", poor.getvalue()),
):
    apart = np.abs(np.asarray(at_an_eighth(data), int) - np.asarray(full, int))
    found.append(apart)
    print(f"{name}: {apart.mean():.1f} grey levels off in the mean, {apart.max()} at most")
without, blank, anew = found
assert without.mean() > 5 and without.max() > 20
assert not blank.any()
assert anew.mean() < 2
PY
venv/bin/python look.py
