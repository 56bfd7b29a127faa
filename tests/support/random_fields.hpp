// Values for the properties of field tables: does any of them survive being written and read?
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fields/table.hpp"
#include "reports/value_json.hpp"

namespace forerun::test {

inline constexpr int values_a_case = 100;  // of the hundred cases of a property

template <class E>
E any_of(E last) {
  return static_cast<E>(*rc::gen::inRange(0, static_cast<int>(last) + 1));
}

// Seldom with few digits.
inline double some_number(double least, double most) {
  if (*rc::gen::inRange(0, 4) == 0) return least;
  const double share = static_cast<double>(*rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 52)) * 0x1p-52;
  return least + share * (most - least);
}

template <class T, class Draw>
std::optional<T> perhaps(Draw draw) {
  return *rc::gen::arbitrary<bool>() ? std::optional<T>(draw()) : std::nullopt;
}

inline bool some_flag() { return *rc::gen::arbitrary<bool>(); }

inline std::string some_text() {
  return *rc::gen::element<std::string>("h100-sxm-80gb", "null", "12", "a: b, #c", "", "x\ty\"z", "é");
}

// Up to three.
template <class Draw>
auto some_list(Draw draw) {
  std::vector<decltype(draw())> list;
  for (int left = *rc::gen::inRange(0, 4); left > 0; --left) list.push_back(draw());
  return list;
}

template <class Q>
Q some_quantity(double least, double most) {
  return Q{some_number(least, most)};
}

template <class T>
void expect_to_survive(const fields::Table<T>& table, const T& value) {
  for (const fields::Defaults rare : {fields::Defaults::left_out, fields::Defaults::written}) {
    const fields::Value written = table.write(value, rare);
    for (const auto& [text, name] :
         {std::pair(fields::flow_yaml(written), "flow.yaml"), std::pair(fields::block_yaml(written), "block.yaml"),
          std::pair(to_json(written).dump(2), "value.json")}) {
      const auto document = YamlDocument::parse(text, name);
      if (!document) RC_FAIL(text + to_string(document.error()));
      const T again = table.read(document->root());
      if (!document->problems().empty()) RC_FAIL(text + to_string(document->problems()));
      if (!(again == value)) RC_FAIL(text + "\nreads as\n" + fields::flow_yaml(table.write(again)));
      RC_ASSERT(table.write(again, rare) == written);
    }
  }
}

}  // namespace forerun::test
