// The whole profile but its fit: what the machine is, then every sample into its file.
//
// Files are named by their stem: STEM.device.yaml, STEM.cluster.yaml, STEM.samples.csv, STEM.collectives.csv. Samples
// that cannot be gone on with are refused before anything is measured. Device and cluster are written when all samples
// are there: fits are shares of their rates, and an older fit keeps the older ones until then.
#pragma once

#include <string>

#include "base/result.hpp"
#include "profiler/profile_options.hpp"
#include "profiler/sample_file.hpp"

namespace forerun {

// One of the ranks that `started_by_mpi` starts: collectives of processes, which rank 0 adds to the file. Returns the
// exit code.
int profile_as_process(const ProfileOptions&, const Machine&);
bool can_profile_processes();  // the build found MPI
std::string profiled_library();  // that multiplies matrices, and the processor that it took this machine for

Result<ProfileResult> profile(const ProfileOptions&, Sampler&, const Machine&, const ProfileProgress& = {});

}  // namespace forerun
