// Do measured collectives become a calibration that predicts them as the fit said?
#include "validation/collectives/collective_fitting.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "validation/collectives/collective_validation.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// All-reduces of 8 devices that take 20 us and 1 us a megabyte, over `nodes` nodes; "200G" of a network of 8 ports is
// what it states.
CollectiveRows rows(int sizes, int nodes = 1) {
  std::string text = "source,gpu,ngpus,nnodes,intra_link,inter_link,collective,bytes,time_us\n";
  for (int i = 0; i < sizes; ++i) {
    const double bytes = 1024.0 * std::pow(2, i);
    text += "me,H100," + std::to_string(8 * nodes) + "," + std::to_string(nodes) + ",NVSwitch,IB 8x200G,all_reduce," +
            std::to_string(bytes) + "," + std::to_string(20 * nodes + bytes / 1e6 * nodes) + "\n";
  }
  return *parse_collective_rows(text, "rows.csv");
}

TEST(FitCollectives, PredictTheirRowsAsWellAsTheFitSays) {
  const CollectiveFitting fitting = fit_collectives(rows(20).rows, "today");
  ASSERT_EQ(fitting.calibrations.size(), 1U);
  ASSERT_EQ(fitting.calibrations[0].node.size(), 1U);
  const NodeCalibration& fit = fitting.calibrations[0].node[0];
  EXPECT_EQ(fit.library, "nccl");
  EXPECT_EQ(fit.fit.samples, 20U);
  const OwnCalibrations own = layered({*parse_calibration(to_yaml(fitting.calibrations[0]), "own.yaml")});
  const auto validation = score_collectives(rows(20), WithLeftOut::no, own);
  ASSERT_TRUE(validation);
  EXPECT_NEAR(validation->in_node.median, fit.fit.in_sample.median, 2e-4);  // four digits are written
  EXPECT_NEAR(validation->in_node.p90, fit.fit.in_sample.p90, 2e-4);
}

TEST(FitCollectives, FewRowsKeepTheShippedCurve) {
  const CollectiveFitting fitting = fit_collectives(rows(5).rows, "today");
  const CollectiveCalibration shipped = *find_collective_calibration(NcclGeneration::hopper);
  ASSERT_EQ(fitting.calibrations.size(), 1U);
  EXPECT_EQ(fitting.calibrations[0].node[0].fit.form.start,
            find_fit(shipped, CollectiveKind::all_reduce, "nccl")->fit.form.start);
  EXPECT_TRUE(fit_collectives(rows(2).rows, "today").calibrations.empty());
  EXPECT_THAT(fit_collectives(rows(2).rows, "today").not_fitted,
              ElementsAre(HasSubstr("hopper all_reduce nccl (2 rows)")));
}

TEST(FitCollectives, NetworksSayWhichClusterAndWhatRate) {
  const CollectiveFitting fitting = fit_collectives(rows(20, 2).rows, "today", "dgx-h100");
  ASSERT_EQ(fitting.calibrations.size(), 1U);
  ASSERT_EQ(fitting.calibrations[0].networks.size(), 1U);
  const NetworkCalibration& network = fitting.calibrations[0].networks[0];
  EXPECT_EQ(network.cluster, "dgx-h100");
  EXPECT_EQ(network.rate, BytesPerSecond{200e9});  // 8 x 200 Gbit/s
  const OwnCalibrations own = layered({*parse_calibration(to_yaml(fitting.calibrations[0]), "own.yaml")});
  EXPECT_EQ(own.collectives[0].networks[0].rate, network.rate);
  const auto validation = score_collectives(rows(20, 2), WithLeftOut::no, own);
  EXPECT_NEAR(validation->over_network.p90, network.fit.in_sample.p90, 1e-3);
}

}  // namespace
}  // namespace forerun
