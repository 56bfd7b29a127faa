// Does what people add stand in as few files as docs/adding.md says?
#include "tests/map/adding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forerun::map {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Adding, TakesTheFilesThatItsPageNames) {
  const Tree tree = read_tree(FORERUN_ROOT);
  const std::vector<Example> all = examples(tree.at("docs/adding.md"));
  EXPECT_THAT(all, SizeIs(4));  // a category of memory, a key of a plan, a schedule, a key of a stack
  for (const auto& [name, files] : all) EXPECT_EQ(files_that_name(tree, name), files) << name;
}

TEST(FilesThatName, AreThoseOfTheProductWithTheWholeWordInEitherSpelling) {
  const Tree tree{{"base/a.cpp", "case Kind::zb_h2:"},
                  {"base/b.hpp", ".name = \"zb-h2\""},
                  {"base/c.cpp", "zb_h2_schedule(4, 8);"},
                  {"base/d.cpp", "zb_h21 or lazy_zb_h2"},
                  {"docs/adding.md", "zb_h2"},
                  {"tests/unit/base/a_test.cpp", "zb_h2"}};
  EXPECT_THAT(files_that_name(tree, "zb_h2"), ElementsAre("base/a.cpp", "base/b.hpp", "base/c.cpp"));
  EXPECT_THAT(files_that_name(tree, "zb_h3"), IsEmpty());
}

TEST(Examples, AreLinesOfAListThatGoOnWithFiles) {
  EXPECT_THAT(examples("* `zb_h2`: `base/b.hpp`, `base/a.cpp` and no others\n"
                       "* `zb_h2` is a schedule\n"
                       "text `x`: `base/c.cpp`\n"),
              ElementsAre(Example{"zb_h2", {"base/a.cpp", "base/b.hpp"}}));
}

}  // namespace
}  // namespace forerun::map
