// A fixture for tests of every backend: the CPU, the GPU's kernels on threads of the host, a GPU where there is one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/cuda_backend.hpp"
#include "tests/support/team_backend.hpp"

namespace forerun::test {

using Ints = std::vector<std::int32_t>;

struct Shape {
  std::int64_t rows, width;
};
// None, one, fewer than a team, no multiple of it, several tiles of columns, several groups of rows.
inline const std::vector<Shape> shapes{{0, 5}, {1, 1}, {3, 2}, {5, 41}, {2, 300}, {67, 6}};

// Between results that differ in the order of sums and the last places of e^x; relative to the largest number.
template <class U>
inline constexpr double tolerance = std::is_same_v<U, double>  ? 1e-12
                                    : std::is_same_v<U, float> ? 1e-5
                                                               : 0x1p-7;

// The same numbers in the host's memory, for the CPU's functions, and in the backend's.
template <class U>
class Tensor {
 public:
  Tensor(Backend& on, std::vector<U> numbers, const std::vector<U>& there)
      : host(std::move(numbers)), on_(on), data_(static_cast<U*>(on.take(bytes()))) {
    on.put(there.data(), data_, bytes());
  }
  Tensor(Backend& on, const std::vector<U>& numbers) : Tensor(on, numbers, numbers) {}
  ~Tensor() { on_.give_back(data_, bytes()); }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  [[nodiscard]] std::span<const U> in() const { return {data_, host.size()}; }
  [[nodiscard]] std::span<U> out() const { return {data_, host.size()}; }
  [[nodiscard]] Matrix<const U> rows_in(std::int64_t stride) const { return {data_, stride}; }
  [[nodiscard]] Matrix<U> rows_out(std::int64_t stride) const { return {data_, stride}; }
  [[nodiscard]] Matrix<U> host_rows(std::int64_t stride) { return {host.data(), stride}; }
  [[nodiscard]] std::vector<U> there() const {
    std::vector<U> numbers(host.size());
    on_.get(data_, numbers.data(), bytes());
    return numbers;
  }

  std::vector<U> host;

 private:
  [[nodiscard]] std::int64_t bytes() const { return static_cast<std::int64_t>(host.size() * sizeof(U)); }

  Backend& on_;
  U* data_;
};

// The backend's numbers are the host's.
template <class U>
void expect_same(const Tensor<U>& tensor, const char* what) {
  const std::vector<U> there = tensor.there();
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < there.size(); ++i) {
    const auto expected = static_cast<double>(tensor.host[i]), found = static_cast<double>(there[i]);
    if (expected == found) continue;  // infinities, too
    if (std::isnan(expected) && std::isnan(found)) continue;
    largest = std::max(largest, std::abs(expected));
    apart =
        std::isfinite(found) ? std::max(apart, std::abs(expected - found)) : std::numeric_limits<double>::infinity();
  }
  EXPECT_LE(apart, tolerance<U> * std::max(largest, 1e-3)) << what;
}

// "teams of 8": the GPU's kernels on 8 threads of the host.
inline std::unique_ptr<Backend> make_backend(const std::string& name) {
  if (name == "cpu") return make_cpu_backend();
  if (name == "cuda") return make_cuda_backend();
  return std::make_unique<TeamBackend>(std::stoi(name.substr(name.rfind(' '))));
}

class Backends : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "cuda" && cuda_devices() == 0) {
      GTEST_SKIP() << "no GPU: "
                   << (built_with_cuda() ? "the machine has none, or no driver of one" : "built without CUDA");
    }
    backend_ = make_backend(GetParam());
  }

  template <class F>
  void in_each_number(const F& f) {
    f(double{});
    f(float{});
    f(BFloat16{});
  }
  template <class F>
  void in_each_number_and_shape(const F& f) {
    in_each_number([&](auto number) {
      for (const Shape& shape : shapes) {
        SCOPED_TRACE(std::to_string(shape.rows) + " rows of " + std::to_string(shape.width));
        f(number, shape);
      }
    });
  }

  template <class U>
  std::vector<U> numbers(std::int64_t count) {
    std::vector<U> list(static_cast<std::size_t>(count));
    std::uniform_real_distribution<float> between(-1, 1);
    for (U& number : list) number = between(random_);
    return list;
  }
  template <class U>
  Tensor<U> drawn(std::int64_t count) {
    return {on(), numbers<U>(count)};
  }
  // To be written: what is there differs from the host's, and is no number.
  template <class U>
  Tensor<U> blank(std::int64_t count) {
    const auto size = static_cast<std::size_t>(count);
    return {on(), std::vector<U>(size, U(0)), std::vector<U>(size, std::numeric_limits<float>::quiet_NaN())};
  }
  Ints indices(std::int64_t count, std::int32_t from, std::int32_t below) {
    Ints list(static_cast<std::size_t>(count));
    for (auto& index : list) index = std::uniform_int_distribution<std::int32_t>(from, below - 1)(random_);
    return list;
  }

  Backend& on() { return *backend_; }
  template <class T>
  Operators<T>& table() {
    return backend_->operators<T>();
  }

 private:
  std::unique_ptr<Backend> backend_;
  std::mt19937 random_{7};
};
inline const auto every_backend = testing::Values("cpu", "teams of 1", "teams of 3", "teams of 8", "cuda");
inline std::string name_of_backend(const testing::TestParamInfo<const char*>& of) {
  std::string name = of.param;
  std::ranges::replace(name, ' ', '_');
  return name;
}

}  // namespace forerun::test
