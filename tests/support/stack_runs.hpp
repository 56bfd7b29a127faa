// Runs of three small models on eight devices that took just what a stack predicts.
#pragma once

#include <string>
#include <vector>

#include "validation/training/predict_run.hpp"
#include "validation/training/training_rows.hpp"

namespace forerun::test {

inline TrainingRow stack_row(int layers, int tp, int micro_batch) {
  TrainingRow r;
  r.run_id = std::to_string(layers) + "-" + std::to_string(tp) + "-" + std::to_string(micro_batch);
  r.source = "somewhere", r.stack = "megatron-lm", r.model = std::to_string(layers), r.gpu = "a100", r.dtype = "bf16",
  r.recompute = "none";
  r.layers = layers, r.hidden = 1024, r.heads = 8, r.vocab = 51200, r.seq = 2048, r.global_batch = 32,
  r.micro_batch = micro_batch;
  r.gpus = 8, r.tp = tp, r.sp = 0, r.pp = 1, r.dp = 8 / tp, r.zero = 0;
  return r;
}

// Runs that took what a stack with these values predicts.
inline std::vector<TrainingRow> runs_of(const Stack& truth) {
  std::vector<TrainingRow> rows;
  RunReader reader = *RunReader::make();
  for (const int layers : {4, 8, 12}) {
    for (const int tp : {1, 2, 4, 8}) {
      for (const int micro_batch : {1, 2, 4}) {
        TrainingRow r = stack_row(layers, tp, micro_batch);
        ReadRun run = reader.read(r);
        run.scenario.stack = truth;
        r.step_time = predict(ClosedFormContext(*price(run.scenario)), run).step.median;
        rows.push_back(r);
      }
    }
  }
  return rows;
}

}  // namespace forerun::test
