// Do communicators of tensors in a backend's memory do what every communicator must, and touch that memory through the
// backend alone?
#include <gtest/gtest.h>

#include <tuple>

#include "runtime/communication/rank_threads.hpp"
#include "runtime/communication/staged_communicator.hpp"
#include "tests/support/communicator_conformance.hpp"
#include "tests/support/far_memory.hpp"

namespace forerun {
namespace {

struct Staged : testing::TestWithParam<std::tuple<test::CommunicatorCase, int>> {};

TEST_P(Staged, Holds) {
  const test::CommunicatorCase& what = std::get<0>(GetParam());
  run_ranks(std::get<1>(GetParam()), [&](Communicator& host) {
    test::FarMemory on;
    what.run(*make_staged_communicator(host, on), on);
  });
}

std::string name_of(const testing::TestParamInfo<Staged::ParamType>& given) {
  return std::string(std::get<0>(given.param).name) + "On" + std::to_string(std::get<1>(given.param));
}

INSTANTIATE_TEST_SUITE_P(Threads, Staged,
                         testing::Combine(testing::ValuesIn(test::communicator_cases()), testing::Values(1, 2, 3, 4)),
                         name_of);

}  // namespace
}  // namespace forerun
