"""Reads a file of sim_telarray with pyeventio: python read_peer.py FILE REPEATS

Prints what was found and the processor seconds of the fastest reading, as JSON.
"""

import json
import os
import sys
import time

import eventio
from eventio import SimTelFile


def look(path):
    """Numbers that tell whether two programs read the same."""
    events = samples = counts = light = 0
    with SimTelFile(path) as file:
        for event in file:
            events += 1
            for telescope in event["telescope_events"].values():
                samples += telescope["adc_samples"].size
                counts += int(telescope["adc_samples"].sum())
            for found in (event.get("photoelectrons") or {}).values():
                light += int(found["n_pe"])
    return {"events": events, "samples": samples, "counts": counts, "photo_electrons": light}


def main():
    path, repeats = sys.argv[1], int(sys.argv[2])
    size, best = os.path.getsize(path), float("inf")
    found = look(path)
    for _ in range(repeats):
        start = time.process_time()
        with SimTelFile(path) as file:
            for event in file:
                assert event["telescope_events"]
        best = min(best, time.process_time() - start)
    print(json.dumps({
        "program": f"pyeventio {eventio.__version__}", **found, "cpu_seconds": round(best, 4),
        "events_per_second": round(found["events"] / best, 1), "mb_per_second": round(size / best / 1e6, 1),
    }))


if __name__ == "__main__":
    main()
