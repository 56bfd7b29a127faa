// Does the calibrated form of collectives add up as its header says, and does a fit find the parameters that made its
// samples?
#include "costmodel/collectives/collective_form.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "costmodel/collectives/collective_fit.hpp"
#include "costmodel/collectives/custom_all_reduce.hpp"

namespace forerun {
namespace {

constexpr BytesPerSecond port{400e9};
double microseconds(const CollectiveForm& form, CollectiveKind kind, int ranks, Bytes bytes) {
  return time(form, kind, ranks, bytes, port).value() * 1e6;
}

TEST(CollectiveForm, AddsStepsBytesFillAndCopy) {
  const CollectiveForm form{.start = 5e-6, .step = 1e-6, .rate = 0.5, .fill = 8e-6, .copy = 2};
  // 80 MB over 8: 70 MB a pass at 200 GB/s, 350 us; the own tenth of a gigabyte, 10 MB, at 800 GB/s.
  EXPECT_NEAR(microseconds(form, CollectiveKind::all_gather, 8, Bytes{80e6}),
              5 + 7 + 350 + 2 * std::sqrt(8.0 * 350) + 12.5, 1e-9);
  EXPECT_NEAR(microseconds(form, CollectiveKind::all_reduce, 8, Bytes{80e6}),
              5 + 14 + 700 + 2 * std::sqrt(8.0 * 700) + 12.5, 1e-9);
  EXPECT_NEAR(microseconds(form, CollectiveKind::send, 2, Bytes{80e6}), 5 + 1 + 400 + 2 * std::sqrt(8.0 * 400), 1e-9);
  EXPECT_EQ(microseconds(form, CollectiveKind::all_reduce, 1, Bytes{80e6}), 0);
}

TEST(CollectiveForm, TakesTheSwitchFromFiveRanksOn) {
  const CollectiveForm form{
      .start = 5e-6, .step = 1e-6, .rate = 0.1, .copy = 100, .switch_start = 20e-6, .switch_rate = 1};
  // (n+1)/n S at 400 GB/s
  EXPECT_NEAR(microseconds(form, CollectiveKind::all_reduce, 8, Bytes{80e6}), 20 + 90e6 / 400e3, 1e-9);
  EXPECT_GT(microseconds(form, CollectiveKind::all_reduce, 4, Bytes{80e6}), 1.5 * 80e6 / 40e3);
  EXPECT_GT(microseconds(form, CollectiveKind::all_gather, 8, Bytes{80e6}), 70e6 / 40e3);
}

TEST(CollectiveForm, NeverBeatsItsFloor) {
  const CollectiveForm form{.start = 5e-6, .rate = 0.5, .floor = 45e-6};
  EXPECT_NEAR(microseconds(form, CollectiveKind::send, 2, Bytes{8}), 45, 1e-9);
}

CollectiveSample sample(CollectiveKind kind, int ranks, double bytes, Seconds time) {
  return {kind, {.ranks = ranks, .port = port}, Bytes{bytes}, time};
}

TEST(CollectiveFit, FindsTheFormThatMadeItsSamples) {
  const CollectiveForm form{.start = 6e-6, .step = 0.8e-6, .rate = 0.8, .fill = 5e-6, .copy = 2.5};
  std::vector<CollectiveSample> samples;
  for (const int ranks : {2, 8}) {
    for (double bytes = 512; bytes < 1e9; bytes *= 4)
      samples.push_back(sample(CollectiveKind::all_gather, ranks, bytes,
                               time(form, CollectiveKind::all_gather, ranks, Bytes{bytes}, port)));
  }
  const NodeFit fit = fit_node(samples, HostFloor::none);
  EXPECT_LT(fit.left_out.p90, 0.01);
  EXPECT_EQ(fit.samples, samples.size());
  // Ranks that it did not see.
  EXPECT_NEAR(time(fit.form, CollectiveKind::all_gather, 4, Bytes{64e6}, port) /
                  time(form, CollectiveKind::all_gather, 4, Bytes{64e6}, port),
              1, 0.01);
}

TEST(CollectiveFit, OfFewRowsKeepsTheGivenCurve) {
  const CollectiveForm given{.start = 6e-6, .step = 0.8e-6, .rate = 0.8, .fill = 5e-6, .copy = 2.5};
  CollectiveForm slower = given;
  slower.rate = 0.6, slower.floor = 40e-6;
  std::vector<CollectiveSample> samples;
  for (double bytes = 1 << 20; bytes < 5e9; bytes *= 4)
    samples.push_back(
        sample(CollectiveKind::all_gather, 8, bytes, time(slower, CollectiveKind::all_gather, 8, Bytes{bytes}, port)));
  const CollectiveForm found = fit_node_form(samples, HostFloor::fitted, &given);
  EXPECT_NEAR(found.rate, 0.6, 0.01);
  EXPECT_NEAR(found.floor, 40e-6, 1e-6);
  EXPECT_EQ(found.start, given.start);
}

TEST(NetworkFit, FindsLatencyAndShareOfACluster) {
  const NcclGroup group{.reduces_in_switch = true,
                        .ranks = 16,
                        .nodes = 2,
                        .port = BytesPerSecond{450e9},
                        .network = BytesPerSecond{400e9}};
  const NetworkForm form{.latency = 20e-6, .share = 0.5, .pipelining = 0.3};
  std::vector<CollectiveSample> samples;
  for (double bytes = 64; bytes < 5e9; bytes *= 4) {
    samples.push_back({CollectiveKind::all_gather, group, Bytes{bytes},
                       time(form, CollectiveKind::all_gather, Bytes{bytes}, group, practice(group))});
  }
  const NetworkForm found = fit_network_form(samples);
  EXPECT_NEAR(found.latency, 20e-6, 1e-6);
  EXPECT_NEAR(found.share, 0.5, 0.02);
}

TEST(CustomAllReduce, IsOneShotThenTwoThenNccl) {
  const CustomForm form{.start = 4e-6, .two_start = 8e-6, .rate = 0.5, .limit = 8e6};
  const auto us = [&](double bytes) { return time(form, 8, Bytes{bytes}, port, Seconds{1e-3}).value() * 1e6; };
  EXPECT_NEAR(us(2e3), 4 + 7 * 2e3 / 200e3, 1e-9);             // each reads seven times all of it
  EXPECT_NEAR(us(4e6), 8 + 1.75 * 4e6 / 200e3, 1e-9);          // twice seven eighths
  EXPECT_NEAR(us(9e6), 1000, 1e-9);
  CustomForm launched = form;
  launched.floor = 40e-6, launched.staging = 2;
  EXPECT_NEAR(time(launched, 8, Bytes{2e3}, port, Seconds{1e-3}).value() * 1e6, 40, 1e-9);
  EXPECT_NEAR(time(launched, 8, Bytes{8e6}, port, Seconds{1e-3}).value() * 1e6, 8 + 70 + 10,
              1e-9);  // 8 MB at 800 GB/s into the buffer
}

}  // namespace
}  // namespace forerun
