// Does attention on a GPU say what the CPU's does? Its bodies on the host, in whichever tiles and by however many
// threads; and where there is a GPU, its kernels.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "runtime/cpu/attention.hpp"
#include "runtime/cuda/kernels/attention_backward_bodies.hpp"
#include "runtime/cuda/kernels/attention_forward_bodies.hpp"
#include "runtime/cuda_backend.hpp"
#include "tests/support/host_team.hpp"

namespace forerun {
namespace {

using Positions = std::vector<std::int32_t>;

Positions all_up_to(int tokens) {
  Positions list;
  for (int i = 0; i < tokens; ++i) list.push_back(i);
  return list;
}

// Of 2 x ranks chunks, those at `rank` from either end (zig-zag ring attention).
Positions zigzag(int tokens, int ranks, int rank) {
  const int chunk = tokens / (2 * ranks);
  Positions list;
  for (const int which : {rank, 2 * ranks - 1 - rank}) {
    for (int i = 0; i < chunk; ++i) list.push_back(which * chunk + i);
  }
  return list;
}

struct Case {
  std::string name;
  int sequences, heads, kv_heads, head_dim, value_dim, window,
      gap;  // gap: elements that belong to nobody, between q, k, v and behind each row
  Positions queries;
  std::vector<Positions> pieces;  // of keys
  int tile_queries = 0, tile_keys = 0, threads = 0;  // of the bodies on the host

  [[nodiscard]] AttentionShape shape(const Positions& keys) const {
    return {sequences, std::ssize(queries), std::ssize(keys), heads, kv_heads, head_dim, value_dim, window};
  }
};
std::ostream& operator<<(std::ostream& to, const Case& c) { return to << c.name; }

template <class T>
class Numbers {
 public:
  explicit Numbers(unsigned seed) : random_(seed) {}
  std::vector<T> operator()(std::int64_t count) {
    std::vector<T> list;
    for (std::int64_t i = 0; i < count; ++i)
      list.push_back(static_cast<T>(static_cast<Arithmetic<T>>(range_(random_))));
    return list;
  }

 private:
  std::mt19937 random_;
  std::uniform_real_distribution<double> range_{-2, 2};
};

// Largest difference over the largest number; infinities must be the same.
template <class T>
double distance(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0, scale = 1e-300;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isinf(x) && x == y) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    most = std::max(most, std::abs(x - y));
    scale = std::max({scale, std::abs(x), std::abs(y)});
  }
  return most / scale;
}

// bf16 on the GPU rounds probabilities and the gradients of scores, too: each to 2^-9.
template <class T>
constexpr double close = std::is_same_v<T, double>  ? 1e-11
                         : std::is_same_v<T, float> ? 1e-5
                                                    : 1e-2;

// How the two compute, behind the same names.
template <class T>
struct Cpu {
  using A = Arithmetic<T>;
  const Case& c;

  void forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, std::vector<A>& lse) const {
    std::vector<A> scratch(static_cast<std::size_t>(attention_scratch<T>(s)));
    attention_forward<T>(s, in, out, lse, scratch);
  }
  void merge(const AttentionShape& s, Matrix<const T> out, const std::vector<A>& lse, std::vector<A>& sum,
             std::vector<A>& sum_lse) const {
    merge_attention<T>(s, out, lse, sum, sum_lse);
  }
  void backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out, const std::vector<A>& lse,
                Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv) const {
    std::vector<A> scratch(static_cast<std::size_t>(attention_scratch<T>(s)));
    attention_backward<T>(s, in, out, lse, dout, dq, dk, dv, scratch);
  }
};

template <class T>
struct Bodies {
  using A = Arithmetic<T>;
  const Case& c;

  template <class Memory, class Body>
  void run(const Body& body, const cuda::AttentionTiles& t) const {
    test::for_each_team_on_host(body.items(), c.threads, cuda::bytes_of<Memory>(t), body);
  }
  [[nodiscard]] cuda::AttentionTiles tiles() const {
    return {cuda::whole_blocks<T>(c.tile_queries), cuda::whole_blocks<T>(c.tile_keys),
            cuda::whole_blocks<T>(c.head_dim), cuda::whole_blocks<T>(c.value_dim)};
  }

  void forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, std::vector<A>& lse) const {
    run<cuda::ForwardMemory<T>>(cuda::AttentionForward<T>{s, in.q, in.k, in.v, in.query_positions.data(),
                                                          in.key_positions.data(), out, lse.data(), tiles()},
                                tiles());
  }
  void merge(const AttentionShape& s, Matrix<const T> out, const std::vector<A>& lse, std::vector<A>& sum,
             std::vector<A>& sum_lse) const {
    const cuda::MergeAttention<T> body{s, out, lse.data(), sum.data(), sum_lse.data()};
    test::for_each_team_on_host(body.items(), c.threads, body.bytes, body);
  }
  void backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out, const std::vector<A>& lse,
                Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv) const {
    std::vector<A> delta(lse.size());
    const cuda::AttentionDelta<T> of_delta{s, out, dout, delta.data()};
    test::for_each_team_on_host(of_delta.items(), c.threads, of_delta.bytes, of_delta);
    const cuda::BackwardData<T> data{
        s,    in.q,       in.k,         in.v,   in.query_positions.data(), in.key_positions.data(),
        dout, lse.data(), delta.data(), tiles()};
    run<cuda::BackwardMemory<T, true>>(cuda::AttentionKeyGradient<T>{data, dk, dv}, tiles());
    run<cuda::BackwardMemory<T, false>>(cuda::AttentionQueryGradient<T>{data, dq}, tiles());
  }
};

// A matrix, or a list in one row, of the host's that is copied to the GPU and, where it is written, back.
template <class E>
class OnGpu {
 public:
  using Value = std::remove_const_t<E>;
  OnGpu(Backend& on, Matrix<E> host, std::int64_t rows, std::int64_t width)
      : on_(on),
        host_(host),
        rows_(rows),
        width_(width),
        values_(static_cast<std::size_t>(rows > 0 ? (rows - 1) * host.stride + width : 0)) {
    std::copy_n(host.data, values_.size(), values_.begin());
    data_ = static_cast<Value*>(on.take(bytes()));
    if (!values_.empty()) on.put(values_.data(), data_, bytes());
  }
  OnGpu(Backend& on, std::conditional_t<std::is_const_v<E>, const std::vector<Value>, std::vector<Value>>& list)
      : OnGpu(on, Matrix<E>{list.data(), 0}, 1, std::ssize(list)) {}
  ~OnGpu() { on_.give_back(data_, bytes()); }
  OnGpu(const OnGpu&) = delete;
  OnGpu& operator=(const OnGpu&) = delete;

  [[nodiscard]] Matrix<E> matrix() const { return {data_, host_.stride}; }
  [[nodiscard]] std::span<E> list() const { return {data_, values_.size()}; }
  void read() {
    if (values_.empty()) return;
    on_.get(data_, values_.data(), bytes());
    for (std::int64_t i = 0; i < rows_; ++i) std::copy_n(values_.data() + i * host_.stride, width_, host_.row(i));
  }

 private:
  [[nodiscard]] std::int64_t bytes() const {
    return static_cast<std::int64_t>(std::max<std::size_t>(1, values_.size()) * sizeof(E));
  }

  Backend& on_;
  Matrix<E> host_;
  std::int64_t rows_, width_;
  std::vector<Value> values_;
  Value* data_ = nullptr;
};

template <class T>
struct Gpu {
  using A = Arithmetic<T>;
  Backend& on;

  struct Input {
    OnGpu<const T> q, k, v;
    AttentionInput<T> input;
    Input(Backend& backend, const AttentionShape& s, const AttentionInput<T>& in)
        : q(backend, in.q, s.sequences * s.queries, std::int64_t{s.heads} * s.head_dim),
          k(backend, in.k, s.sequences * s.keys, std::int64_t{s.kv_heads} * s.head_dim),
          v(backend, in.v, s.sequences * s.keys, std::int64_t{s.kv_heads} * s.value_dim),
          input{q.matrix(), k.matrix(), v.matrix(), in.query_positions, in.key_positions} {}
  };
  template <class E>
  [[nodiscard]] OnGpu<E> output(const AttentionShape& s, Matrix<E> out) const {
    return {on, out, s.sequences * s.queries, std::int64_t{s.heads} * s.value_dim};
  }

  void forward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<T> out, std::vector<A>& lse) const {
    const Input there(on, s, in);
    OnGpu<T> outs = output(s, out);
    std::vector<A> room = scratch_of(s);
    OnGpu<A> lses(on, lse), scratch(on, room);
    on.operators<T>().attention_forward(s, there.input, outs.matrix(), lses.list(), scratch.list());
    outs.read();
    lses.read();
  }
  void merge(const AttentionShape& s, Matrix<const T> out, const std::vector<A>& lse, std::vector<A>& sum,
             std::vector<A>& sum_lse) const {
    const OnGpu<const T> outs = output(s, out);
    const OnGpu<const A> lses(on, lse);
    OnGpu<A> sums(on, sum), sum_lses(on, sum_lse);
    on.operators<T>().merge_attention(s, outs.matrix(), lses.list(), sums.list(), sum_lses.list());
    sums.read();
    sum_lses.read();
  }
  void backward(const AttentionShape& s, const AttentionInput<T>& in, Matrix<const T> out, const std::vector<A>& lse,
                Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk, Matrix<T> dv) const {
    const Input there(on, s, in);
    const OnGpu<const T> outs = output(s, out), douts = output(s, dout);
    const OnGpu<const A> lses(on, lse);
    OnGpu<T> dqs(on, dq, s.sequences * s.queries, std::int64_t{s.heads} * s.head_dim);
    OnGpu<T> dks(on, dk, s.sequences * s.keys, std::int64_t{s.kv_heads} * s.head_dim),
        dvs(on, dv, s.sequences * s.keys, std::int64_t{s.kv_heads} * s.value_dim);
    std::vector<A> room = scratch_of(s);
    const OnGpu<A> scratch(on, room);
    on.operators<T>().attention_backward(s, there.input, outs.matrix(), lses.list(), douts.matrix(), dqs.matrix(),
                                         dks.matrix(), dvs.matrix(), scratch.list());
    dqs.read();
    dks.read();
    dvs.read();
  }

 private:
  [[nodiscard]] std::vector<A> scratch_of(const AttentionShape& s) const {
    return std::vector<A>(static_cast<std::size_t>(on.operators<T>().attention_scratch(s)));
  }
};

// All that a training step asks of attention over pieces of keys; rows have gaps, which nobody may touch.
template <class T, class How>
struct Step {
  using A = Arithmetic<T>;
  std::vector<std::vector<T>> outs, key_gradients;
  std::vector<std::vector<A>> lses;
  std::vector<A> sum, sum_lse;
  std::vector<T> query_gradient;

  Step(const Case& c, const How& how) {
    Numbers<T> numbers(7);
    const int group_width = c.heads * c.head_dim, key_width = c.kv_heads * c.head_dim,
              value_width = c.kv_heads * c.value_dim;
    const std::int64_t queries = std::ssize(c.queries) * c.sequences, out_width = c.heads * c.value_dim;
    const std::int64_t q_stride = group_width + c.gap, kv_stride = key_width + value_width + 2 * c.gap,
                       out_stride = out_width + c.gap;
    const auto values_of = [&](auto& kv) { return Matrix<T>{kv.data() + key_width + c.gap, kv_stride}; };
    const std::vector<T> q = numbers(queries * q_stride), dout = numbers(queries * out_stride);
    std::vector<std::vector<T>> kvs;
    for (const Positions& keys : c.pieces) kvs.push_back(numbers(std::ssize(keys) * c.sequences * kv_stride));
    const auto input = [&](std::size_t piece) {
      return AttentionInput<T>{
          {q.data(), q_stride}, {kvs[piece].data(), kv_stride}, values_of(kvs[piece]), c.queries, c.pieces[piece]};
    };

    sum.assign(static_cast<std::size_t>(queries * out_width), A(0));
    sum_lse.assign(static_cast<std::size_t>(queries * c.heads), -std::numeric_limits<A>::infinity());
    for (std::size_t piece = 0; piece < kvs.size(); ++piece) {
      const AttentionShape s = c.shape(c.pieces[piece]);
      std::vector<T>& out = outs.emplace_back(numbers(queries * out_stride));  // what was there before must not matter
      std::vector<A>& lse = lses.emplace_back(sum_lse.size());
      how.forward(s, input(piece), {out.data(), out_stride}, lse);
      how.merge(s, {out.data(), out_stride}, lse, sum, sum_lse);
    }

    std::vector<T> merged;
    for (const A number : sum) merged.push_back(static_cast<T>(number));
    query_gradient = numbers(std::ssize(q));  // what gradients are added to
    for (std::size_t piece = 0; piece < kvs.size(); ++piece) {
      std::vector<T>& dkv = key_gradients.emplace_back(numbers(std::ssize(kvs[piece])));
      how.backward(c.shape(c.pieces[piece]), input(piece), {merged.data(), out_width}, sum_lse,
                   {dout.data(), out_stride}, {query_gradient.data(), q_stride}, {dkv.data(), kv_stride},
                   values_of(dkv));
    }
  }
};

template <class T, class One, class Other>
void expect_the_same(const Step<T, One>& a, const Step<T, Other>& b) {
  for (std::size_t piece = 0; piece < a.outs.size(); ++piece) {
    EXPECT_LT(distance(a.outs[piece], b.outs[piece]), close<T>) << "output of piece " << piece;
    EXPECT_LT(distance(a.lses[piece], b.lses[piece]), close<T>) << "log-sum-exp of piece " << piece;
    EXPECT_LT(distance(a.key_gradients[piece], b.key_gradients[piece]), close<T>)
        << "gradient of keys and values of piece " << piece;
  }
  EXPECT_LT(distance(a.sum, b.sum), close<T>);
  EXPECT_LT(distance(a.sum_lse, b.sum_lse), close<T>);
  EXPECT_LT(distance(a.query_gradient, b.query_gradient), close<T>);
}

class CudaAttention : public testing::TestWithParam<Case> {};

TEST_P(CudaAttention, IsTheCpusInFp64) {
  expect_the_same(Step<double, Cpu<double>>(GetParam(), {GetParam()}),
                  Step<double, Bodies<double>>(GetParam(), {GetParam()}));
}
TEST_P(CudaAttention, IsTheCpusInFp32) {
  expect_the_same(Step<float, Cpu<float>>(GetParam(), {GetParam()}),
                  Step<float, Bodies<float>>(GetParam(), {GetParam()}));
}
TEST_P(CudaAttention, IsTheCpusInBf16) {
  expect_the_same(Step<BFloat16, Cpu<BFloat16>>(GetParam(), {GetParam()}),
                  Step<BFloat16, Bodies<BFloat16>>(GetParam(), {GetParam()}));
}

class CudaAttentionOnAGpu : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (cuda_devices() == 0) GTEST_SKIP() << (built_with_cuda() ? "this machine has no GPU" : "built without CUDA");
    gpu_ = make_cuda_backend();
  }
  template <class T>
  void compare() const {
    SCOPED_TRACE(to_string(number_format<T>));
    expect_the_same(Step<T, Cpu<T>>(GetParam(), {GetParam()}), Step<T, Gpu<T>>(GetParam(), {*gpu_}));
  }
  template <class T>
  [[nodiscard]] bool repeats() const {
    const Step<T, Gpu<T>> once(GetParam(), {*gpu_}), again(GetParam(), {*gpu_});
    return once.outs == again.outs && once.lses == again.lses && once.key_gradients == again.key_gradients &&
           once.query_gradient == again.query_gradient;
  }

 private:
  std::unique_ptr<Backend> gpu_;
};

TEST_P(CudaAttentionOnAGpu, IsTheCpus) {
  for (const auto compare_in : {&CudaAttentionOnAGpu::compare<double>, &CudaAttentionOnAGpu::compare<float>,
                                &CudaAttentionOnAGpu::compare<BFloat16>}) {
    (this->*compare_in)();
  }
}
// No atomics: the same bits again.
TEST_P(CudaAttentionOnAGpu, RepeatsBitForBit) { EXPECT_TRUE(repeats<BFloat16>() && repeats<float>()); }

// Sequences, heads, kv_heads, head_dim, value_dim, window, gap; queries; pieces of keys; tiles of queries and keys,
// threads.
const auto small_cases = testing::Values(
    Case{"OneThread", 2, 2, 2, 4, 4, 0, 3, all_up_to(19), {all_up_to(19)}, 4, 4, 1},
    Case{"FourThreads", 1, 4, 2, 16, 16, 0, 8, all_up_to(37), {all_up_to(37)}, 8, 4, 4},
    Case{"GroupsOfFour", 1, 8, 2, 24, 24, 0, 3, all_up_to(21), {all_up_to(21)}, 8, 8, 4},
    Case{"Window", 2, 2, 1, 40, 40, 5, 8, all_up_to(43), {all_up_to(43)}, 4, 8, 1},
    Case{"WindowOfOne", 1, 2, 1, 4, 4, 1, 3, all_up_to(11), {all_up_to(11)}, 4, 4, 4},
    Case{"NarrowValues", 1, 4, 1, 64, 24, 0, 0, all_up_to(35), {all_up_to(35)}, 16, 16, 4},
    Case{"WideValues", 1, 1, 1, 16, 40, 7, 8, all_up_to(35), {all_up_to(35)}, 8, 16, 1},
    Case{"DimensionsOfNoWholeBlock", 1, 2, 2, 5, 3, 0, 0, all_up_to(18), {all_up_to(18)}, 4, 4, 4},
    Case{"MoreThreadsThanRows", 1, 2, 1, 24, 16, 9, 3, all_up_to(23), {all_up_to(23)}, 4, 8, 12},
    Case{"ThreadsLeftOver", 1, 1, 1, 16, 16, 0, 8, all_up_to(13), {all_up_to(13)}, 4, 4, 10},
    Case{"TilesLargerThanAll", 1, 2, 2, 16, 16, 0, 8, all_up_to(5), {all_up_to(5)}, 32, 32, 4},
    Case{"OneToken", 3, 2, 1, 4, 4, 0, 0, all_up_to(1), {all_up_to(1)}, 4, 4, 1},
    // Of other ranks' keys, rank 0's first chunk sees nothing and its last all; nobody of rank 2 sees the last chunk.
    Case{"ZigZag",
         2,
         4,
         2,
         16,
         24,
         0,
         8,
         zigzag(48, 3, 0),
         {zigzag(48, 3, 0), zigzag(48, 3, 1), zigzag(48, 3, 2)},
         8,
         4,
         4},
    Case{"ZigZagMiddle",
         1,
         2,
         1,
         24,
         16,
         0,
         8,
         zigzag(60, 3, 2),
         {zigzag(60, 3, 2), zigzag(60, 3, 0), zigzag(60, 3, 1)},
         4,
         8,
         1},
    Case{"ZigZagWindow", 1, 2, 2, 4, 4, 6, 3, zigzag(72, 2, 1), {zigzag(72, 2, 1), zigzag(72, 2, 0)}, 16, 4, 4},
    // Keys that all come later, and none at all.
    Case{
        "PiecesUnseen", 1, 2, 1, 4, 8, 0, 0, {3, 4, 5, 9, 10}, {{3, 4}, {}, {11, 12, 13}, {0, 1, 5, 10, 30}}, 4, 4, 4});
const auto name_of = [](const auto& each) { return each.param.name; };
INSTANTIATE_TEST_SUITE_P(Cases, CudaAttention, small_cases, name_of);
// Over several of its tiles, which it chooses itself.
INSTANTIATE_TEST_SUITE_P(Small, CudaAttentionOnAGpu, small_cases, name_of);
INSTANTIATE_TEST_SUITE_P(
    Large, CudaAttentionOnAGpu,
    testing::Values(
        Case{"GroupsOfFour", 2, 8, 2, 128, 128, 0, 8, all_up_to(300), {all_up_to(300)}},
        Case{"Window", 1, 4, 4, 64, 64, 70, 0, all_up_to(333), {all_up_to(333)}},
        Case{"Unaligned", 1, 2, 1, 72, 40, 0, 3, all_up_to(201), {all_up_to(201)}},
        Case{"LargestDimensions", 1, 2, 1, 256, 256, 0, 0, all_up_to(150), {all_up_to(150)}},
        Case{"ValuesNarrower", 1, 4, 4, 192, 128, 0, 8, all_up_to(260), {all_up_to(260)}},
        Case{"ZigZag",
             2,
             4,
             2,
             128,
             128,
             0,
             8,
             zigzag(1200, 3, 1),
             {zigzag(1200, 3, 1), zigzag(1200, 3, 0), zigzag(1200, 3, 2)}},
        Case{"ZigZagWindow", 1, 2, 2, 32, 32, 130, 8, zigzag(800, 2, 0), {zigzag(800, 2, 0), zigzag(800, 2, 1)}}),
    name_of);

// Everything at random: also queries and keys that have nothing to do with each other, and positions that come twice.
TEST(CudaAttention, IsTheCpusForRandomShapes) {
  std::mt19937 random(1);
  const auto any = [&](int least, int most) { return std::uniform_int_distribution(least, most)(random); };
  const auto ascending = [&](int count) {
    Positions list;
    for (int i = 0, at = any(0, 9); i < count; ++i) list.push_back(at += any(0, 3));
    return list;
  };
  for (int times = 0; times < 12; ++times) {
    const int kv_heads = any(1, 2), group = 1 << any(0, 2);
    Case c{"",
           any(1, 2),
           kv_heads * group,
           kv_heads,
           any(1, 24),
           any(1, 24),
           any(0, 1) * any(1, 20),
           any(0, 9),
           ascending(any(1, 40)),
           {},
           4 << any(0, 2),
           4 << any(0, 2),
           any(1, 5)};
    for (int pieces = any(1, 3); pieces > 0; --pieces) c.pieces.push_back(ascending(any(0, 40)));
    SCOPED_TRACE(times);
    expect_the_same(Step<double, Cpu<double>>(c, {c}), Step<double, Bodies<double>>(c, {c}));
  }
}

// Keys of zeros: each query's output is the mean of the values that it sees, whole numbers here.
TEST(CudaAttention, AveragesWhatIsSeen) {
  const Case c{"", 1, 1, 1, 4, 1, 0, 0, {-1, 1, 2}, {{0, 1, 2, 2}}, 4, 4, 4};
  const std::vector<double> q(3 * 4, 1.0), k(4 * 4, 0.0), v{1, 3, 5, 7};
  std::vector<double> out(3, -9), lse(3, -9);
  Bodies<double>{c}.forward(c.shape(c.pieces[0]), {{q.data(), 4}, {k.data(), 4}, {v.data(), 1}, c.queries, c.pieces[0]},
                            {out.data(), 1}, lse);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(lse[0], -std::numeric_limits<double>::infinity());
  EXPECT_NEAR(out[1], 2, 1e-15);
  EXPECT_NEAR(lse[1], std::log(2), 1e-15);
  EXPECT_NEAR(out[2], 4, 1e-15);
  EXPECT_NEAR(lse[2], std::log(4), 1e-15);
}

template <class T>
void expect_tiles(int dimension, std::int64_t limit, int at_least) {
  const AttentionShape s{.head_dim = dimension, .value_dim = dimension};
  const auto of_forward = cuda::tiles_that_fit<T, cuda::ForwardMemory<T>>(s, limit);
  const auto of_keys = cuda::tiles_that_fit<T, cuda::BackwardMemory<T, true>>(s, limit);
  const auto of_queries = cuda::tiles_that_fit<T, cuda::BackwardMemory<T, false>>(s, limit);
  for (const auto& tiles : {of_forward, of_keys, of_queries}) {
    ASSERT_TRUE(tiles) << dimension;
    EXPECT_GE(tiles->keys, at_least) << dimension;
  }
}

// 227 KiB a block on Hopper, 99 on the smallest GPUs since Ampere.
TEST(CudaAttention, HasTilesForDimensionsUpTo256) {
  constexpr std::int64_t hopper = 227 << 10, small = 99 << 10;
  expect_tiles<BFloat16>(128, hopper, 64);
  expect_tiles<BFloat16>(256, hopper, 32);
  expect_tiles<BFloat16>(256, small, 16);
  expect_tiles<float>(128, hopper, 32);
  expect_tiles<float>(256, small, 8);
  expect_tiles<double>(256, hopper, 16);
  expect_tiles<double>(256, small, 4);
  EXPECT_FALSE(
      (cuda::tiles_that_fit<double, cuda::ForwardMemory<double>>({.head_dim = 4096, .value_dim = 4096}, hopper)));
}

}  // namespace
}  // namespace forerun
