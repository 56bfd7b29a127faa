// The keys of a job and of what it trains: see base/fields/table.hpp.
#pragma once

#include <vector>

#include "base/fields/table.hpp"
#include "workloads/jobs/job.hpp"

namespace forerun {

// Work that is named in the design but cannot be priced yet (serve, rl) is a Problem that says so.
const fields::Table<Job>& job_fields();

// Of low-rank and other tunings. A job has these keys beside its own, `tuning` (Tuning::kind) before them. Rank and
// target may be left to the software's defaults.
const fields::Table<Tuning>& tuning_fields();

fields::Kind<DType> job_formats();  // of matrix products
fields::Kind<std::vector<LowRankTarget>> low_rank_targets();  // each once; ascending when read

}  // namespace forerun
