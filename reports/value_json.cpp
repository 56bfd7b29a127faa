#include "reports/value_json.hpp"

#include <nlohmann/json.hpp>

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;
using fields::Value;

Json json_of(std::monostate) { return nullptr; }
Json json_of(bool flag) { return flag; }
Json json_of(std::int64_t number) { return number; }
Json json_of(double number) { return number; }
Json json_of(const std::string& text) { return text; }

Json json_of(const Value::List& list) {
  Json json = Json::array();
  for (const Value& value : list) json.push_back(to_json(value));
  return json;
}

Json json_of(const Value::Map& map) {
  Json json = Json::object();
  for (const auto& [key, value] : map) json[key] = to_json(value);
  return json;
}

}  // namespace

Json to_json(const Value& value) {
  return std::visit([](const auto& each) { return json_of(each); }, value.is);
}

}  // namespace forerun
