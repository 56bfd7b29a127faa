#include "runtime/cuda/matrix_products.hpp"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "runtime/machine/shared_library.hpp"

namespace forerun::cuda {
namespace {

template <class T>
constexpr cudaDataType_t data_type = std::is_same_v<T, double>  ? CUDA_R_64F
                                     : std::is_same_v<T, float> ? CUDA_R_32F
                                                                : CUDA_R_16BF;

// The largest power of two, up to 256, that an address is a multiple of.
std::uint32_t alignment_of(const void* data) {
  std::uint32_t alignment = 256;
  while (reinterpret_cast<std::uintptr_t>(data) % alignment != 0) alignment /= 2;
  return alignment;
}

// One of the library's objects, given back when it goes.
template <class Handle>
class Object {
 public:
  using Destroy = cublasStatus_t (*)(Handle);
  explicit Object(Destroy destroy) : destroy_(destroy) {}
  ~Object() {
    if (handle_ != nullptr) destroy_(handle_);
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  [[nodiscard]] Handle get() const { return handle_; }
  [[nodiscard]] Handle* out() { return &handle_; }

 private:
  Handle handle_ = nullptr;
  Destroy destroy_;
};

// Opened once: half a gigabyte takes its time.
const SharedLibrary& opened() {
  static const std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  static const SharedLibrary library{{name, "/usr/local/cuda/lib64/" + name}};
  return library;
}

}  // namespace

struct MatrixProducts::Library {
  SharedLibrary file = opened();
#define FORERUN_CUBLAS(name)       \
  decltype(&cublasLt##name) name = \
      file.function<decltype(&cublasLt##name)>("cublasLt" #name)  // NOLINT(bugprone-macro-parentheses): a member
  FORERUN_CUBLAS(Create);
  FORERUN_CUBLAS(Destroy);
  FORERUN_CUBLAS(Matmul);
  FORERUN_CUBLAS(MatmulDescCreate);
  FORERUN_CUBLAS(MatmulDescDestroy);
  FORERUN_CUBLAS(MatmulDescSetAttribute);
  FORERUN_CUBLAS(MatrixLayoutCreate);
  FORERUN_CUBLAS(MatrixLayoutDestroy);
  FORERUN_CUBLAS(MatmulPreferenceCreate);
  FORERUN_CUBLAS(MatmulPreferenceDestroy);
  FORERUN_CUBLAS(MatmulPreferenceSetAttribute);
  FORERUN_CUBLAS(MatmulAlgoGetHeuristic);
  FORERUN_CUBLAS(GetStatusName);
#undef FORERUN_CUBLAS
  Object<cublasLtHandle_t> handle{Destroy};

  Library() { check(Create(handle.out()), "cublasLtCreate"); }

  void check(cublasStatus_t status, const char* what) const {
    if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(std::string(what) + ": " + GetStatusName(status));
  }
};

// All that the choice of a kernel depends on.
struct MatrixProducts::Kind {
  cudaDataType_t operands, result;
  bool added;
  ColumnMajorProduct product;
  std::array<std::uint32_t, 3> alignments;  // of b, a and c

  auto operator<=>(const Kind&) const = default;
};

struct MatrixProducts::Plan {
  Object<cublasLtMatmulDesc_t> operation;
  Object<cublasLtMatrixLayout_t> first, second, result;
  cublasLtMatmulAlgo_t algorithm{};

  Plan(const Library& lt, const Kind& kind, std::int64_t workspace)
      : operation(lt.MatmulDescDestroy),
        first(lt.MatrixLayoutDestroy),
        second(lt.MatrixLayoutDestroy),
        result(lt.MatrixLayoutDestroy) {
    const bool wide = kind.operands == CUDA_R_64F;
    lt.check(lt.MatmulDescCreate(operation.out(), wide ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                 wide ? CUDA_R_64F : CUDA_R_32F),
             "cublasLtMatmulDescCreate");
    const auto turn = [&](cublasLtMatmulDescAttributes_t which, Turn how) {
      const cublasOperation_t value = how == Turn::transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
      lt.check(lt.MatmulDescSetAttribute(operation.get(), which, &value, sizeof value),
               "cublasLtMatmulDescSetAttribute");
    };
    turn(CUBLASLT_MATMUL_DESC_TRANSA, kind.product.turn_first);
    turn(CUBLASLT_MATMUL_DESC_TRANSB, kind.product.turn_second);
    const auto layout = [&](Object<cublasLtMatrixLayout_t>& of, cudaDataType_t type, const ColumnMajor& m) {
      lt.check(lt.MatrixLayoutCreate(of.out(), type, static_cast<std::uint64_t>(m.rows),
                                     static_cast<std::uint64_t>(m.columns), m.stride),
               "cublasLtMatrixLayoutCreate");
    };
    layout(first, kind.operands, kind.product.first);
    layout(second, kind.operands, kind.product.second);
    layout(result, kind.result, kind.product.result);
    choose(lt, kind, workspace);
  }

 private:
  void choose(const Library& lt, const Kind& kind, std::int64_t workspace) {
    Object<cublasLtMatmulPreference_t> wish(lt.MatmulPreferenceDestroy);
    lt.check(lt.MatmulPreferenceCreate(wish.out()), "cublasLtMatmulPreferenceCreate");
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t which, auto value) {
      lt.check(lt.MatmulPreferenceSetAttribute(wish.get(), which, &value, sizeof value),
               "cublasLtMatmulPreferenceSetAttribute");
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(workspace));
    // Partial sums of a cut k are never rounded to the result's format, nor added in an order that changes.
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kind.alignments[0]);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kind.alignments[1]);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kind.alignments[2]);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kind.alignments[2]);
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    lt.check(lt.MatmulAlgoGetHeuristic(lt.handle.get(), operation.get(), first.get(), second.get(), result.get(),
                                       result.get(), wish.get(), 1, &found, &count),
             "cublasLtMatmulAlgoGetHeuristic");
    if (count == 0) throw std::runtime_error("cuBLAS knows no kernel for this matrix product");
    algorithm = found.algo;
  }
};

MatrixProducts::MatrixProducts(int device, cudaStream_t stream)
    : stream_(stream), workspace_bytes_(0), library_(std::make_unique<Library>()) {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
  workspace_bytes_ = (major >= 9 ? 32 : 4) << 20;  // what NVIDIA's guide to cuBLAS advises
  workspace_ = new_device_memory(workspace_bytes_);
}

MatrixProducts::~MatrixProducts() = default;

const MatrixProducts::Plan& MatrixProducts::plan_of(const Kind& kind) {
  constexpr std::size_t most_kept = 4096;  // experts draw another number of rows each time
  if (plans_.size() >= most_kept) plans_.clear();
  auto known = plans_.find(kind);
  if (known == plans_.end())
    known = plans_.emplace(kind, std::make_unique<const Plan>(*library_, kind, workspace_bytes_)).first;
  return *known->second;
}

template <class T, class C>
void MatrixProducts::multiply(Turn turn_a, Turn turn_b, std::int64_t m, std::int64_t n, std::int64_t k,
                              Matrix<const T> a, Matrix<const T> b, bool added, Matrix<C> c) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    const auto size = sizeof(C) * static_cast<std::size_t>(n);
    if (!added) {
      check(cudaMemset2DAsync(c.data, std::max(sizeof(C) * static_cast<std::size_t>(c.stride), size), 0, size,
                              static_cast<std::size_t>(m), stream_),
            "cudaMemset2DAsync");
    }
    return;
  }
  const Plan& plan = plan_of({.operands = data_type<T>,
                              .result = data_type<C>,
                              .added = added,
                              .product = column_major(turn_a, turn_b, m, n, k, a.stride, b.stride, c.stride),
                              .alignments = {alignment_of(b.data), alignment_of(a.data), alignment_of(c.data)}});
  const Arithmetic<T> one = 1, old = added ? 1 : 0;
  library_->check(
      library_->Matmul(library_->handle.get(), plan.operation.get(), &one, b.data, plan.first.get(), a.data,
                       plan.second.get(), &old, c.data, plan.result.get(), c.data, plan.result.get(), &plan.algorithm,
                       workspace_.get(), static_cast<std::size_t>(workspace_bytes_), stream_),
      "cublasLtMatmul");
}

// NOLINTBEGIN(bugprone-macro-parentheses): the arguments are types
#define FORERUN_PRODUCT(T, C)                                                                                         \
  template void MatrixProducts::multiply<T, C>(Turn, Turn, std::int64_t, std::int64_t, std::int64_t, Matrix<const T>, \
                                               Matrix<const T>, bool, Matrix<C>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_PRODUCT(double, double)
FORERUN_PRODUCT(float, float)
FORERUN_PRODUCT(BFloat16, BFloat16)
FORERUN_PRODUCT(BFloat16, float)

}  // namespace forerun::cuda
