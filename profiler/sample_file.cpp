#include "profiler/sample_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <iterator>
#include <vector>

#include "base/files/csv.hpp"

namespace forerun {
namespace {

// The columns from `kind` to `bytes`.
struct ShapeText {
  std::string kind, columns;

  explicit ShapeText(const Gemm& g) : kind("gemm"), columns(fmt::format("{},{},{},{},,,,,,", g.m, g.n, g.k, g.batch)) {}
  explicit ShapeText(const FusedAttention& a)
      : kind(a.backward ? "attn_backward" : "attn_prefill"),
        columns(fmt::format(",,,{},{},{},{},{},{},", a.sequences, a.heads, a.kv_heads, a.head_dim, a.q_len, a.kv_len)) {
  }
  explicit ShapeText(const Streaming& s) : columns(fmt::format(",,,,,,,,,{:.0f}", s.bytes.value())) {
    static constexpr std::array<const char*, streaming_kinds> names{
        "norm",    "elementwise", "softmax",   "embedding",  "cross_entropy",
        "permute", "cast",        "optimizer", "activation", "rotary"};
    kind = names[static_cast<std::size_t>(s.kind)];
    if (s.backward) kind += "_backward";
  }
};

ShapeText shape_text(const Kernel& kernel) {
  return std::visit([](const auto& k) { return ShapeText(k); }, kernel);
}

std::string dimensions(const KernelCase& c) {
  if (c.rows == 0) return "";
  return c.table > 0 ? fmt::format("{}x{} of {}", c.rows, c.width, c.table) : fmt::format("{}x{}", c.rows, c.width);
}

// "out=4;" where a product writes wider elements than it reads: weight gradients, which are added to sums.
std::string output_note(const Kernel& kernel) {
  const Gemm* gemm = std::get_if<Gemm>(&kernel);
  if (gemm == nullptr || static_cast<double>(gemm->output_size) == size_of(gemm->dtype).value()) return "";
  return fmt::format("out={};", gemm->output_size);
}

std::string microseconds(Seconds time) { return fmt::format("{:.4f}", time.value() * 1e6); }

// The key of a row that this file's functions wrote, with its source.
std::string key_of_row(const std::vector<CsvCell>& row, bool kernels) {
  const auto text = [&](std::size_t column) -> const std::string& { return row[column].text; };
  if (!kernels) return fmt::format("{},{},{},{}", text(0), text(3), text(4), text(5));
  std::string key = text(0);
  for (std::size_t i = 2; i < 14; ++i) key += "," + text(i);
  const std::string& notes = text(15);
  const std::size_t first = notes.find(';'), second = notes.find(';', first + 1), third = notes.find(';', second + 1);
  return key + "," + notes.substr(first + 1, third - first - 1);
}

Result<void> check_owner(const std::vector<CsvCell>& row, const SampleOwner& owner) {
  const std::string &machine = row.back().text, &gpu = row[1].text;
  if (machine == owner.machine && gpu == owner.gpu) return {};
  const bool other = machine != owner.machine;
  return fail(Problem{
      row.front().at,
      fmt::format("these are samples of {}, not of {}", other ? machine : gpu, other ? owner.machine : owner.gpu),
      "leave --resume out to begin anew, or name another file with --out"});
}

// Of the rows of such a file.
Result<std::set<std::string>> keys_of(const std::string& text, const std::string& path, std::string_view columns,
                                      const SampleOwner& owner) {
  std::set<std::string> keys;
  if (text == std::string(columns) + "\n") return keys;
  const Result<CsvTable> table = parse_csv(text, path);
  if (!table) return fail(table.error());
  for (const std::vector<CsvCell>& row : table->rows) {
    if (const auto own = check_owner(row, owner); !own) return fail(own.error());
    keys.insert(key_of_row(row, columns == kernel_columns));
  }
  return keys;
}

Problem unwritable(const std::string& path) {
  return {{path, 0, 0}, "cannot be written", "name a file in a folder where you may write"};
}

}  // namespace

std::string key_of(const KernelCase& c) {
  const ShapeText shape = shape_text(c.kernel);
  return fmt::format("{},{},{},{};{}", to_string(c.dtype), shape.kind, shape.columns, c.operation, dimensions(c));
}

std::string kernel_row(const std::string& source, const std::string& gpu, const KernelCase& c, Seconds time,
                       const std::string& library, const std::string& remarks) {
  const ShapeText shape = shape_text(c.kernel);
  return fmt::format("{},{},{},{},{},{},{};{};{};{}{}", source, gpu, to_string(c.dtype), shape.kind, shape.columns,
                     microseconds(time), library, c.operation, dimensions(c), output_note(c.kernel), remarks);
}

std::string key_of(const CollectiveCase& c) { return fmt::format("{},{:.0f},{}", c.kind, c.bytes.value(), c.ranks); }

std::string collective_row(const std::string& source, const std::string& gpu, const CollectiveCase& c, Seconds time,
                           const std::string& remarks) {
  return fmt::format("{},{},fp32,{},{:.0f},{},{},{}", source, gpu, c.kind, c.bytes.value(), c.ranks, microseconds(time),
                     remarks);
}

Result<SampleFile> SampleFile::open(const std::string& path, std::string_view columns, const SampleOwner& owner,
                                    bool resume) {
  SampleFile samples;
  samples.path_ = path, samples.owner_ = owner;
  std::string kept;
  if (resume) {
    std::ifstream in(path, std::ios::binary);
    kept.assign(std::istreambuf_iterator<char>(in), {});
    kept.resize(kept.rfind('\n') + 1);  // npos + 1 is 0
  }
  if (kept.empty()) kept = std::string(columns) + "\n";
  if (kept.substr(0, kept.find('\n')) != columns) {
    return fail(Problem{{path, 1, 1},
                        "these are not the samples of a profile: other columns",
                        "leave --resume out to begin anew, or name another file with --out"});
  }
  Result<std::set<std::string>> keys = keys_of(kept, path, columns, owner);
  if (!keys) return fail(std::move(keys).error());
  samples.keys_ = *std::move(keys);
  if (const auto written = write_whole(path, kept); !written) return fail(written.error());
  samples.file_.open(path, std::ios::app | std::ios::binary);
  if (!samples.file_) return fail(unwritable(path));
  return samples;
}

Result<void> SampleFile::add(const std::string& source, const std::string& key, const std::string& row) {
  file_ << row + "," + owner_.machine + "\n" << std::flush;
  if (!file_) return fail(unwritable(path_));
  keys_.insert(source + "," + key);
  return {};
}

Result<void> write_whole(const std::string& path, const std::string& text) {
  const std::string beside = path + ".part";
  std::ofstream file(beside, std::ios::binary);
  file << text;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(beside, path, error);
  if (file && !error) return {};
  std::filesystem::remove(beside, error);
  return fail(unwritable(path));
}

}  // namespace forerun
