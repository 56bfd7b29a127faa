// Measured training runs as a file states them (the columns of tests/validation/data/README.md); nothing is assumed
// here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.hpp"
#include "base/result.hpp"

namespace forerun {

// Empty cells are nullopt or "".
struct TrainingRow {
  Position at;
  std::string run_id, source, stack, model, tuning, gpu, interconnect, schedule, stages, recompute, dtype,
      flash_attention, overlap, notes;
  std::optional<int> layers, hidden, heads, kv_heads, ffn, vocab, experts, topk, seq, global_batch, micro_batch, gpus,
      year;
  std::optional<int> tp, sp, pp, vpp, dp, cp, ep, zero;
  std::optional<double> parameters;  // of the whole model, rounded as its name is
  std::optional<Seconds> step_time;
  std::optional<Bytes> peak_memory;
  bool out_of_memory = false;  // fits = no
  std::string unreadable;      // a word that is not known, which leaves the row out
};

// What a row must state to be predicted: layers, hidden, heads, seq, global_batch, micro_batch, gpus, tp, pp, dp.
std::vector<std::string> unstated(const TrainingRow&);

// Runs of equal shape are of the same model, whatever their sources call it: layers, hidden, heads, experts.
std::string shape_of(const TrainingRow&);

// The columns by name, for those who choose rows: whole numbers, step_time_s, peak_memory_gib, and texts.
std::vector<std::string> training_columns();
bool is_number_column(std::string_view column);
std::optional<double> number_in(const TrainingRow&, std::string_view column);  // nullopt: empty, or no such column
std::string text_in(const TrainingRow&, std::string_view column);              // "": likewise

// Problems: a file that cannot be read, missing columns (all in one), cells that are no numbers or out of range.
Result<std::vector<TrainingRow>> read_training_rows(const std::string& path);
Result<std::vector<TrainingRow>> parse_training_rows(const std::string& text, const std::string& name);

}  // namespace forerun
