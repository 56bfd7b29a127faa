// Do the folders include each other as the map says, and would we notice if they did not?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/map/include_map.hpp"

namespace forerun::map {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Tree& this_tree() {
  static const Tree tree = read_tree(FORERUN_ROOT);
  return tree;
}

TEST(TheMap, IsKeptByEveryInclude) { EXPECT_THAT(forbidden_arrows(this_tree()), IsEmpty()); }
TEST(TheMap, HasNoCircles) { EXPECT_THAT(circles(this_tree()), IsEmpty()); }
TEST(TheMap, KeepsFoldersSmall) {
  EXPECT_THAT(crowded_folders(this_tree()), IsEmpty());
  std::pair<int, std::string> fullest;
  for (const auto& [folder, files] : files_by_folder(this_tree())) {
    std::cout << "  " << files << "  " << folder << "\n";
    fullest = std::max(fullest, {files, folder});
  }
  std::cout << "fullest folder: " << fullest.second << " with " << fullest.first << " files\n";
}
TEST(TheMap, SaysWhatHeadersPullIn) {
  for (const char* header : {"strategies/simulation/simulation.hpp", "strategies/closed_form/closed_form.hpp"}) {
    const std::size_t headers = pulled_in(this_tree(), header).size();
    std::cout << header << " pulls in " << headers << " own headers\n";
    EXPECT_LE(headers, 30U) << header;
  }
}
TEST(TheMap, NamesOnlyFilesThatAreThereInItsDocuments) { EXPECT_THAT(dead_paths(this_tree()), IsEmpty()); }
TEST(TheMap, KeepsHeavyHeadersOutOfHeaders) { EXPECT_THAT(heavy_headers(this_tree()), IsEmpty()); }
TEST(TheMap, OpensEveryFolderWithAShortReadme) { EXPECT_THAT(missing_readmes(this_tree()), IsEmpty()); }

TEST(TheMap, KeepsLinesOfCodeShort) { EXPECT_THAT(long_lines(this_tree()), IsEmpty()); }

// An empty tree would pass everything above.
TEST(TheMap, ReadsTheWholeTree) {
  EXPECT_TRUE(this_tree().contains("base/quantity.hpp"));
  EXPECT_TRUE(this_tree().contains("tests/map/include_map.cpp"));
}

TEST(ForbiddenArrows, AllowDirectAndTransitiveOnes) {
  EXPECT_THAT(forbidden_arrows({{"strategies/plan/plan.hpp",
                                 "#include \"costmodel/collectives.hpp\"\n"
                                 "#include \"base/units.hpp\"\n"
                                 "#include \"strategies/plan/groups.hpp\"\n"
                                 "#include <vector>\n"
                                 "#include <fmt/format.h>\n"},
                                {"bench/search.cpp", "#include \"strategies/plan/plan.hpp\"\n"},
                                {"cli/main.cpp", "#include \"cli/verbs.hpp\"\n#include \"executor/run.hpp\"\n"}}),
              IsEmpty());
}

TEST(ForbiddenArrows, NameTheFileTheLineAndBothFolders) {
  EXPECT_THAT(forbidden_arrows({{"sim/replay.cpp", "// The event core.\n#include \"hardware/device.hpp\"\n"}}),
              ElementsAre("sim/replay.cpp:2: sim must not include hardware (\"hardware/device.hpp\")"));
}

TEST(ForbiddenArrows, LetNobodyIncludeCli) {
  EXPECT_THAT(forbidden_arrows({{"reports/report.cpp", "#include \"cli/print.hpp\"\n"},
                                {"tests/cli/plan_test.cpp", "#include \"cli/print.hpp\"\n"}}),
              ElementsAre("reports/report.cpp:1: reports must not include cli (\"cli/print.hpp\")",
                          "tests/cli/plan_test.cpp:1: tests must not include cli (\"cli/print.hpp\")"));
}

TEST(ForbiddenArrows, HoldBetweenRoomsOfAFolder) {
  EXPECT_THAT(forbidden_arrows({{"strategies/simulation/a.cpp", "#include \"strategies/closed_form/b.hpp\"\n"},
                                {"strategies/simulation/c.cpp", "#include \"strategies/plan/d.hpp\"\n"}}),
              ElementsAre("strategies/simulation/a.cpp:1: strategies/simulation must not include "
                          "strategies/closed_form (\"strategies/closed_form/b.hpp\")"));
}

TEST(Circles, AreFoundThroughSources) {
  EXPECT_THAT(
      circles({{"base/a.hpp", "#include \"base/b.hpp\"\n"},
               {"base/b.hpp", ""},
               {"base/b.cpp", "#include \"base/b.hpp\"\n#include \"base/c.hpp\"\n"},
               {"base/c.hpp", "#include \"base/b.hpp\"\n#include \"base/d.hpp\"\n"},
               {"base/d.hpp", ""}}),
      ElementsAre("base/b is on a circle of includes, by base/c", "base/c is on a circle of includes, by base/b"));
}

TEST(CrowdedFolders, AreCountedEachAlone) {
  Tree tree;
  for (int i = 0; i < 33; ++i) {
    tree["sim/" + std::to_string(i) + ".cpp"] = "";
    tree["sim/trace/" + std::to_string(i % 32) + ".cpp"] = "";
  }
  EXPECT_THAT(crowded_folders(tree), ElementsAre("sim: has 33 files; the limit is 32"));
}

TEST(ForbiddenArrows, SeeThroughSpacingAndAngleBrackets) {
  EXPECT_THAT(forbidden_arrows({{"base/files/yaml.cpp", " #  include <sim/event.hpp>\n"}}),
              ElementsAre("base/files/yaml.cpp:1: base/files must not include sim (\"sim/event.hpp\")"));
}

TEST(ForbiddenArrows, WantPathsFromTheRoot) {
  EXPECT_THAT(forbidden_arrows({{"base/files/yaml.cpp", "#include \"yaml.hpp\"\n#include \"../sim/event.hpp\"\n"}}),
              ElementsAre("base/files/yaml.cpp:1: \"yaml.hpp\" does not start with a folder of the map",
                          "base/files/yaml.cpp:2: \"../sim/event.hpp\" does not start with a folder of the map"));
}

TEST(ForbiddenArrows, RefuseAFolderThatIsNotOnTheMap) {
  EXPECT_THAT(forbidden_arrows({{"utils/misc.hpp", ""}}), ElementsAre("utils/misc.hpp:1: utils is not on the map"));
}

TEST(HeavyHeaders, AreFineInSourcesOnly) {
  EXPECT_THAT(
      heavy_headers({{"base/files/yaml.cpp", "#include <yaml-cpp/yaml.h>\n"},
                     {"base/files/yaml.hpp", "#include <string>\n#include <yaml-cpp/yaml.h>\n"},
                     {"hardware/topology.hpp", "#include <boost/graph/adjacency_list.hpp>\n"},
                     {"cli/verbs.hpp", "#include <CLI/CLI.hpp>\n"},
                     {"reports/report.hpp", "#include <nlohmann/json_fwd.hpp>\n#include <nlohmann/json.hpp>\n"}}),
      ElementsAre("base/files/yaml.hpp:2: yaml-cpp/yaml.h belongs into a .cpp file",
                  "cli/verbs.hpp:1: CLI/CLI.hpp belongs into a .cpp file",
                  "hardware/topology.hpp:1: boost/graph/adjacency_list.hpp belongs into a .cpp file",
                  "reports/report.hpp:2: nlohmann/json.hpp belongs into a .cpp file"));
}

TEST(MissingReadmes, CountFoldersWithSourcesAndLinesWithText) {
  std::string twelve;
  for (int line = 0; line < 12; ++line) twelve += "line\n\n";
  EXPECT_THAT(
      missing_readmes({{"base/text.cpp", ""},
                       {"base/README.md", twelve},
                       {"docs/README.md", ""},
                       {"hardware/device.hpp", ""},
                       {"hardware/README.md", twelve + "one more\n"},
                       {"sim/event.hpp", ""}}),
      ElementsAre("hardware/README.md:1: has 13 lines; a screen's corner is 12", "sim/README.md:1: is missing"));
}

TEST(PulledIn, CountsEachHeaderOnceHoweverFar) {
  const Tree tree{{"base/a.hpp", "#include \"base/b.hpp\"\n#include \"base/c.hpp\"\n#include <vector>\n"},
                  {"base/b.hpp", "#include \"base/c.hpp\"\n"},
                  {"base/c.hpp", "#include \"base/d.hpp\"\n"},
                  {"base/d.hpp", ""},
                  {"base/e.hpp", ""}};
  EXPECT_THAT(pulled_in(tree, "base/a.hpp"), ElementsAre("base/b.hpp", "base/c.hpp", "base/d.hpp"));
}

TEST(DeadPaths, AreThoseFromTheRootThatNoFileHas) {
  EXPECT_THAT(dead_paths({{"docs/glossary.md", "`sim/tick.hpp`\n`sim/tock.hpp`, `tick.hpp`, `there/tick.hpp`\n"},
                          {"sim/tick.hpp", ""}}),
              ElementsAre("docs/glossary.md:2: there is no sim/tock.hpp"));
}

TEST(LongLines, AreCountedInCharacters) {
  const std::string full(120, 'x');
  EXPECT_THAT(long_lines({{"sim/a.cpp", full + "\n" + full + "y\n"}, {"sim/README.md", full + "y\n"}}),
              ElementsAre("sim/a.cpp:2: has 121 columns; the limit is 120"));
  EXPECT_THAT(long_lines({{"sim/a.cpp", std::string(119, 'x') + "\u00e9\n"}}), IsEmpty());
}

}  // namespace
}  // namespace forerun::map
