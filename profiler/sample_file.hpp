// Samples as rows of a CSV that grows as they are measured.
//
// Kernels: source, gpu, dtype, kind, m, n, k, batch, heads, kv_heads, head_dim, q_len, kv_len, bytes, time_us, notes,
// machine (validation/kernels/kernel_rows.hpp); notes are "library;operation;shape;spread=0.02;ranks=2;passes=0.04",
// the shape of streaming operations ("512x1024") for people and for going on, and how far the medians of several passes
// lie apart.
// Collectives: source, gpu, dtype, kind, bytes, ranks, time_us, notes, machine
// (validation/collectives/collective_rows.hpp).
// `machine` says who measured, where files of two machines have the same name; readers of rows do not need it.
//
// A row is written whole or, where the program is killed in the middle, not at all as far as readers go: opening the
// file to go on drops a last line without an end.
#pragma once

#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "profiler/measure.hpp"

namespace forerun {

inline constexpr std::string_view kernel_columns =
    "source,gpu,dtype,kind,m,n,k,batch,heads,kv_heads,head_dim,q_len,kv_len,bytes,time_us,notes,machine";
inline constexpr std::string_view collective_columns = "source,gpu,dtype,kind,bytes,ranks,time_us,notes,machine";

// "fp32,gemm,512,512,512,1,,,,,,": what a row says of its kernel, and the operation and shape that a resumed profile
// compares as well.
std::string key_of(const KernelCase&);
// Without its machine, which the file adds.
std::string kernel_row(const std::string& source, const std::string& gpu, const KernelCase&, Seconds time,
                       const std::string& library, const std::string& remarks);

struct CollectiveCase {
  std::string_view kind;  // allreduce, allgather, reducescatter, alltoall, sendrecv
  int ranks = 2;
  Bytes bytes;  // as nccl-tests counts
};
std::string key_of(const CollectiveCase&);
std::string collective_row(const std::string& source, const std::string& gpu, const CollectiveCase&, Seconds time,
                           const std::string& remarks);

// Whose samples a file has, in words without commas.
struct SampleOwner {
  std::string machine;
  std::string gpu;  // as rows name the device or the cluster
};

class SampleFile {
 public:
  // `resume`: keeps the rows that are there; otherwise begins anew. Problems, the file left as it is: other columns,
  // what base/csv.hpp cannot read, rows of another owner, or not writable.
  static Result<SampleFile> open(const std::string& path, std::string_view columns, const SampleOwner&, bool resume);

  [[nodiscard]] bool has(const std::string& source, const std::string& key) const {
    return keys_.contains(source + "," + key);
  }
  [[nodiscard]] std::size_t rows() const { return keys_.size(); }
  [[nodiscard]] const SampleOwner& owner() const { return owner_; }
  Result<void> add(const std::string& source, const std::string& key, const std::string& row);

 private:
  std::string path_;
  SampleOwner owner_;
  std::ofstream file_;
  std::set<std::string> keys_;
};

// Writes beside the file and renames, so that nobody ever reads half of it.
Result<void> write_whole(const std::string& path, const std::string& text);

}  // namespace forerun
