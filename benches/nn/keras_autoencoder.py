"""Speed of training the default autoencoder with Keras (TensorFlow, CPU): seconds per epoch.

usage: keras_autoencoder.py CALQ.parquet [epochs] [threads]

The same network, loss (telescope), optimiser, batches and wafers as `recoil econt train --model 8x8_c8_S2_tele`.
"""
import os
import sys
import time

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import pandas as pd
import tensorflow as tf
import tf_keras as keras

path = sys.argv[1]
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)

ARRANGE = np.array(
    [28, 29, 30, 31, 0, 4, 8, 12, 24, 25, 26, 27, 1, 5, 9, 13, 20, 21, 22, 23, 2, 6, 10, 14, 16, 17, 18, 19, 3, 7, 11, 15,
     47, 43, 39, 35, 35, 34, 33, 32, 46, 42, 38, 34, 39, 38, 37, 36, 45, 41, 37, 33, 43, 42, 41, 40, 44, 40, 36, 32, 47, 46,
     45, 44])
MASK = np.array([[not (r >= 4 and c >= 4) for c in range(8)] for r in range(8)]).ravel()
REMAP = np.array(
    [4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31, 24, 25, 26, 27, 16, 17, 18, 19, 8, 9, 10, 11, 0, 1, 2, 3,
     59, 51, 43, 35, 58, 50, 42, 34, 57, 49, 41, 33, 56, 48, 40, 32])
SC = [((0, 1, 4, 5), 1.5), ((2, 3, 6, 7), 4 / 3), ((8, 9, 12, 13), 2.25), ((10, 11, 14, 15), 1.5)]
SC = [(tuple(i + 16 * k for i in s), w) for k in range(3) for s, w in SC]
SC += [(tuple(i + 16 * k for i in s), w) for k in range(3) for s, w in [((4, 5, 8, 9), 1.5), ((6, 7, 10, 11), 1)]]
SC += [(tuple(i + 16 * k for i in s), w) for k in range(3) for s, w in [((1, 2, 5, 6), 1), ((9, 10, 13, 14), 1.5)]]
SC += [(tuple(i + 16 * k for i in (5, 6, 9, 10)), 1) for k in range(3)]
SC += [((0, 1, 27, 31), 1.5), ((1, 2, 23, 27), 1), ((2, 3, 19, 23), 5 / 3), ((3, 7, 34, 35), 5 / 3), ((7, 11, 33, 34), 1),
       ((11, 15, 32, 33), 1.5), ((16, 17, 47, 43), 1.5), ((17, 18, 43, 39), 1), ((18, 19, 39, 35), 5 / 3)]
A36 = np.zeros((48, 36), np.float32)
for j, (cells, _) in enumerate(SC):
    A36[list(cells), j] = 1
W36 = tf.constant([w / 4 for _, w in SC], tf.float32)
A3 = np.kron(np.eye(3, dtype=np.float32), np.ones((16, 1), np.float32))


def telescope(y, p):
    y = tf.gather(tf.reshape(y, (-1, 64)), REMAP, axis=1)
    p = tf.gather(tf.reshape(p, (-1, 64)), REMAP, axis=1)
    square = lambda a, b: tf.square(a - b) * tf.maximum(a, b)
    loss = 4 * tf.reduce_mean(square(y, p), axis=1)
    loss += 2 * tf.reduce_mean(W36 * square(y @ A36, p @ A36), axis=1)
    return loss + tf.reduce_mean(square(y @ A3, p @ A3), axis=1)


L = keras.layers
encoder = keras.Sequential([
    L.Conv2D(8, 3, strides=2, padding="same", activation="relu", input_shape=(8, 8, 1)), L.Flatten(),
    L.Dense(16, activation="relu")])
decoder = keras.Sequential([
    L.Dense(128, activation="relu", input_shape=(16,)), L.Reshape((4, 4, 8)),
    L.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
    L.Conv2DTranspose(1, 3, padding="same"), L.Activation("sigmoid")])
model = keras.Sequential([encoder, decoder])
model.compile(loss=telescope, optimizer=keras.optimizers.Adam(1e-3))

q = pd.read_parquet(path)[[f"CALQ_{i}" for i in range(48)]].to_numpy(np.float32)
q = q / 2 ** np.floor(np.log2(q.sum(axis=1, keepdims=True)))
x = (q[:, ARRANGE] * MASK).reshape(-1, 8, 8, 1).astype(np.float32)
n = round(0.2 * len(x))
times = []


class Clock(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        times.append((time.perf_counter() - self.start[0], time.process_time() - self.start[1]))


history = model.fit(x[n:], x[n:], epochs=epochs, batch_size=500, validation_data=(x[:n], x[:n]), verbose=0, callbacks=[Clock()])
for what, values in (("", [wall for wall, _ in times]), (" CPU", [cpu for _, cpu in times])):
    rest = sorted(values[1:] or values)
    print(f"keras: {rest[0]:.4f} s{what} (best), {rest[len(rest) // 2]:.4f} s{what} (median) per epoch with validation")
print(f"keras: last loss {history.history['loss'][-1]:.4f}")
