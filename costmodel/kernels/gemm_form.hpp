// The time of a matrix product on a GPU, from tiles, waves and split reductions.
//
//   t  = launch + (tc^p + tm^p)^(1/p)
//   tc = min over tiles a x c and splits s of
//          w(ctas / SMs) 2 a c (k / s + prologue) / (rate of one SM x compute x min(1, a c / 128^2)^small_tiles)
//   tm = (bytes + partial sums of a split: 8 s m n) / (memory x bandwidth)
//   ctas = batch x ceil(m / a) x ceil(n / c) x s,   w(u) = ceil(u) / 4 + 3 max(1, u) / 4
//
// Libraries choose tile and split by such a rule themselves; a full ceil(u) would charge for a last wave that stream-K
// kernels and clocks smear. Source: fits to public timings (docs/cost-models.md); tiles and waves after NVIDIA
// DU-09799, "Matrix Multiplication Background". Products of a batch (heads, experts) are one launch over the tiles of
// all.
//
// A core of a CPU is one processor without waves or splits, whose tile is the block of C that its registers hold
// (16 x 16 rounds up as OpenBLAS's kernels for AVX-512 do; a smaller block elsewhere is near it). Packing both operands
// once is the memory's term, what loading and storing C costs a block the prologue; nothing overlaps anything else, and
// fits find p near 1.
//
// Wrong below 10 us, where libraries differ by kernels that a shape does not show (14 % median), and for quantisation
// fused around fp8.
#pragma once

#include <array>
#include <cstddef>

#include "costmodel/fitting/form_field.hpp"
#include "hardware/device.hpp"
#include "workloads/operators/kernels.hpp"

namespace forerun {

struct GemmForm {
  double compute = 1;  // share of the dense peak that full tiles reach
  double memory = 1;  // share of the datasheet bandwidth
  double launch = 0;  // seconds: fixed cost of one call
  double exponent = 2;  // p: how badly compute and memory overlap
  double prologue = 0;  // elements of k that filling a tile's pipeline costs
  double small_tiles = 0;  // how fast the rate falls with the area of a tile (less reuse of each loaded element)

  bool operator==(const GemmForm&) const = default;
};

template <>
std::span<const FormField<GemmForm>> fields_of<GemmForm>();

// A form at home on a device: what does not depend on the shape is computed once. Cheap: no power function before the
// last line.
class GemmTimer {
 public:
  // `most`: the largest share of the peak that power allows (1 where it does not bind).
  GemmTimer(const GemmForm&, const Device&, DType, double most = 1);
  [[nodiscard]] Seconds time(const Gemm&) const;

  static constexpr int tile_count = 10;

 private:
  struct Tile {
    int log_rows, log_columns;
    double seconds_per_k;  // of one CTA
  };

  double launch_, exponent_, inverse_exponent_, prologue_;
  double seconds_per_byte_, sms_, inverse_sms_;
  std::array<Tile, tile_count> tiles_{};
  std::size_t tiles_used_ = tile_count;
};

}  // namespace forerun
