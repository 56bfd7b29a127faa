#include "workloads/jobs/job_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace forerun {
namespace {

using namespace fields;

constexpr int most_tokens = 1 << 24, most_width = 1 << 16;

// Kinds of work that the design names and that are not priced yet: said as such, not called unknown.
Kind<JobKind> job_kind() {
  Kind<JobKind> kind = choice(all_to(JobKind::finetune));
  kind.read = [known = kind.read](JobKind& value, const YamlNode& node) {
    const std::string written = node.text();
    if (written == "serve" || written == "rl") {
      node.report("jobs of kind '" + written + "' are not modelled yet", "write pretrain or finetune");
    } else {
      known(value, node);
    }
  };
  return kind;
}

std::string named(const Tuning& tuning) { return fmt::format("tuning {}", to_string(tuning.kind)); }

void check_formats(const Job& job, MapReader& map) {
  if (job.tuning.kind != TuningKind::qlora || job.dtype != DType::fp8) return;
  map.node().report("qlora multiplies in the format that it dequantises to, which has at least 16 bits, not in fp8",
                    "write dtype: bf16");
}

Table<Job> make_job_fields() {
  const auto tuned = [](auto& job) -> auto& { return job.tuning.kind; };
  Table<Job> table;
  table.usual("kind", &Job::kind, job_kind(), "training from scratch, or of a trained model");
  table.required("sequence", &Job::sequence, integer(1, most_tokens), "tokens in a sequence");
  table.required("global_batch", &Job::global_batch, integer(1, most_tokens), "sequences a step, over all replicas");
  table.usual("dtype", &Job::dtype, job_formats(), "format of the matrix products; fp8 keeps everything else in bf16")
      .otherwise("the stack's: bf16 of most");
  table.usual("optimizer", &Job::optimizer, choice(all_to(Optimizer::adamw)),
              "keeps 0, 1 or 2 values a parameter beside the master copy");
  table.rare("tuning", tuned, choice(all_to(TuningKind::qlora)), "what of the model is trained")
      .only([](const Job& job) { return job.kind == JobKind::finetune; },
            [](const Job& job) { return fmt::format("a job of kind {}", to_string(job.kind)); }, "kind: finetune");
  table.inlined(&Job::tuning, tuning_fields());
  table.rare("expert_skew", &Job::expert_skew, number(1, 4096),
             "rows that the busiest expert-parallel rank draws over the mean (1: balanced)");
  table.checked(check_formats);
  return table;
}

Table<Tuning> make_tuning_fields() {
  const auto is_frozen = [](const Tuning& tuning) { return tuning.kind == TuningKind::frozen; };
  const auto is_adapter = [](const Tuning& tuning) { return tuning.kind == TuningKind::adapter; };
  Table<Tuning> table;
  table.rare("rank", &Tuning::rank, integer_or_unset(most_width), "rank of the factors A [in, rank] and B [rank, out]")
      .otherwise("the stack's")
      .only(is_low_rank, named, "tuning: lora or qlora");
  table.rare("target", &Tuning::target, low_rank_targets(), "products that low-rank factors stand beside")
      .otherwise("the stack's")
      .only(is_low_rank, named, "tuning: lora or qlora");
  table
      .required("width", &Tuning::width, integer(1, most_width),
                "width of the bottlenecks after attention and feed-forward")
      .only(is_adapter, named, "tuning: adapter");
  table
      .usual("trainable_blocks", &Tuning::trainable_blocks, integer(0, most_width),
             "the last blocks, which are trained")
      .only(is_frozen, named, "tuning: frozen");
  table.usual("train_head", &Tuning::train_head, flag(), "final norm and head are trained as well")
      .only(is_frozen, named, "tuning: frozen");
  return table;
}

}  // namespace

Kind<DType> job_formats() { return choice<DType>({DType::bf16, DType::fp16, DType::fp8, DType::fp32, DType::fp64}); }

Kind<std::vector<LowRankTarget>> low_rank_targets() {
  Kind<std::vector<LowRankTarget>> kind = list(choice(all_to(LowRankTarget::linear_fc2)));
  kind.read = [each = kind.read](std::vector<LowRankTarget>& targets, const YamlNode& node) {
    each(targets, node);
    const std::vector<YamlNode> items = node.is_sequence() ? node.items() : std::vector<YamlNode>{};
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto here = targets.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find(targets.begin(), here, *here) != here)
        items[i].report(fmt::format("target {} twice", to_string(*here)), "name it once");
    }
    std::sort(targets.begin(), targets.end());
  };
  return kind;
}

const Table<Job>& job_fields() {
  static const Table<Job> table = make_job_fields();
  return table;
}

const Table<Tuning>& tuning_fields() {
  static const Table<Tuning> table = make_tuning_fields();
  return table;
}

}  // namespace forerun
