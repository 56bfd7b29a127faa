// The collectives of a profile, into their file: of ranks as threads, and of processes where MPI starts them.
#pragma once

#include "profiler/profile_options.hpp"
#include "profiler/sample_file.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

Result<SampleFile> open_rank_samples(const ProfileOptions&, const Machine&, bool resume);

// Two ranks, and as many as there are cores; what the file lacks.
Result<void> sample_ranks(const ProfileOptions&, const Machine&, SampleFile&, const ProfileProgress&, ProfileResult&);

// What each process does that `started_by_mpi` starts; rank 0 writes.
Result<void> sample_as_process(const ProfileOptions&, const Machine&, Communicator&);

}  // namespace forerun
