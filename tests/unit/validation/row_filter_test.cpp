// Do conditions choose the rows that they name, and say what is wrong with those that name none?
#include "validation/training/row_filter.hpp"

#include <gmock/gmock.h>

namespace forerun {
namespace {

using testing::HasSubstr;

TrainingRow row() {
  TrainingRow r;
  r.pp = 1, r.gpus = 256, r.step_time = Seconds{2.5}, r.notes = "Repeat 2 of 3";
  return r;
}

bool chosen(std::string_view conditions) { return fulfils(row(), parse_conditions(conditions).value()); }

TEST(RowFilter, ComparesNumbersAndTexts) {
  for (const char* yes :
       {"pp = 1", "pp==1", "gpus <= 256", "gpus>=256", "gpus < 257", "gpus > 255", "pp != 2", "step_time_s < 2.6",
        "notes ~ repeat", "notes !~ again", "source = ", "pp = 1 and gpus <= 256 and notes = repeat 2 of 3"}) {
    EXPECT_TRUE(chosen(yes)) << yes;
  }
  for (const char* no :
       {"pp = 2", "gpus < 256", "gpus > 256", "pp != 1", "notes !~ REPEAT", "source != ", "pp = 1 and gpus < 256"})
    EXPECT_FALSE(chosen(no)) << no;
}

TEST(RowFilter, EmptyNumbersFulfilNothing) {
  EXPECT_FALSE(chosen("vpp = 1"));
  EXPECT_FALSE(chosen("vpp != 1"));
}

TEST(RowFilter, WritesWhatItReads) {
  const auto list = parse_conditions("pp==1 and notes !~ Again and gpus <= 256");
  ASSERT_TRUE(list);
  EXPECT_EQ(to_string((*list)[0]), "pp = 1");
  EXPECT_EQ(to_string((*list)[1]), "notes !~ again");
  for (const RowCondition& c : *list) EXPECT_EQ(parse_conditions(to_string(c))->front(), c);
}

TEST(RowFilter, SaysEverythingThatIsWrong) {
  const auto bad = parse_conditions("gpu_s <= 1 and pp and pp ~ 1 and stack < nemo and tp = two");
  ASSERT_FALSE(bad);
  ASSERT_EQ(bad.error().size(), 5U);
  EXPECT_THAT(bad.error()[0].hint, HasSubstr("gpus"));
  EXPECT_THAT(bad.error()[1].hint, HasSubstr("<="));
  EXPECT_THAT(bad.error()[2].hint, HasSubstr("numbers"));
  EXPECT_THAT(bad.error()[3].hint, HasSubstr("texts"));
  EXPECT_THAT(bad.error()[4].hint, HasSubstr("'two'"));
}

}  // namespace
}  // namespace forerun
