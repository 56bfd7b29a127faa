// Is everything that is not one YAML document refused with a place and a reason, without a crash?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/files/yaml.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// The problems of a text, whether it could be parsed or not.
std::string problems_of(std::string text, const std::string& name = "a.yaml") {
  const auto document = YamlDocument::parse(std::move(text), name);
  return to_string(document ? document->problems() : document.error());
}

std::string problems_of_file(const std::string& path) {
  const auto document = YamlDocument::load(path);
  return document ? "" : to_string(document.error());
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(YamlFile, IsReadFromDisk) {
  const std::string path = testing::TempDir() + "/forerun_yaml_files_test.yaml";
  std::ofstream(path) << "\xEF\xBB\xBFname: x\r\nn: 3\r\n";  // a byte order mark and Windows line ends
  const auto document = YamlDocument::load(path);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().entries()[0].first, "name");
  EXPECT_EQ(document->root().entries()[1].second.integer(0, 9), 3);
  EXPECT_EQ(document->root().entries()[1].second.position(), (Position{path, 2, 4}));
  std::filesystem::remove(path);
}

TEST(YamlFile, MustBeAReadableFile) {
  EXPECT_THAT(problems_of_file("no/such.yaml"),
              StartsWith("no/such.yaml: error: there is no such file\n  hint: the path is relative to '/"));
  EXPECT_EQ(problems_of_file("/"), "/: error: this is a directory\n  hint: name a file in it\n");
}

TEST(YamlFile, EndlessFilesAreNotReadToTheEnd) {
  EXPECT_THAT(problems_of_file("/dev/zero"), StartsWith("/dev/zero: error: the file is larger than 16 MB"));
  EXPECT_THAT(problems_of(std::string(16'000'001, ' ')), StartsWith("a.yaml: error: the file is larger than 16 MB"));
}

TEST(YamlFile, MustHoldSomething) {
  for (const char* text : {"", " \n\t\n", "# a comment\n"})
    EXPECT_THAT(problems_of(text), StartsWith("a.yaml: error: the file is empty")) << text;
}

TEST(YamlFile, MustBeText) {
  using namespace std::string_literals;
  EXPECT_EQ(problems_of("a: 1\nb: \0"s), "a.yaml:2:4: error: this is not a text file\n  hint: save it as UTF-8 text\n");
  EXPECT_THAT(problems_of("é: \xff"), StartsWith("a.yaml:1:4: error: this is not a text file"));
  for (const char* bytes : {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80",
                            "\xE2\x82", "\x1b[31m"}) {
    EXPECT_THAT(problems_of("a: "s + bytes), StartsWith("a.yaml:1:4: error: this is not a text file"));
  }
  EXPECT_EQ(problems_of("a: é€😀"), "");
}

TEST(YamlFile, SyntaxErrorsHaveAPlace) {
  EXPECT_THAT(problems_of("a: 1\nb: [1, 2\n"), StartsWith("a.yaml:3:1: error: this is not YAML: "));
  EXPECT_EQ(problems_of("a: 1\n\tb: 1\n"),
            "a.yaml:2:1: error: this is not YAML: illegal tab when looking for indentation\n  hint: indent with "
            "spaces, not tabs\n");
  EXPECT_EQ(problems_of("note: see: there\n"),
            "a.yaml:1:10: error: this is not YAML: illegal map value\n  hint: put a text that holds ': ' in quotes\n");
  EXPECT_THAT(problems_of("a: 'x"), StartsWith("a.yaml:1:"));
}

TEST(YamlFile, HoldsOneDocument) {
  EXPECT_EQ(problems_of("a: 1\n---\nb: 2\n"),
            "a.yaml:2:1: error: the document has ended before this\n  hint: keep one document a file\n");
  EXPECT_NE(problems_of("{a: 1}\nb: 2\n"), "");
  EXPECT_EQ(problems_of("---\na: 1\n...\n"), "");
}

TEST(YamlFile, NestsAHundredDeepAndNoDeeper) {
  EXPECT_EQ(problems_of(repeated("- ", 100) + "x"), "");
  EXPECT_THAT(problems_of(repeated("- ", 101) + "x"), HasSubstr("nested deeper than 100"));
  EXPECT_EQ(problems_of(repeated("[", 100) + repeated("]", 100)), "");
  for (const char* text : {"[", "{", "- ", "? ", "{a: ", "[[a]: ", "- - ? "})
    EXPECT_NE(problems_of(repeated(text, 10'000)), "") << text;
}

TEST(YamlFile, AliasesAndTagsAreRefused) {
  EXPECT_EQ(problems_of("a: &x [1]\nb: *x\n"),
            "a.yaml:2:4: error: aliases ('*name') are not read\n  hint: write the value out\n");
  EXPECT_EQ(problems_of("a: !!int 3\n"), "a.yaml:1:4: error: tags ('!!int') are not read\n  hint: remove it\n");
  EXPECT_THAT(problems_of("*x : 3\n"), HasSubstr("the referenced anchor is not defined"));
  std::string bomb = "a0: &a0 [x, x]\n";  // 2^40 values in 40 lines
  for (int i = 1; i < 40; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + "]\n";
  }
  EXPECT_THAT(problems_of(bomb), HasSubstr("aliases"));
}

TEST(YamlFile, KeysAreWords) {
  for (const char* text : {"[a]: 1", "{a: b}: 1", "? [a]\n: 1", ": 1", "~: 1"})
    EXPECT_THAT(problems_of(text), HasSubstr("a key must be one word")) << text;
}

TEST(JsonFile, IsReadLikeYaml) {
  const auto document = YamlDocument::parse(
      "{\n\t\"name\": \"a\\tb\\/c \\u00e9\",\n\t\"eps\":1e-05,\t\"window\": null,\n\t\"list\":[true, false],\n\t\"x\": "
      "\"tab\there\"\n}\n",
      "config.json");
  ASSERT_TRUE(document) << to_string(document.error());
  MapReader map = document->root().map();
  EXPECT_EQ(map.required("name").text(), "a\tb/c é");
  EXPECT_EQ(map.required("eps").number(0, 1), 1e-5);
  EXPECT_FALSE(map.has("window"));
  EXPECT_TRUE(map.required("list").items()[0].boolean());
  EXPECT_EQ(map.required("x").text(), "tab\there");
  map.finish();
  EXPECT_EQ(to_string(document->problems()), "");
}

TEST(JsonFile, SurrogatePairsAreOneCharacter) {
  const auto document = YamlDocument::parse(R"({"smile": "\ud83d\ude00", "plain": "\\ud83d\\ude00"})", "config.json");
  ASSERT_TRUE(document) << to_string(document.error());
  EXPECT_EQ(document->root().entries()[0].second.text(), "😀");  // U+1F600
  EXPECT_EQ(document->root().entries()[1].second.text(), "\\ud83d\\ude00");
  EXPECT_NE(problems_of(R"({"half": "\ud83d"})", "config.json"), "");
  EXPECT_NE(problems_of(R"({"end": "\)", "config.json"), "");
}

TEST(JsonFile, RepeatedKeysAreProblems) {
  EXPECT_THAT(problems_of(R"({"a": 1, "a": 2})", "config.json"),
              StartsWith("config.json:1:10: error: repeated key 'a'"));
}

}  // namespace
}  // namespace forerun
