#include "costmodel/collectives/collective_form.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace forerun {
namespace {

constexpr FieldUnit us = FieldUnit::microseconds;
using F = CollectiveForm;

constexpr std::array<FormField<F>, 11> fields{{
    {"start", &F::start, 5e-7, 6e-6, 2e-4, us},
    {"step", &F::step, 1e-8, 6e-7, 2e-5, us},
    {"rate", &F::rate, 0.02, 0.8, 2},
    {"fill", &F::fill, 1e-8, 5e-6, 1e-3, us},
    {"copy", &F::copy, 0.2, 2, 100},
    {"switch_start", &F::switch_start, 1e-6, 2e-5, 2e-4, us},
    {"switch_rate", &F::switch_rate, 0.1, 1.2, 3},
    {"switch_fill", &F::switch_fill, 1e-8, 5e-6, 1e-3, us},
    {"small_start", &F::small_start, 5e-7, 6e-6, 2e-4, us},
    {"small_rate", &F::small_rate, 1e-3, 0.02, 1},
    {"floor", &F::floor, 1e-7, 1e-6, 1e-3, us},
}};

// n ranks, S bytes; seconds throughout.
struct Shape {
  double steps, wire;
};
Shape shape(CollectiveKind kind, double n, double bytes) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return {2 * (n - 1), 2 * (n - 1) / n * bytes};
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::all_to_all:
      return {n - 1, (n - 1) / n * bytes};
    case CollectiveKind::broadcast:
      return {n - 1, bytes};
    case CollectiveKind::send:
      return {1, bytes};
  }
  return {0, 0};
}

double pipelined(double start, double transfer, double fill) {
  return start + transfer + 2 * std::sqrt(fill * transfer);
}

}  // namespace

template <>
std::span<const FormField<CollectiveForm>> fields_of<CollectiveForm>() {
  return fields;
}

Seconds time(const CollectiveForm& f, CollectiveKind kind, int ranks, Bytes size, BytesPerSecond port) {
  if (ranks <= 1) return Seconds{0};
  const double n = ranks, bytes = size.value(), rate = port.value();
  const auto [steps, wire] = shape(kind, n, bytes);
  const double own = kind == CollectiveKind::send ? 0 : bytes / n;
  double best = pipelined(f.start + steps * f.step, wire / (f.rate * rate), f.fill) + own / (f.copy * rate);
  if (f.switch_rate > 0 && kind == CollectiveKind::all_reduce && ranks >= fewest_for_switch) {
    best = std::min(best, pipelined(f.switch_start, (n + 1) / n * bytes / (f.switch_rate * rate), f.switch_fill));
  }
  if (f.small_rate > 0) best = std::min(best, f.small_start + steps * f.step + bytes / n / (f.small_rate * rate));
  return Seconds{std::max(best, f.floor)};
}

}  // namespace forerun
