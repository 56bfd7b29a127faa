// `forerun validate collectives`.
#pragma once

#include <CLI/App.hpp>

namespace forerun::cli {

void add_validate_collectives(CLI::App& validate, int& code);

}  // namespace forerun::cli
