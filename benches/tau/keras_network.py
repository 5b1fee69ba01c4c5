"""Speed of the DeepTau network with Keras (TensorFlow, CPU): candidates per second of processor time.

usage: keras_network.py [threads] [reduced]

The same network, batch and loss class as the example network_speed of recoil-tau; dense grids, as Keras needs them.
"""
import math
import os
import sys
import time

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
import tf_keras as keras

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
reduced = len(sys.argv) > 2
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
L = keras.layers


def widths(first, last, rate, minimum=0):
    size, all_ = first, []
    while True:
        all_.append(size)
        if size > last:
            size = max(last, int(size / rate))
        elif len(all_) >= minimum:
            return all_


def block(x, layer, shared=None):
    x = layer(x)
    x = L.BatchNormalization()(x)
    x = L.PReLU(shared_axes=shared)(x)
    return L.Dropout(0.2)(x)


def sizes(n):
    return (24, 16) if reduced else (math.ceil(2 * n * 1.2), math.ceil(n * 1.2))


flat = keras.Input((43,))
inputs, joined = [flat], []
x = flat
for n in widths(*((48, 32) if reduced else (104, 52)), 1.4):
    x = block(x, L.Dense(n, kernel_initializer="he_uniform"))
joined.append(x)
for side in (11, 21):
    parts = []
    for n in (86, 64, 38):
        x = keras.Input((side, side, n))
        inputs.append(x)
        for m in widths(*sizes(n), 1.6):
            x = block(x, L.Conv2D(m, 1, kernel_initializer="he_uniform"), [1, 2])
        parts.append(x)
    x = L.Concatenate()(parts)
    for m in widths(*((32, 16) if reduced else (x.shape[-1], 64)), 1.6):
        x = block(x, L.Conv2D(m, 1, kernel_initializer="he_uniform"), [1, 2])
    filters = x.shape[-1]
    while x.shape[1] > 1:
        x = block(x, L.Conv2D(filters, 3, kernel_initializer="he_uniform"), [1, 2])
    joined.append(L.Flatten()(x))
x = L.Concatenate()(joined)
for m in (64, 64) if reduced else (200,) * 4:
    x = block(x, L.Dense(m, kernel_initializer="he_uniform"))
model = keras.Model(inputs, L.Softmax()(L.Dense(4)(x)))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.legacy.Nadam(1e-3))

count = 100
rng = np.random.default_rng(1)
feeds = [rng.normal(size=(count, 43)).astype(np.float32)]
for side, cells in ((11, 3), (21, 18)):
    occupied = np.zeros((count, side * side, 1), np.float32)
    for row in occupied:
        row[rng.choice(side * side, cells, replace=False)] = 1
    occupied = occupied.reshape(count, side, side, 1)
    for n in (86, 64, 38):
        feeds.append(rng.normal(size=(count, side, side, n)).astype(np.float32) * occupied)
target = np.eye(4, dtype=np.float32)[np.arange(count) % 4]
print(f"Keras, {threads} threads, {model.count_params()} numbers")
for name, work in (("inference", lambda: model.predict_on_batch(feeds)), ("training", lambda: model.train_on_batch(feeds, target))):
    work()
    rounds, wall, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < 8:
        work()
        rounds += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name}: {rounds * count / wall:.0f} candidates/s, {rounds * count / cpu:.0f} per second of processor time")
