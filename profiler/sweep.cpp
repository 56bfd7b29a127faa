#include "profiler/sweep.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/random.hpp"

namespace forerun {
namespace {

double size(DType dtype) { return size_of(dtype).value(); }
// Of what sums and states are held in.
double wide(DType dtype) { return dtype == DType::fp64 ? 8 : 4; }

Gemm gemm(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, bool sums) {
  return {.m = m,
          .n = n,
          .k = k,
          .batch = 1,
          .dtype = dtype,
          .output_size = static_cast<int>(sums ? wide(dtype) : size(dtype))};
}

// A multiple of `step`.
std::int64_t drawn(Random& random, const SizeRange& extent, std::int64_t step = 1) {
  const double size = random.log_uniform(extent.least, extent.most);
  return std::max<std::int64_t>(1, std::llround(size / static_cast<double>(step))) * step;
}

KernelCase product(DType dtype, Random& random, const SweepRange& range, Flops most) {
  for (;;) {
    const std::int64_t rows = drawn(random, range.rows), in = drawn(random, range.widths, 16),
                       out = drawn(random, range.widths, 16);
    const auto order = random.below(3);
    KernelCase one{.dtype = dtype};
    if (order == 0) one.operation = "linear_forward", one.kernel = gemm(dtype, rows, out, in, false);
    if (order == 1) one.operation = "linear_input_gradient", one.kernel = gemm(dtype, rows, in, out, false);
    if (order == 2) one.operation = "linear_weight_gradient", one.kernel = gemm(dtype, in, out, rows, true);
    if (flops(one.kernel) <= most) return one;
  }
}

KernelCase attention(DType dtype, Random& random, const SweepRange& range, Flops most, bool backward) {
  constexpr std::array<int, 3> shares{1, 2, 4};
  for (;;) {
    FusedAttention a{.sequences = drawn(random, range.sequences), .dtype = dtype};
    a.kv_heads = static_cast<int>(drawn(random, range.kv_heads));
    a.heads = a.kv_heads * shares[static_cast<std::size_t>(random.below(3))];
    a.head_dim = a.value_dim =
        range.head_sizes[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(range.head_sizes.size())))];
    a.q_len = a.kv_len = drawn(random, range.tokens, 8);
    a.visible = visible_share(a.q_len, a.kv_len);
    a.backward = backward;
    if (flops(a) <= most && a.sequences * a.q_len * a.heads * a.head_dim <= range.most_attended)
      return {.operation = "attention", .dtype = dtype, .kernel = a};
  }
}

// Bytes an element of `width` and a row of them, as the operators of a plan count them.
struct StreamingOperation {
  std::string_view name;
  StreamingKind kind;
  bool backward;
  double narrow, wide;  // elements of the tensors' format and of that of sums that move for one element of the shape
};
// A norm reads x and writes y; backward reads x and dy and writes dx. The gradients of a branch and of what went past
// it are added up in place. SwiGLU reads two and writes one; backward reads three and writes two. Two copies of a row
// go to experts, and come back as one; the gradient of each way sums or makes them again, and that of the way back
// reads what the experts made as well. Cross entropy keeps exponentials, counted as 4 bytes, beside the logits. AdamW
// reads the gradient, reads and writes two moments and the master, and writes the parameter where it has a format of
// its own.
constexpr std::array<StreamingOperation, 22> operations{{
    {"rms_norm_forward", StreamingKind::norm, false, 2, 0},
    {"layer_norm_forward", StreamingKind::norm, false, 2, 0},
    {"rms_norm_backward", StreamingKind::norm, true, 3, 0},
    {"layer_norm_backward", StreamingKind::norm, true, 3, 0},
    {"add", StreamingKind::elementwise, false, 3, 0},
    {"add_in_place", StreamingKind::elementwise, true, 3, 0},
    {"swiglu_forward", StreamingKind::activation, false, 3, 0},
    {"gelu_forward", StreamingKind::activation, false, 2, 0},
    {"swiglu_backward", StreamingKind::activation, true, 5, 0},
    {"gelu_backward", StreamingKind::activation, true, 3, 0},
    {"rotary_forward", StreamingKind::rotary, false, 2, 0},
    {"rotary_backward", StreamingKind::rotary, true, 2, 0},
    {"embedding_forward", StreamingKind::embedding, false, 2, 0},
    {"embedding_weight_gradient", StreamingKind::embedding, true, 1, 2},
    {"cross_entropy_forward", StreamingKind::cross_entropy, false, 1, 2},
    {"cross_entropy_backward", StreamingKind::cross_entropy, true, 1, 1},
    {"dispatch_forward", StreamingKind::permute, false, 3, 0},
    {"combine_forward", StreamingKind::permute, false, 3, 0},
    {"dispatch_backward", StreamingKind::permute, true, 3, 0},
    {"combine_backward", StreamingKind::permute, true, 5, 0},
    {"copy", StreamingKind::cast, false, 2, 0},
    {"adamw_update", StreamingKind::optimizer, false, 0, 7},
}};

const StreamingOperation& named(std::string_view name) {
  return *std::ranges::find(operations, name, &StreamingOperation::name);
}

// Its kind has no other operation.
bool alone(const StreamingOperation& o) {
  return std::count_if(operations.begin(), operations.end(),
                       [&](const StreamingOperation& other) { return other.kind == o.kind; }) == 1;
}

KernelCase streaming(const StreamingOperation& o, DType dtype, std::int64_t rows, std::int64_t width) {
  const bool own_parameters = o.kind == StreamingKind::optimizer && size(dtype) != wide(dtype);
  const double element = o.narrow * size(dtype) + o.wide * wide(dtype) + (own_parameters ? size(dtype) : 0);
  return {.operation = std::string(o.name),
          .dtype = dtype,
          .kernel = Streaming{o.kind, static_cast<double>(rows * width) * Bytes{element}, o.backward},
          .rows = rows,
          .width = width};
}

KernelCase streaming(const StreamingOperation& o, DType dtype, Random& random, const SweepRange& range) {
  for (;;) {
    const bool vocabulary = o.kind == StreamingKind::cross_entropy;
    const std::int64_t rows = drawn(random, range.rows),
                       width = drawn(random, vocabulary ? range.vocabulary : range.widths, 16);
    if (rows * width > range.most_streamed) continue;
    KernelCase one =
        o.kind == StreamingKind::optimizer ? streaming(o, dtype, rows * width, 1) : streaming(o, dtype, rows, width);
    if (o.kind == StreamingKind::embedding)
      one.table = std::min(drawn(random, range.table), range.most_streamed / width);
    return one;
  }
}

}  // namespace

SweepRange gpu_range(Bytes memory, std::span<const DType> dtypes) {
  constexpr double share = 0.7;
  // Of the sampler's memory for each element of its largest tensor: five tensors read, three written and four of sums,
  // in every format.
  double bytes = 0;
  for (const DType dtype : dtypes) bytes += 8 * size(dtype) + 4 * wide(dtype);
  std::int64_t elements = 1 << 27;
  while (elements > 1 << 20 && bytes * static_cast<double>(elements) > share * memory.value()) elements /= 2;
  return {.rows = {16, 16384},
          .widths = {64, 16384},
          .sequences = {1, 8},
          .kv_heads = {1, 32},
          .tokens = {64, 8192},
          .head_sizes = {64, 128},
          .vocabulary = {1024, 131072},
          .table = {1024, 131072},
          .most_streamed = elements,
          .most_attended = elements,
          .squares = {4096, 6144, 8192, 12288}};
}

std::vector<std::int64_t> measured_squares(const SweepRange& range, const SweepSize& sizes) {
  std::vector<std::int64_t> list = range.squares;
  std::erase_if(list,
                [&](std::int64_t n) { return flops(product_case(DType::fp32, n, n, n).kernel) > sizes.most_work; });
  return list;
}

std::vector<KernelCase> plan_sweep(const SweepSize& sizes, const SweepRange& range, std::span<const DType> dtypes,
                                   std::uint64_t seed) {
  std::vector<KernelCase> cases;
  for (const DType dtype : dtypes) {
    Random random(seed ^ (static_cast<std::uint64_t>(dtype) << 32));  // seeds of profiles are below 2^32
    for (int i = 0; i < sizes.products; ++i) cases.push_back(product(dtype, random, range, sizes.most_work));
    for (int i = 0; i < sizes.attentions; ++i)
      cases.push_back(attention(dtype, random, range, 0.3 * sizes.most_work, i % 2 == 1));
    for (const StreamingOperation& o : operations) {
      const int samples = alone(o) ? 2 * sizes.each_streaming : sizes.each_streaming;
      for (int i = 0; i < samples; ++i) cases.push_back(streaming(o, dtype, random, range));
    }
  }
  // Kinds in turn, so that a machine that grows hot or busy does not do so in one of them. The order has a stream of
  // its own: that of the seed alone is the one of fp64, whose shapes would say when they are measured.
  Random order = Random::stream(seed, 1);
  for (std::size_t i = cases.size(); i > 1; --i)
    std::swap(cases[i - 1], cases[static_cast<std::size_t>(order.below(static_cast<std::int64_t>(i)))]);
  return cases;
}

KernelCase stream_case(DType dtype, const SweepRange& range) {
  return streaming(named("add"), dtype, range.most_streamed / 1024, 1024);
}
KernelCase copy_case(DType dtype, const SweepRange& range) {
  return streaming(named("copy"), dtype, range.most_streamed / 1024, 1024);
}
KernelCase product_case(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k) {
  return {.operation = "linear_forward", .dtype = dtype, .kernel = gemm(dtype, m, n, k, false)};
}
KernelCase call_case() { return streaming(named("add"), DType::fp32, 1, 16); }

}  // namespace forerun
