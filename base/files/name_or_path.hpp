// The one rule for what may be a name in a catalogue or a file: "h100-sxm-80gb", "my/h100.yaml".
#pragma once

#include <string>
#include <string_view>

namespace forerun {

// Ends as the files that we read do: .yaml, .yml, .json.
bool names_file(std::string_view name);
// The same, or has a slash. "meta-llama/Llama-3-8B" has one and is still a name: models are looked up before.
bool is_path(std::string_view name);

// A name as it stands in `file`: a path is taken from that file's folder; names are unchanged. What has a slash, but no
// ending of a file, is a path where there is one ("meta-llama/Llama-3-8B" may be either).
std::string beside(const std::string& name, const std::string& file);
// A path to a file that exists, as it can be written into any other file: absolute. Names stay.
std::string lasting(const std::string& name);

}  // namespace forerun
