#include "sim/trace/trace_file.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace forerun {

Problems save_trace_file(const std::string& path, const std::function<void(std::ostream&)>& write) {
  // A pipe or a device is written as it is: nothing may take its place.
  std::error_code unknown;
  const bool is_special = std::filesystem::exists(path, unknown) && !std::filesystem::is_regular_file(path, unknown);
  const std::string unfinished = is_special ? path : path + ".tmp";
  Problems refused{
      {{path, 0, 0}, "the trace cannot be written", "name a file that you may write, on a disk with room for it"}};
  std::ofstream stream(unfinished, std::ios::binary);
  if (!stream) return refused;
  write(stream);
  stream.close();
  std::error_code error, ignored;
  if (stream && !is_special) std::filesystem::rename(unfinished, path, error);
  if (stream && !error) return {};
  if (!is_special) std::filesystem::remove(unfinished, ignored);
  return refused;
}

}  // namespace forerun
