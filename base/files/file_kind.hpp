// What a YAML file is, by the keys that only files of its kind have: so that a cluster in the place of a model is one
// problem that says so, and not one for each of its keys.
#pragma once

#include <cstdint>

#include "base/files/yaml.hpp"

namespace forerun {

enum class FileKind : std::uint8_t { plan, model, cluster, device, stack, calibration };

// One problem where the document is of another kind than is wanted; none where it is of that kind, or of no kind that
// we know.
Problems wrong_kind(const YamlDocument&, FileKind wanted);

}  // namespace forerun
