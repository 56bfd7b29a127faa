#include "runtime/communication/reduction.hpp"

#include <cassert>

namespace forerun {
namespace {

template <class T>
void reduce_as(Reduction how, Elements with, Elements into) {
  using A = Arithmetic<T>;
  const T* from = reinterpret_cast<const T*>(with.data);
  T* to = reinterpret_cast<T*>(into.data);
  if (how == Reduction::sum) {
    for (std::int64_t i = 0; i < into.count; ++i) to[i] = T(A(to[i]) + A(from[i]));
  } else {
    for (std::int64_t i = 0; i < into.count; ++i) to[i] = A(from[i]) > A(to[i]) ? from[i] : to[i];
  }
}

}  // namespace

void reduce(Reduction how, Elements with, Elements into) {
  assert(with.count == into.count && with.dtype == into.dtype);
  switch (into.dtype) {
    case DType::fp64:
      return reduce_as<double>(how, with, into);
    case DType::fp32:
      return reduce_as<float>(how, with, into);
    case DType::bf16:
      return reduce_as<BFloat16>(how, with, into);
    default:
      assert(false && "only fp64, fp32 and bf16 are reduced");
  }
}

}  // namespace forerun
