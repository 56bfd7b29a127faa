// What mpirun and its ranks need to know wherever a verb starts them.
#pragma once

namespace forerun::cli {

// Of this process and those that it starts; what the user has set stays. As root in a container; on any core; ranks that wait give way to those that share theirs.
void set_mpi_environment();

}  // namespace forerun::cli
