#include "costmodel/kernels/gemm_form.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace forerun {
namespace {

constexpr std::array<FormField<GemmForm>, 6> fields{{
    {"compute", &GemmForm::compute, 0.05, 0.8, 1},
    {"memory", &GemmForm::memory, 0.05, 0.8, 1},
    {"launch", &GemmForm::launch, 1e-7, 3e-6, 5e-5, FieldUnit::microseconds},
    {"exponent", &GemmForm::exponent, 1, 2, 20},
    {"prologue", &GemmForm::prologue, 1, 100, 1000},
    {"small_tiles", &GemmForm::small_tiles, 0.02, 0.4, 1.5},
}};

// Rows and columns of the tiles that libraries have, as powers of two.
constexpr std::array<std::array<int, 2>, GemmTimer::tile_count> tile_logs{
    {{8, 7}, {7, 8}, {7, 7}, {8, 6}, {6, 8}, {7, 6}, {6, 7}, {6, 6}, {6, 5}, {5, 6}}};
constexpr std::array<int, 2> register_block{4, 4};
constexpr double full_tile = 128.0 * 128.0;
constexpr std::size_t split_count = 7;  // 1, 2, 4, ..., 64

double pieces(std::int64_t n, int log) { return static_cast<double>((n + (std::int64_t{1} << log) - 1) >> log); }

// A quarter of the cost of a last wave that is not full: 0.25 ceil(u) + 0.75 max(1, u), for u > 0.
double waves(double u) {
  const auto whole = static_cast<double>(static_cast<std::int64_t>(u));
  const double ceiling = whole < u ? whole + 1 : whole;
  return 0.25 * ceiling + 0.75 * std::max(1.0, u);
}

}  // namespace

template <>
std::span<const FormField<GemmForm>> fields_of<GemmForm>() {
  return fields;
}

GemmTimer::GemmTimer(const GemmForm& form, const Device& device, DType dtype, double most)
    : launch_(form.launch),
      exponent_(form.exponent),
      inverse_exponent_(1 / form.exponent),
      prologue_(form.prologue),
      seconds_per_byte_(1 / (form.memory * device.memory.bandwidth.value())),
      sms_(device.sms),
      inverse_sms_(1.0 / device.sms) {
  const double rate = peak(device, dtype).value() / device.sms * std::min(form.compute, most);
  if (device.family == "cpu") {
    tiles_[0] = {register_block[0], register_block[1],
                 2 * std::ldexp(1.0, register_block[0] + register_block[1]) / rate};
    tiles_used_ = 1;
    return;
  }
  for (std::size_t i = 0; i < tiles_.size(); ++i) {
    const double area = std::ldexp(1.0, tile_logs[i][0] + tile_logs[i][1]);
    const double share = std::pow(std::min(1.0, area / full_tile), form.small_tiles);
    tiles_[i] = {tile_logs[i][0], tile_logs[i][1], 2 * area / (rate * share)};
  }
}

Seconds GemmTimer::time(const Gemm& gemm) const {
  const auto m = static_cast<double>(gemm.m), n = static_cast<double>(gemm.n), k = static_cast<double>(gemm.k);
  const auto batch = static_cast<double>(gemm.batch);
  const double memory = bytes_moved(gemm).value() * seconds_per_byte_;
  if (memory == 0) return Seconds{0};
  const double partial_sums = 8 * batch * m * n * seconds_per_byte_;  // written and read once, in fp32
  // The fastest tile of each split; a split moves as much memory whatever its tile is.
  std::array<double, split_count> compute;
  compute.fill(std::numeric_limits<double>::infinity());
  for (const Tile& tile : std::span(tiles_).first(tiles_used_)) {
    const double ctas = batch * pieces(gemm.m, tile.log_rows) * pieces(gemm.n, tile.log_columns);
    double split = 1;
    for (std::size_t s = 0; s < split_count; ++s, split *= 2) {
      const double tc = waves(ctas * split * inverse_sms_) * tile.seconds_per_k * (k / split + prologue_);
      compute[s] = std::min(compute[s], tc);
      if (ctas * split >= sms_) break;  // more pieces no longer fill idle SMs
    }
  }
  double best = std::numeric_limits<double>::infinity(), least = best, split = 1;
  for (std::size_t s = 0; s < split_count; ++s, split *= 2) {
    const double tm = split > 1 ? memory + split * partial_sums : memory;
    if (compute[s] >= least || tm >= best) continue;  // slower in both than another split
    least = compute[s];
    const double large = std::max(least, tm), ratio = std::min(least, tm) / large;
    best = std::min(best, large * std::pow(1 + std::pow(ratio, exponent_), inverse_exponent_));
  }
  return Seconds{launch_ + best};
}

}  // namespace forerun
