// Is a trace what Perfetto reads, with exact times and whatever names people choose?
#include "sim/trace/trace_writer.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace forerun {
namespace {

template <class Write>
std::string written(Write&& write) {
  std::ostringstream out;
  {
    TraceWriter trace(out);
    write(trace);
  }
  const std::string text = out.str(), head = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", tail = "\n]}\n";
  EXPECT_TRUE(text.starts_with(head));
  EXPECT_TRUE(text.ends_with(tail));
  return text.substr(head.size(), text.size() - head.size() - tail.size());
}

TEST(TraceWriter, OfNothingIsAnEmptyList) {
  EXPECT_EQ(written([](TraceWriter&) {}), "");
}

TEST(TraceWriter, NamesProcessesAndTracksInTheirOrder) {
  EXPECT_EQ(written([](TraceWriter& trace) {
              trace.process(3, "rank 3", 7);
              trace.track({.process = 3, .thread = 1}, "compute", 0);
            }),
            R"(
{"ph":"M","name":"process_name","pid":3,"tid":0,"ts":0.000000,"args":{"name":"rank 3"}},
{"ph":"M","name":"process_sort_index","pid":3,"tid":0,"ts":0.000000,"args":{"sort_index":7}},
{"ph":"M","name":"thread_name","pid":3,"tid":1,"ts":0.000000,"args":{"name":"compute"}},
{"ph":"M","name":"thread_sort_index","pid":3,"tid":1,"ts":0.000000,"args":{"sort_index":0}})");
}

TEST(TraceWriter, PrintsPicosecondsExactly) {  // 2^53 + 1 ps: a double would lose the last digit
  EXPECT_EQ(written([](TraceWriter& trace) {
              const TraceTrack track{.process = 0, .thread = 2};
              trace.slice({.track = track,
                           .name = "gemm",
                           .category = "compute",
                           .start = 9007199254740993,
                           .finish = 9007199256040999});
            }),
            "\n"
            R"({"ph":"X","name":"gemm","cat":"compute","pid":0,"tid":2,"ts":9007199254.740993,"dur":1.300006})");
}

TEST(TraceWriter, WritesArgumentsOfEachKind) {
  const TraceArgument arguments[] = {{"bytes", std::int64_t{-5}}, {"share", 0.1}, {"group", std::string_view("tp")}};
  EXPECT_EQ(
      written([&](TraceWriter& trace) {
        trace.slice({.name = "a", .category = "c", .finish = 1, .arguments = arguments});
      }),
      "\n"
      R"({"ph":"X","name":"a","cat":"c","pid":0,"tid":0,"ts":0.000000,"dur":0.000001,"args":{"bytes":-5,"share":0.1,"group":"tp"}})");
}

TEST(TraceWriter, DrawsArrowsFromSendToReceive) {
  EXPECT_EQ(written([](TraceWriter& trace) {
              const TraceTrack sender{.process = 0, .thread = 1}, receiver{.process = 1, .thread = 1};
              trace.arrow("activation", "pp", 42, {.track = sender, .at = 1'000'000},
                          {.track = receiver, .at = 2'500'000});
            }),
            R"(
{"ph":"s","name":"activation","cat":"pp","id":42,"pid":0,"tid":1,"ts":1.000000},
{"ph":"f","name":"activation","cat":"pp","id":42,"bp":"e","pid":1,"tid":1,"ts":2.500000})");
}

TEST(TraceWriter, Counts) {
  const TraceArgument values[] = {{"activations", std::int64_t{7}}, {"weights", std::int64_t{9}}};
  EXPECT_EQ(written([&](TraceWriter& trace) { trace.counter(5, "memory", 3'000'000, values); }),
            "\n"
            R"({"ph":"C","name":"memory","pid":5,"tid":0,"ts":3.000000,"args":{"activations":7,"weights":9}})");
}

TEST(TraceWriter, EscapesNames) {
  const std::string text = written([](TraceWriter& trace) { trace.process(0, "a \"b\" \\ \n\x01 \xc3\xa9", 0); });
  EXPECT_NE(text.find(R"("name":"a \"b\" \\ \u000a\u0001 )"
                      "\xc3\xa9\""),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace forerun
