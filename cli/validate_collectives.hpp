// `forerun validate collectives`.
#pragma once

namespace CLI {
class App;
}

namespace forerun::cli {

void add_validate_collectives(CLI::App& validate, int& code);

}  // namespace forerun::cli
