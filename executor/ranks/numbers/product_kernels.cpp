#include "executor/ranks/numbers/kernels.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

// Of a rank's slice.
LinearShape linear_shape(const Weight& w, std::int64_t rows) {
  std::int64_t columns = 0;
  for (const Slice& slice : w.columns) columns += slice.count;
  return {rows, w.rows.count, columns};
}

// Null: the head has a weight of its own.
template <class T>
const Weight* tied_table(KernelContext<T>& k, WeightKind head) {
  return k.weights.find(head) == nullptr ? k.weights.find(WeightKind::table) : nullptr;
}

// Calls product(expert, shape, rows): rows(tensor, width) are those of the expert in a tensor of all rows.
template <class T, class Product>
void for_each_expert(KernelContext<T>& k, WeightKind kind, Product product) {
  for (const RoutedRows::Block& block : k.experts.at_work().blocks) {
    const LinearShape shape = linear_shape(*k.weights.find(kind, block.expert), block.count);
    product(block.expert, shape, [&](std::span<T> all, std::int64_t width) {
      return all.subspan(static_cast<std::size_t>(block.first * width), static_cast<std::size_t>(block.count * width));
    });
  }
}

}  // namespace

template <class T>
void ProductKernels<T>::project(KernelContext<T>& k, WeightKind kind, std::span<const T> x, std::span<T> y) {
  const Weight& w = *k.weights.find(kind);
  k.on.linear_forward(linear_shape(w, std::ssize(x) / w.rows.count), x, k.weights.weight(kind), y);
}

template <class T>
void ProductKernels<T>::project_back(KernelContext<T>& k, WeightKind kind, std::span<const T> dy, std::span<T> dx) {
  const Weight& w = *k.weights.find(kind);
  k.on.linear_input_gradient(linear_shape(w, std::ssize(dx) / w.rows.count), dy, k.weights.weight(kind), dx);
}

template <class T>
void ProductKernels<T>::add_weight_gradient(KernelContext<T>& k, WeightKind kind, std::span<const T> x,
                                            std::span<const T> dy) {
  const Weight& w = *k.weights.find(kind);
  k.on.linear_weight_gradient(linear_shape(w, std::ssize(x) / w.rows.count), x, dy, k.weights.gradient(kind));
}

template <class T>
void ProductKernels<T>::forward(KernelContext<T>& k, WeightKind kind) {
  project(k, kind, k.read(0), k.written(0));
}

template <class T>
void ProductKernels<T>::input_gradient(KernelContext<T>& k, WeightKind kind) {
  project_back(k, kind, k.read(0), k.written(0));
}

template <class T>
void ProductKernels<T>::weight_gradient(KernelContext<T>& k, WeightKind kind) {
  const std::span<T> gradient = k.read(0), input = k.read(k.reads() - 1);
  add_weight_gradient(k, kind, input, gradient);
}

namespace {

template <class T>
void hand_out_logits(KernelContext<T>& k, std::span<const T> logits) {
  const std::int64_t slice = k.rank.given.model.vocab / k.rank.plan.tp;
  std::vector<T> here(logits.size());
  get<T>(k.rank.backend, logits, here);
  k.rank.options.logits({.rank = k.rank.rank,
                         .step = k.rank.step,
                         .micro_batch = k.rank.cursor.micro_batch,
                         .rows = std::ssize(logits) / slice,
                         .first_entry = k.rank.at.tp * slice,
                         .values = {here.begin(), here.end()}});
}

}  // namespace

template <class T>
void HeadKernels<T>::forward(KernelContext<T>& k, WeightKind kind) {
  const std::span<T> x = k.read(0), y = k.written(0);
  if (const Weight* table = tied_table(k, kind)) {
    const std::int64_t h = table->all_columns, n = table->rows.count;
    k.on.product(Turn::as_is, Turn::transposed, std::ssize(x) / h, n, h, {x.data(), h},
                 {k.weights.weight(WeightKind::table).data(), h}, {y.data(), n});
  } else {
    ProductKernels<T>::project(k, kind, x, y);
  }
  if (k.rank.options.logits) hand_out_logits<T>(k, y);
}

template <class T>
void HeadKernels<T>::input_gradient(KernelContext<T>& k, WeightKind kind) {
  const Weight* table = tied_table(k, kind);
  if (table == nullptr) return ProductKernels<T>::input_gradient(k, kind);
  const std::int64_t h = table->all_columns, n = table->rows.count;
  const std::span<T> dy = k.read(0), dx = k.written(0);
  k.on.product(Turn::as_is, Turn::as_is, std::ssize(dy) / n, h, n, {dy.data(), n},
               {k.weights.weight(WeightKind::table).data(), h}, {dx.data(), h});
}

template <class T>
void HeadKernels<T>::weight_gradient(KernelContext<T>& k, WeightKind kind) {
  const Weight* table = tied_table(k, kind);
  if (table == nullptr) return ProductKernels<T>::weight_gradient(k, kind);
  const std::int64_t h = table->all_columns, n = table->rows.count;
  const std::span<T> dy = k.read(0), x = k.read(k.reads() - 1);
  k.on.add_product(Turn::transposed, Turn::as_is, n, h, std::ssize(x) / h, {dy.data(), n}, {x.data(), h},
                   {k.weights.gradient(WeightKind::table).data(), h});
}

template <class T>
void FeedForwardKernels<T>::forward(KernelContext<T>& k, WeightKind kind) {
  if (k.rank.experts() == nullptr) return ProductKernels<T>::forward(k, kind);
  const std::span<T> input = k.read(0), output = k.written(0);
  for_each_expert(k, kind, [&](int expert, const LinearShape& shape, auto rows) {
    k.on.linear_forward(shape, rows(input, shape.in), k.weights.weight(kind, expert), rows(output, shape.out));
  });
}

template <class T>
void FeedForwardKernels<T>::input_gradient(KernelContext<T>& k, WeightKind kind) {
  if (k.rank.experts() == nullptr) return ProductKernels<T>::input_gradient(k, kind);
  const std::span<T> gradient = k.read(0), of_input = k.written(0);
  for_each_expert(k, kind, [&](int expert, const LinearShape& shape, auto rows) {
    k.on.linear_input_gradient(shape, rows(gradient, shape.out), k.weights.weight(kind, expert),
                               rows(of_input, shape.in));
  });
}

template <class T>
void FeedForwardKernels<T>::weight_gradient(KernelContext<T>& k, WeightKind kind) {
  if (k.rank.experts() == nullptr) return ProductKernels<T>::weight_gradient(k, kind);
  const std::span<T> gradient = k.read(0), input = k.read(k.reads() - 1);
  for_each_expert(k, kind, [&](int expert, const LinearShape& shape, auto rows) {
    k.on.linear_weight_gradient(shape, rows(input, shape.in), rows(gradient, shape.out),
                                k.weights.gradient(kind, expert));
  });
}

#define FORERUN_PRODUCT_KERNELS(T)   \
  template struct ProductKernels<T>; \
  template struct HeadKernels<T>;    \
  template struct FeedForwardKernels<T>;
FORERUN_FOR_EACH_NUMBER(FORERUN_PRODUCT_KERNELS)

}  // namespace forerun
