// What mpirun and its ranks need to know wherever a verb starts them.
#pragma once

namespace forerun::cli {

// Ranks that wait: keep their core, which times collectives even where other programs want it (each time given away
// costs a slice of the scheduler: 4 ms and more in place of microseconds); or give way, which ranks that share a core
// must.
enum class Waiting : bool { keeps_the_core, gives_way };

// Of this process and those that it starts; what the user has set stays. As root in a container, and on any core.
void set_mpi_environment(Waiting);

}  // namespace forerun::cli
