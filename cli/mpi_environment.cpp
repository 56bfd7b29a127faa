#include "cli/mpi_environment.hpp"

#include <array>
#include <cstdlib>
#include <utility>

namespace forerun::cli {

void set_mpi_environment(Waiting waiting) {
  constexpr std::array<std::pair<const char*, const char*>, 4> variables{
      {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
       {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
       {"OMPI_MCA_hwloc_base_binding_policy", "none"},
       {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"}}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 0);
  ::setenv("OMPI_MCA_mpi_yield_when_idle", waiting == Waiting::gives_way ? "1" : "0", 0);
}

}  // namespace forerun::cli
