// Has every family that a device's file may name cost parameters?
#include <gtest/gtest.h>

#include <sstream>

#include "costmodel/parameters.hpp"
#include "hardware/device_fields.hpp"

namespace forerun {
namespace {

TEST(EveryFamily, ThatADeviceMayNameHasParameters) {
  int families = 0;
  for (const fields::Info& info : device_fields().infos()) {
    if (info.key != "family") continue;
    std::istringstream names(info.words.range);  // "volta, ampere, ..."
    for (std::string name; names >> name; ++families) {
      if (name.ends_with(',')) name.pop_back();
      EXPECT_TRUE(find_family_parameters(name)) << name;
    }
  }
  EXPECT_GE(families, 8);
}

}  // namespace
}  // namespace forerun
