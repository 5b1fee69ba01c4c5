"""A larger file of sim_telarray out of a small one: python blow_up.py IN OUT TIMES

The events (from the first shower to the last event) are written TIMES times, byte by byte; what stands before and behind them
stays once. The output is not compressed.
"""

import gzip
import struct
import sys

SYNC = b"\x37\x8a\x1f\xd4"
SHOWER, ARRAY_EVENT = 2020, 2010


def top_level(data):
    at = 0
    while at + 16 <= len(data):
        assert data[at : at + 4] == SYNC, f"no object at byte {at}"
        kind, _, length = struct.unpack_from("<IiI", data, at + 4)
        size = 16 + (length & 0x3FFFFFFF)
        if kind >> 17 & 1:
            size += 4 + ((struct.unpack_from("<I", data, at + 16)[0] & 0xFFF) << 30)
        yield kind & 0xFFFF, at, at + size
        at += size


def main():
    source, target, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(source, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    objects = list(top_level(data))
    first = next(start for kind, start, _ in objects if kind == SHOWER)
    last = max(end for kind, _, end in objects if kind == ARRAY_EVENT)
    with open(target, "wb") as file:
        file.write(data[:first])
        for _ in range(times):
            file.write(data[first:last])
        file.write(data[last:])


if __name__ == "__main__":
    main()
