#include "profiler/rank_samples.hpp"

#include <stdio.h>  // popen

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>
#include <string_view>

#include "profiler/collectives.hpp"
#include "runtime/communication/rank_processes.hpp"
#include "runtime/communication/rank_threads.hpp"
#include "runtime/cpu/matrix_product.hpp"

namespace forerun {
namespace {

constexpr const char* threads = "in-process";
constexpr const char* processes = "mpi";

// Every rank calls it with the same cases; rank 0 has the file.
Result<void> sample(Communicator& ranks, const std::vector<CollectiveCase>& cases, const char* source,
                    const ProfileOptions& o, SampleFile* file, const ProfileProgress& progress) {
  Result<void> written;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Seconds time = time_collective(ranks, cases[i], o.effort.budget);
    if (file == nullptr || !written || file->has(source, key_of(cases[i]))) continue;
    if (progress) progress(static_cast<double>(i) / static_cast<double>(cases.size()), "collectives");
    written = file->add(source, key_of(cases[i]), collective_row(source, file->owner().gpu, cases[i], time, ""));
  }
  return written;
}

std::vector<CollectiveCase> missing(const SampleFile& file, const char* source, int ranks, const ProfileOptions& o) {
  std::vector<CollectiveCase> cases = plan_collectives(ranks, o.largest_message, o.quick ? 2 : 3);
  std::erase_if(cases, [&](const CollectiveCase& c) { return file.has(source, key_of(c)); });
  return cases;
}

// What a failed program said last, of its own or else of mpirun's words.
std::string last_words(std::string_view text) {
  constexpr std::string_view ours = "forerun: ";
  std::string last, own;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    const std::string_view line = text.substr(from, to - from);
    if (std::ranges::any_of(line, [](unsigned char c) { return std::isalpha(c) != 0; })) last = line;
    if (line.starts_with(ours)) own = line.substr(ours.size());
    from = to + 1;
  }
  return own.empty() ? last : own;
}

// Nothing where the command succeeds.
std::optional<std::string> failure_of(const std::string& command) {
  std::FILE* pipe = ::popen((command + " </dev/null 2>&1 >/dev/null").c_str(), "r");
  if (pipe == nullptr) return "no shell can be started";
  std::string text;
  std::array<char, 4096> part{};
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), n);
  if (::pclose(pipe) == 0) return std::nullopt;
  return last_words(text);
}

}  // namespace

Result<SampleFile> open_rank_samples(const ProfileOptions& o, const Machine& machine, bool resume) {
  return SampleFile::open(paths_of(o.stem).collectives, collective_columns,
                          {machine_identity(machine), file_name(paths_of(o.stem).cluster)}, resume);
}

Result<void> sample_ranks(const ProfileOptions& o, const Machine& machine, SampleFile& file,
                          const ProfileProgress& progress, ProfileResult& result) {
  result.kept += file.rows();
  for (const int ranks : std::set<int>{2, std::max(2, machine.cores)}) {
    const std::vector<CollectiveCase> cases = missing(file, threads, ranks, o);
    Result<void> written;
    run_ranks(ranks, [&](Communicator& c) {
      const Result<void> own = sample(c, cases, threads, o, c.rank() == 0 ? &file : nullptr, progress);
      if (c.rank() == 0) written = own;
    });
    if (!written) return written;
  }
  result.collectives = file.rows();
  if (o.started_by_mpi.empty() || missing(file, processes, 2, o).empty()) return {};
  if (progress) progress(0, "collectives of processes");
  if (const auto why = failure_of(o.started_by_mpi)) {
    result.remarks.push_back("no collectives of processes: mpirun failed" + (why->empty() ? "" : ": " + *why));
    return {};
  }
  const Result<SampleFile> all = open_rank_samples(o, machine, true);
  if (!all) return fail(all.error());
  result.collectives = all->rows();
  return {};
}

Result<void> sample_as_process(const ProfileOptions& o, const Machine& machine, Communicator& ranks) {
  if (ranks.rank() != 0)
    return sample(ranks, plan_collectives(ranks.size(), o.largest_message, o.quick ? 2 : 3), processes, o, nullptr, {});
  Result<SampleFile> file = open_rank_samples(o, machine, true);
  // Every rank measures all of them: they would have to agree on what is missing.
  const Result<void> done = sample(ranks, plan_collectives(ranks.size(), o.largest_message, o.quick ? 2 : 3), processes,
                                   o, file ? &*file : nullptr, {});
  return file ? done : fail(file.error());
}

int profile_as_process(const ProfileOptions& o, const Machine& machine) {
  return run_as_process([&](Communicator& ranks) {
    if (const auto done = sample_as_process(o, machine, ranks); !done)
      throw std::runtime_error(to_string(done.error()));
  });
}

bool can_profile_processes() { return has_mpi(); }
std::string profiled_library() { return matrix_library(); }

}  // namespace forerun
