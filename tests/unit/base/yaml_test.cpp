// Does the reader say every problem of a file at once, each with its place and what to write instead?
#include "base/files/yaml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace forerun {
namespace {

using testing::ElementsAre;

YamlDocument parsed(const std::string& text) {
  auto document = YamlDocument::parse(text, "a.yaml");
  EXPECT_TRUE(document) << to_string(document.error());
  return document.value();
}

// The problems of reading the value of 'k' in "k: TEXT" with `read`.
template <class Read>
std::string problems_of(const std::string& text, Read read) {
  const YamlDocument document = parsed("k: " + text);
  MapReader map = document.root().map();
  read(map.required("k"));
  map.finish();
  return to_string(document.problems());
}

TEST(Yaml, ReadsWhatIsWritten) {
  const YamlDocument document = parsed(
      "name: h100   # a comment\n"
      "memory: {capacity: 80 GB, bandwidth: 3.35 TB/s}\n"
      "sms: 132\n"
      "ratio: -1e-05\n"
      "fast: true\n"
      "kinds:\n"
      "  - fp8\n"
      "  - \"bf16\"\n");
  MapReader map = document.root().map();
  EXPECT_EQ(map.required("name").text(), "h100");
  MapReader memory = map.required("memory").map();
  EXPECT_EQ(memory.required("capacity").quantity<Bytes>(), 80.0_GB);
  EXPECT_EQ(memory.required("bandwidth").quantity<BytesPerSecond>(), BytesPerSecond{3.35e12});
  memory.finish();
  EXPECT_EQ(map.required("sms").integer(1, 1000), 132);
  EXPECT_EQ(map.required("ratio").number(-1, 1), -1e-5);
  EXPECT_TRUE(map.required("fast").boolean());
  const auto kinds = map.required("kinds").items();
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[0].one_of({"bf16", "fp8"}), 1U);
  EXPECT_EQ(kinds[1].one_of({"bf16", "fp8"}), 0U);
  EXPECT_FALSE(map.optional("power").has_value());
  map.finish();
  EXPECT_EQ(to_string(document.problems()), "");
}

// The example of the style guide.
TEST(Yaml, SaysWhereWhatAndWhatInstead) {
  auto document = YamlDocument::parse("capacity: 80 gigs\nbandwith: 3.35 TB/s\n", "h100.yaml");
  ASSERT_TRUE(document);
  MapReader map = document->root().map();
  (void)map.required("capacity").quantity<Bytes>();
  (void)map.optional("bandwidth");
  map.finish();
  EXPECT_EQ(to_string(document->problems()),
            "h100.yaml:1:11: error: '80 gigs' is not a value for 'capacity'\n"
            "  hint: write a number and a unit, such as '80 GiB'\n"
            "h100.yaml:2:1: error: unknown key 'bandwith'\n"
            "  hint: did you mean 'bandwidth'?\n");
}

TEST(Yaml, CollectsAllProblemsInOrderOfPlaceOnce) {
  const YamlDocument document = parsed("b: 1\na: x\nc: 2\n");
  MapReader map = document.root().map();
  (void)map.required("a").integer(0, 9);
  (void)map.required("a").integer(0, 9);
  (void)map.required("b").boolean();
  map.finish();
  std::vector<int> lines;
  for (const Problem& problem : document.problems()) lines.push_back(problem.at.line);
  EXPECT_THAT(lines, ElementsAre(1, 2, 3));
}

TEST(Yaml, ColumnsCountCharacters) {
  const YamlDocument document = parsed("é: 1\n{}: {ü: x, ä: y}\n");
  ASSERT_EQ(document.problems().size(), 1U);  // of the key that is a map
  EXPECT_EQ(document.problems()[0].at, (Position{"a.yaml", 2, 1}));
  EXPECT_EQ(document.root().entries()[0].second.position(), (Position{"a.yaml", 1, 4}));
  const YamlDocument flow = parsed("{é: é, x: [ü, y]}");
  EXPECT_EQ(flow.root().entries()[1].second.items()[1].position(), (Position{"a.yaml", 1, 15}));
}

TEST(Yaml, RepeatedKeysKeepTheFirstAtAnyDepth) {
  const YamlDocument document = parsed("a:\n  - {x: 1, y: 2, x: 3}\nb: 4\n");
  EXPECT_EQ(to_string(document.problems()), "a.yaml:2:18: error: repeated key 'x'\n  hint: the first is on line 2\n");
  MapReader item = document.root().entries()[0].second.items()[0].map();
  EXPECT_EQ(item.required("x").integer(0, 9), 1);
}

TEST(Yaml, MissingKeysAreNamedAtTheMap) {
  const YamlDocument document = parsed("name: x\nmemory:\n  capacity: 1 GB\n");
  MapReader memory = document.root().entries()[1].second.map();
  const YamlNode missing = memory.required("bandwidth");
  EXPECT_TRUE(missing.is_missing());
  EXPECT_EQ(missing.quantity<BytesPerSecond>(), BytesPerSecond{});
  EXPECT_EQ(missing.text(), "");
  EXPECT_EQ(missing.integer(3, 5), 3);
  EXPECT_TRUE(missing.items().empty());
  (void)missing.map().required("deeper");
  EXPECT_EQ(to_string(document.problems()),
            "a.yaml:3:3: error: missing key 'bandwidth' in 'memory'\n  hint: add 'bandwidth: ...'\n");
}

TEST(Yaml, NullIsAbsentWhereOptionalAndAProblemWhereRequired) {
  const YamlDocument document = parsed("a: null\nb: ~\nc:\nd: [null]\n");
  MapReader map = document.root().map();
  EXPECT_FALSE(map.optional("a"));
  EXPECT_FALSE(map.has("b"));
  EXPECT_TRUE(map.required("c").is_missing());
  EXPECT_EQ(map.required("d").items()[0].text(), "");
  map.finish();
  EXPECT_EQ(to_string(document.problems()),
            "a.yaml:3:1: error: 'c' has no value\n  hint: write a value behind 'c:'\n"
            "a.yaml:4:5: error: 'd' has no value\n  hint: write 'key: value'\n");
}

TEST(Yaml, UnknownKeysOfForeignFilesAreAllowedOnRequest) {
  const YamlDocument document = parsed("a: 1\nb: 2\n");
  MapReader map = document.root().map();
  map.allow_unknown();
  map.finish();
  EXPECT_TRUE(document.problems().empty());
}

TEST(Yaml, NodesOutliveTheirDocument) {
  const auto name = [] { return parsed("a: [x, why]").root().entries()[0].second.items()[1]; }();
  EXPECT_EQ(name.text(), "why");
}

TEST(Integer, IsWrittenInDecimalDigits) {
  const auto read = [](const std::string& text) {
    return problems_of(text, [](const YamlNode& n) { (void)n.integer(1, 1024); });
  };
  EXPECT_EQ(read("1024"), "");
  EXPECT_EQ(read("012"),
            "a.yaml:1:4: error: '012' is not a whole number for 'k'\n"
            "  hint: write a whole number between 1 and 1024 in decimal digits, without leading zeros\n");
  for (const char* text : {"1e3", "3.0", "0x10", "1_000", "+5", "five", "1 000", "''", "-x", "--1", "8 GB"})
    EXPECT_NE(read(text), "") << text;
  EXPECT_EQ(
      read("'8'"),
      "a.yaml:1:4: error: '8' is not a whole number for 'k'\n"
      "  hint: write a whole number between 1 and 1024 in decimal digits, without leading zeros and without quotes\n");
}

TEST(Integer, OutOfRangeSaysTheRange) {
  EXPECT_EQ(problems_of("1025", [](const YamlNode& n) { EXPECT_EQ(n.integer(1, 1024), 1); }),
            "a.yaml:1:4: error: '1025' is out of range for 'k'\n  hint: write a whole number between 1 and 1024\n");
  EXPECT_EQ(problems_of("0", [](const YamlNode& n) { (void)n.integer(1, std::numeric_limits<std::int64_t>::max()); }),
            "a.yaml:1:4: error: '0' is out of range for 'k'\n  hint: write a whole number of at least 1\n");
  EXPECT_NE(problems_of("9223372036854775808",
                        [](const YamlNode& n) { (void)n.integer(0, std::numeric_limits<std::int64_t>::max()); }),
            "");
}

TEST(Number, IsPlainOrScientific) {
  for (const auto& [text, value] :
       {std::pair{"0.5", 0.5}, {"1e-05", 1e-5}, {"-2.5E3", -2500.0}, {"0", 0.0}, {"7", 7.0}}) {
    EXPECT_EQ(problems_of(text, [expected = value](const YamlNode& n) { EXPECT_EQ(n.number(-1e4, 1e4), expected); }),
              "")
        << text;
  }
  for (const char* text :
       {"012", ".5", "5.", "0x1p3", ".inf", "nan", "1e999", "1,5", "50 %", "'0.5'", "20000", "true"}) {
    EXPECT_NE(problems_of(text, [](const YamlNode& n) { EXPECT_EQ(n.number(-1e4, 1e4), -1e4); }), "") << text;
  }
  EXPECT_EQ(problems_of("1.5", [](const YamlNode& n) { (void)n.number(0, 1); }),
            "a.yaml:1:4: error: '1.5' is out of range for 'k'\n  hint: write a number between 0 and 1\n");
}

TEST(Boolean, IsTrueOrFalse) {
  EXPECT_EQ(problems_of("false", [](const YamlNode& n) { EXPECT_FALSE(n.boolean()); }), "");
  for (const char* text : {"yes", "True", "1", "on", "'true'"}) {
    EXPECT_NE(problems_of(text, [](const YamlNode& n) { EXPECT_FALSE(n.boolean()); }), "") << text;
  }
}

TEST(OneOf, SuggestsTheNearest) {
  EXPECT_EQ(problems_of("interleved", [](const YamlNode& n) { EXPECT_EQ(n.one_of({"gpipe", "interleaved"}), 0U); }),
            "a.yaml:1:4: error: 'interleved' is not a value for 'k'\n  hint: did you mean 'interleaved'?\n");
}

TEST(Kinds, AreToldApart) {
  EXPECT_EQ(problems_of("[1]", [](const YamlNode& n) { EXPECT_EQ(n.text(), ""); }),
            "a.yaml:1:4: error: 'k' must be a single value, not a list\n  hint: write 'key: value'\n");
  EXPECT_EQ(problems_of("7", [](const YamlNode& n) { EXPECT_TRUE(n.items().empty()); }),
            "a.yaml:1:4: error: 'k' must be a list, not a single value\n  hint: write '[a, b]', or a line '- item' for "
            "each\n");
  EXPECT_EQ(problems_of("7", [](const YamlNode& n) { (void)n.map().required("x"); }),
            "a.yaml:1:4: error: 'k' must be a map, not a single value\n  hint: write lines of 'key: value'\n");
  EXPECT_EQ(problems_of("{a: 1}", [](const YamlNode& n) { EXPECT_EQ(n.quantity<Bytes>(), Bytes{}); }),
            "a.yaml:1:4: error: 'k' must be a single value, not a map\n  hint: write 'key: value'\n");
}

}  // namespace
}  // namespace forerun
