// The CLUE algorithm as published, with its fixed grid of tiles, as a peer for speed and labels.
//
//   g++ -O2 -march=native -o reference reference.cpp
//   ./reference points_N.f32 DC RHOC
//
// Reads all x, then all y (32-bit floats); tiles hold indices into the unsorted points, about 128 per
// tile, as the published library does. One thread. Prints least and median time, clusters, outliers and
// a hash of all labels.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

struct Grid {
  int side = 1;
  float least[2], size[2];
  std::vector<std::vector<int>> tiles;

  int bin(float value, int axis) const {
    return std::clamp(static_cast<int>((value - least[axis]) / size[axis]), 0, side - 1);
  }

  Grid(const std::vector<float> (&at)[2]) {
    const size_t count = at[0].size();
    const size_t wanted = (count + 127) / 128;
    while (static_cast<size_t>(side) * side < wanted) ++side;
    for (int axis = 0; axis < 2; ++axis) {
      const auto [low, high] = std::minmax_element(at[axis].begin(), at[axis].end());
      least[axis] = *low;
      size[axis] = (*high - *low) / side;
    }
    tiles.resize(static_cast<size_t>(side) * side);
    for (size_t i = 0; i < count; ++i) tiles[bin(at[0][i], 0) * side + bin(at[1][i], 1)].push_back(static_cast<int>(i));
  }

  template <typename Visit> void around(float x, float y, float radius, Visit visit) const {
    for (int i = bin(x - radius, 0); i <= bin(x + radius, 0); ++i)
      for (int j = bin(y - radius, 1); j <= bin(y + radius, 1); ++j)
        for (int point : tiles[i * side + j]) visit(point);
  }
};

static std::vector<int> cluster(const std::vector<float> (&at)[2], float dc, float rhoc, int &clusters) {
  const int count = static_cast<int>(at[0].size());
  const Grid grid(at);
  const auto distance = [&](int i, int j) {
    const float dx = at[0][i] - at[0][j], dy = at[1][i] - at[1][j];
    return std::sqrt(dx * dx + dy * dy);
  };
  std::vector<float> density(count, 0.f);
  for (int i = 0; i < count; ++i)
    grid.around(at[0][i], at[1][i], dc, [&](int j) {
      if (distance(i, j) <= dc) density[i] += i == j ? 1.f : 0.5f;
    });
  std::vector<int> higher(count, -1), label(count, -1);
  std::vector<std::vector<int>> followers(count);
  for (int i = 0; i < count; ++i) {
    float nearest = INFINITY;
    grid.around(at[0][i], at[1][i], dc, [&](int j) {
      if (!(density[j] > density[i] || (density[j] == density[i] && j > i))) return;
      const float d = distance(i, j);
      if (d > dc || d > nearest) return;
      const int best = higher[i];
      if (d < nearest || density[j] > density[best] || (density[j] == density[best] && j > best)) {
        nearest = d;
        higher[i] = j;
      }
    });
    if (higher[i] >= 0) followers[higher[i]].push_back(i);
  }
  clusters = 0;
  std::vector<int> stack;
  for (int i = 0; i < count; ++i) {
    if (higher[i] >= 0 || density[i] < rhoc) continue;
    label[i] = clusters++;
    for (stack = {i}; !stack.empty();) {
      const int point = stack.back();
      stack.pop_back();
      for (int follower : followers[point]) {
        label[follower] = label[point];
        stack.push_back(follower);
      }
    }
  }
  return label;
}

int main(int argc, char **argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: reference POINTS.f32 DC RHOC\n"), 2;
  std::ifstream file(argv[1], std::ios::binary | std::ios::ate);
  if (!file) return std::fprintf(stderr, "cannot read %s\n", argv[1]), 3;
  const size_t count = static_cast<size_t>(file.tellg()) / 8;
  std::vector<float> at[2] = {std::vector<float>(count), std::vector<float>(count)};
  file.seekg(0);
  for (auto &column : at) file.read(reinterpret_cast<char *>(column.data()), static_cast<std::streamsize>(count * 4));
  std::vector<double> times;
  std::vector<int> label;
  int clusters = 0;
  for (size_t repeat = 0; repeat < std::clamp<size_t>(200000 / count, 1, 15); ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    label = cluster(at, std::strtof(argv[2], nullptr), std::strtof(argv[3], nullptr), clusters);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  uint64_t hash = 0xcbf29ce484222325;
  for (int value : label) hash = (hash ^ static_cast<uint32_t>(value)) * 0x100000001b3;
  std::printf("%zu %.3f %.3f %d %td %016llx\n", count, times.front(), times[times.size() / 2], clusters,
              std::count(label.begin(), label.end(), -1), static_cast<unsigned long long>(hash));
}
