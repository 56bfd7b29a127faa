// Does a person see what a program sees of the bytes of a step?
#include "reports/traffic_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace forerun {
namespace {

using testing::HasSubstr;

TEST(TrafficReport, HasWhatIsUsedInTableAndJson) {
  Traffic traffic;
  traffic[Flow::tp_all_reduce] = {Bytes{4096}, Bytes{6144}};
  traffic[Flow::pp_send_forward] = {Bytes{1024}, Bytes{1024}};
  const std::string table = traffic_table(traffic, 100);
  EXPECT_THAT(table, HasSubstr("tp all_reduce    4 KiB  6 KiB"));
  EXPECT_THAT(table, HasSubstr("pp send_forward  1 KiB  1 KiB"));
  const nlohmann::ordered_json json = to_json(traffic);
  EXPECT_EQ(json.dump(),
            R"({"tp":{"all_reduce":{"api":4096,"wire":6144}},"pp":{"send_forward":{"api":1024,"wire":1024}}})");
}

TEST(TrafficReport, OfOneDeviceIsEmpty) {
  EXPECT_EQ(traffic_table({}, 100), "");
  EXPECT_EQ(to_json(Traffic{}).dump(), "{}");
}

}  // namespace
}  // namespace forerun
