#include "reports/json_text.hpp"

#include <nlohmann/json.hpp>

namespace forerun {

std::string indented(const nlohmann::ordered_json& json) { return json.dump(2) + "\n"; }

namespace {

template <class T>
nlohmann::ordered_json value_or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

nlohmann::ordered_json or_null(std::optional<double> value) { return value_or_null(value); }
nlohmann::ordered_json or_null(std::optional<bool> value) { return value_or_null(value); }

}  // namespace forerun
