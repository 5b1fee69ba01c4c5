"""Tables packed by Blosc with its codecs, as PyTables writes them."""
import numpy as np
import tables

rows = np.zeros(5000, dtype=[("number", "i8"), ("third", "f8"), ("few", "i2"), ("pixels", "f4", (7,)), ("odd", "?")])
rows["number"] = np.arange(5000) * 1000003
rows["third"] = np.arange(5000) / 3
rows["few"] = np.arange(5000) % 5
rows["pixels"] = np.arange(35000).reshape(5000, 7) % 11
rows["odd"] = np.arange(5000) % 2 == 1
with tables.open_file("blosc.h5", "w") as file:
    for codec in ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]:
        for shuffle in [True, False]:
            filters = tables.Filters(complevel=5, complib=f"blosc:{codec}", shuffle=shuffle, fletcher32=codec != "zlib")
            name = f"{codec}_{'shuffled' if shuffle else 'plain'}"
            file.create_table("/", name, obj=rows, filters=filters, chunkshape=1024)
