#include "sim/trace/trace_writer.hpp"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <ostream>

namespace forerun {
namespace {

constexpr Tick ticks_per_microsecond = 1'000'000;

template <class Number>
void append_number(std::string& text, Number number) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  assert(error == std::errc{});
  text.append(digits.data(), end);
}

// Microseconds with six decimals.
void append_time(std::string& text, Tick ticks) {
  append_number(text, ticks / ticks_per_microsecond);
  text += '.';
  const std::size_t start = text.size();
  append_number(text, ticks % ticks_per_microsecond + ticks_per_microsecond);  // a leading 1 keeps the zeros
  text.erase(start, 1);
}

void append_escaped(std::string& text, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    text += '\\';
    text += c;
  } else if (code < 0x20) {
    text += "\\u00";
    text += hex[code >> 4];
    text += hex[code & 15];
  } else {
    text += c;
  }
}

void append_string(std::string& text, std::string_view string) {
  text += '"';
  for (const char c : string) append_escaped(text, c);
  text += '"';
}

struct AppendValue {
  std::string& text;

  void operator()(std::int64_t value) const { append_number(text, value); }
  void operator()(double value) const {
    assert(std::isfinite(value) && "JSON has no such number");
    append_number(text, value);
  }
  void operator()(std::string_view value) const { append_string(text, value); }
};

}  // namespace

TraceWriter::TraceWriter(std::ostream& out) : out_(out) { out_ << R"({"displayTimeUnit":"ns","traceEvents":[)"; }

TraceWriter::~TraceWriter() { out_ << "\n]}\n"; }

void TraceWriter::open(char kind, std::string_view name) {
  line_ = first_ ? "\n" : ",\n";
  first_ = false;
  line_ += R"({"ph":")";
  line_ += kind;
  line_ += R"(","name":)";
  append_string(line_, name);
}

void TraceWriter::place(TraceTrack track, Tick at) {
  line_ += R"(,"pid":)";
  append_number(line_, track.process);
  line_ += R"(,"tid":)";
  append_number(line_, track.thread);
  line_ += R"(,"ts":)";
  append_time(line_, at);
}

void TraceWriter::arguments(std::span<const TraceArgument> arguments) {
  line_ += R"(,"args":{)";
  for (const TraceArgument& argument : arguments) {
    if (&argument != arguments.data()) line_ += ',';
    append_string(line_, argument.key);
    line_ += ':';
    std::visit(AppendValue{line_}, argument.value);
  }
  line_ += '}';
}

void TraceWriter::close() {
  line_ += '}';
  out_ << line_;
}

void TraceWriter::metadata(TraceTrack track, std::string_view what, const TraceArgument& argument) {
  open('M', what);
  place(track, 0);
  arguments({&argument, 1});
  close();
}

void TraceWriter::process(std::int64_t process, std::string_view name, std::int64_t sort_index) {
  metadata({.process = process}, "process_name", {.key = "name", .value = name});
  metadata({.process = process}, "process_sort_index", {.key = "sort_index", .value = sort_index});
}

void TraceWriter::track(TraceTrack track, std::string_view name, std::int64_t sort_index) {
  metadata(track, "thread_name", {.key = "name", .value = name});
  metadata(track, "thread_sort_index", {.key = "sort_index", .value = sort_index});
}

void TraceWriter::slice(const TraceSlice& slice) {
  assert(slice.start <= slice.finish && slice.finish < never);
  open('X', slice.name);
  line_ += R"(,"cat":)";
  append_string(line_, slice.category);
  place(slice.track, slice.start);
  line_ += R"(,"dur":)";
  append_time(line_, slice.finish - slice.start);
  if (!slice.arguments.empty()) arguments(slice.arguments);
  close();
}

void TraceWriter::arrow(std::string_view name, std::string_view category, std::uint64_t id, TraceArrowEnd from,
                        TraceArrowEnd to) {
  arrow_end('s', name, category, id, from);
  arrow_end('f', name, category, id, to);
}

void TraceWriter::arrow_end(char kind, std::string_view name, std::string_view category, std::uint64_t id,
                            TraceArrowEnd end) {
  open(kind, name);
  line_ += R"(,"cat":)";
  append_string(line_, category);
  line_ += R"(,"id":)";
  append_number(line_, id);
  if (kind == 'f') line_ += R"(,"bp":"e")";
  place(end.track, end.at);
  close();
}

void TraceWriter::counter(std::int64_t process, std::string_view name, Tick at, std::span<const TraceArgument> values) {
  open('C', name);
  place({.process = process}, at);
  arguments(values);
  close();
}

}  // namespace forerun
