// Ranks as processes of one machine or many, which talk through MPI; mpirun starts them. Only where the build found
// MPI.
#pragma once

#include <functional>

#include "runtime/communication/communicator.hpp"

namespace forerun {

bool has_mpi();  // the build found it; else run_as_process fails

// Among the ranks that run on this machine, from 0: mpirun's own count; `world`'s rank where mpirun started none.
int rank_on_this_machine(const Communicator& world);

// Runs `work` as this process's rank, once in a process: starts MPI, and ends it. Returns the exit code: 0. When `work`
// throws, the rank and what was thrown go to stderr and all ranks are ended at once (MPI_Abort, exit code 1); when a
// rank dies, mpirun ends the others.
int run_as_process(const std::function<void(Communicator&)>& work);

}  // namespace forerun
