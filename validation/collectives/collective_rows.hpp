// Measured collectives, as FILE.csv of `forerun validate collectives` holds them: one row a collective, its group, its
// bytes, its time.
//
// Two sets of columns are read (any order; others are ignored):
//   source, gpu, ngpus, nnodes, intra_link, inter_link, nccl_version, collective, bytes, time_us, notes
//   source, gpu, dtype, kind, bytes, ranks, time_us, notes
// The first are those of nccl-tests results, the second those of kernels, whose other kinds are counted.
// gpu: words of the catalogue, or the path of a cluster's file beside this one ("local.cluster.yaml").
// Names: all_reduce or allreduce, all_gather, reduce_scatter, alltoall, broadcast, sendrecv, allreduce_custom. `bytes`
// as nccl-tests counts them. Notes "...devs_per_node=4" say how many of the ranks share a node.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "costmodel/collectives/collective.hpp"
#include "validation/skipped_rows.hpp"

namespace forerun {

struct CollectiveRow {
  std::string source, gpu, dtype, notes;
  std::string name;               // of the collective, as the file says
  std::string intra_link, inter_link, nccl_version;
  CollectiveKind kind = CollectiveKind::all_reduce;
  bool custom = false;            // an inference server's own
  int ranks = 1, nodes = 1;
  Bytes bytes;
  Seconds time;
};

struct CollectiveRows {
  std::vector<CollectiveRow> rows;
  std::size_t others = 0;    // rows of kernels, left out
  std::size_t untimed = 0;   // rows whose time is 0 or missing, left out
  std::vector<SkippedRows> skipped;  // of collectives that are not known
};

// Problems, all at once with line and column: an unreadable file, missing columns, numbers that are none, ranks that
// the nodes do not divide, no row of a collective that is known.
Result<CollectiveRows> read_collective_rows(const std::string& path);
Result<CollectiveRows> parse_collective_rows(std::string_view text, const std::string& name);

}  // namespace forerun
