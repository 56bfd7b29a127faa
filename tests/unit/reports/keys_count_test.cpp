// No key without an effect: every key of every kind of file changes some answer of some plan, makes it be refused, or
// is called a label where keys are explained, with the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "costmodel/stacks/stack_fields.hpp"
#include "hardware/cluster_fields.hpp"
#include "hardware/device_fields.hpp"
#include "reports/estimate_report.hpp"
#include "reports/no_fit_report.hpp"
#include "reports/search_report.hpp"
#include "reports/simulation/simulation_report.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/plan_file.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/field_changes.hpp"
#include "workloads/models/block_fields.hpp"
#include "workloads/models/model_fields.hpp"

namespace forerun {
namespace {

// Small plans that between them use what plans can say.
const std::vector<std::string>& plan_texts() {
  static const std::vector<std::string> texts{
      "model: gpt2-medium\ncluster: {use: dgx-h100, gpus: 16}\nstack: course\n"
      "job: {sequence: 512, global_batch: 32, dtype: fp16}\n"
      "plan: {tp: 2, pp: 2, dp: 4, zero: 1, schedule: gpipe, recompute: selective}\n",
      "model: mixtral-8x7b\ncluster: {use: dgx-b200, gpus: 16}\nstack: megatron-bridge\n"
      "job: {sequence: 1024, global_batch: 32, dtype: fp8, expert_skew: 1.5}\n"
      "plan: {tp: 2, sp: true, pp: 2, dp: 4, ep: 4, virtual_stages: 2, recompute: selective, overlap: {ep: false, tp: "
      "false}}\n",
      "model: mistral-7b\ncluster: {use: a100-pcie-node, gpus: 8}\nstack: torchtitan\n"
      "job: {sequence: 2048, global_batch: 16}\nplan: {tp: 2, dp: 4, zero: 3, sharding_group: 2, recompute: "
      "selective}\n",
      "model: gpt2-xl\ncluster: {use: dgx-h100, gpus: 8}\nstack: course\n"
      "job: {sequence: 512, global_batch: 16, dtype: fp16}\nplan: {pp: 4, dp: 2, schedule: zb-auto, activation_limit: "
      "1.5}\n",
      "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 2}\nstack: torchtune\n"
      "job: {kind: finetune, tuning: lora, sequence: 512, global_batch: 8}\nplan: {dp: 2, zero: 3}\n",
      "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 1}\nstack: torchtune\n"
      "job: {kind: finetune, sequence: 512, global_batch: 1}\nplan: {recompute: full}\n",
      "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 2}\nstack: deepspeed\n"
      "job: {sequence: 512, global_batch: 4}\nplan: {dp: 2, zero: 2, recompute: full, offload: {optimizer: true}}\n",
      "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 8}\nstack: megatron-core\n"
      "job: {sequence: 4096, global_batch: 8, dtype: fp8}\nplan: {tp: 2, cp: 2, cp_kind: all_gather, pp: 2, zero: 1}\n",
      "model: deepseek-v2-lite\ncluster: {use: gb200-nvl72, gpus: 72}\nstack: megatron-bridge\n"
      "job: {sequence: 1024, global_batch: 72}\nplan: {dp: 72, zero: 1, recompute: full}\n",
      "model: gpt2-medium\ncluster: {use: dgx-v100, gpus: 8}\nstack: megatron-deepspeed\n"
      "job: {sequence: 512, global_batch: 64, dtype: fp16}\nplan: {tp: 2, pp: 2, dp: 2, zero: 1, micro_batch: 4}\n",
      "model: llama2-7b\ncluster: {use: dgx-a100, gpus: 4}\nstack: forerun\n"
      "job: {kind: finetune, tuning: frozen, trainable_blocks: 2, sequence: 512, global_batch: 8, dtype: fp32}\n"
      "plan: {tp: 2, sp: true, dp: 2}\n",
      "model: gpt2-medium\ncluster: {use: dgx-a100, gpus: 2}\nstack: course\n"
      "job: {kind: finetune, tuning: adapter, width: 64, sequence: 512, global_batch: 8, dtype: fp16}\nplan: {dp: 2}\n",
      "model: gpt2-medium\ncluster: {use: dgx-h100, gpus: 8}\nstack: course\n"
      "job: {sequence: 512, global_batch: 16, dtype: fp16}\nplan: {pp: 2, dp: 4, stages: [11, 13]}\n",
      "model: gpt2\ncluster: {use: dgx-h100, gpus: 512}\nstack: course\n"
      "job: {sequence: 256, global_batch: 512, dtype: fp16}\nplan: {dp: 512, zero: 1}\n",
      "model: gpt2\ncluster: {use: dgx-a100, gpus: 2}\nstack: forerun\n"
      "job: {sequence: 256, global_batch: 4, dtype: fp64}\nplan: {dp: 2}\n",
      "model: gpt2\ncluster: {use: this-machine, gpus: 2}\nstack: forerun\n"
      "job: {sequence: 64, global_batch: 4, dtype: fp32}\nplan: {dp: 2}\n",
  };
  return texts;
}

std::vector<PlanFile> plans() {
  std::vector<PlanFile> files;
  for (const std::string& text : plan_texts()) {
    Result<PlanFile> file = parse_plan_file(text, "plan.yaml");
    EXPECT_TRUE(file) << to_string(file.error()) << text;
    if (file) files.push_back(*std::move(file));
  }
  return files;
}

// What `estimate` and `simulate` say, as people and programs read it, or why they refuse.
std::string answers_of(const PlanFile& file) {
  Problems problems = check(file.scenario.job.tuning, file.scenario.model);
  for (const Problems& more : {check_plan(file.scenario, file.plan), check_stack(file.scenario, file.plan)})
    problems.insert(problems.end(), more.begin(), more.end());
  if (!problems.empty()) return to_string(problems);
  const Result<PricedScenario> scenario = price(file.scenario);
  if (!scenario) return to_string(scenario.error());
  const Estimate e = estimate(*scenario, file.plan);
  const EstimateAnswer estimated{*scenario, file.plan, e, {}};
  const Simulation s = simulate(*scenario, file.plan);
  return json_text(estimated) + to_text(estimated, 200) + json_text(SimulationAnswer{*scenario, e, s, {}, {}});
}

// What `plan` says of the scenario, on few devices of little memory as well.
std::string search_of(Scenario given) {
  std::string text;
  given.gpus = std::min(given.gpus, 8);
  given.job.global_batch = 8;
  for (const double share : {1.0, 0.05}) {
    given.cluster.nodes[0].node.device.memory.capacity *= share;
    Result<PricedScenario> priced = price(given);
    if (!priced) return text + to_string(priced.error());
    const ClosedFormContext context(*std::move(priced));
    const SearchResult result = search(context, {.top = 3, .variants = 1});
    if (!result.best.empty()) {
      const Ranking ranking = simulate_ranking(context.scenario, result.best, {.top = 3, .most_in_all = 1});
      const Wishes wishes;
      text += json_text(SearchAnswer{context.scenario, result, wishes, ranking, {}});
    } else if (result.nearest) {
      text += json_text(NoFitAnswer{given, result.certificate, *result.nearest, advise(context, *result.nearest)});
    }
  }
  return text;
}

struct Base {
  PlanFile file;
  std::string answers, search;
};
const std::vector<Base>& bases() {
  static const std::vector<Base> all = [] {
    std::vector<Base> list;
    for (PlanFile& file : plans()) list.push_back({file, answers_of(file), search_of(file.scenario)});
    return list;
  }();
  return all;
}

struct Count {
  std::size_t keys = 0, effective = 0, labels = 0;
  std::vector<std::string> silent;
};

// What a text does to a value: nothing (it is no value of the key, or changes none), or the whole is refused.
enum class Set : std::uint8_t { nothing, refused, changed };

template <class Change>
bool has_effect(const fields::Info& info, Change change) {
  std::vector<std::string> texts = test::candidates(info);
  for (const char* more : {"16", "64", "gpt2", "dgx-a100", "course", "a100-sxm-80gb"}) texts.emplace_back(more);
  constexpr std::size_t most_searches = 60;  // of a key that no estimate notices
  std::size_t searches = 0;
  for (const bool by_search : {false, true}) {
    for (const Base& base : bases()) {
      for (const std::string& text : texts) {
        if (by_search && ++searches > most_searches) return false;
        PlanFile changed = base.file;
        const Set set = change(changed, text);
        if (set == Set::refused) return true;
        if (set == Set::nothing) continue;
        if (by_search ? search_of(changed.scenario) != base.search : answers_of(changed) != base.answers) return true;
      }
    }
  }
  return false;
}

template <class Change>
void count(const std::vector<fields::Info>& infos, Change change, const std::string& kind, Count& all) {
  Count own;
  for (const fields::Info& info : infos) {
    const bool is_map = info.words.kind == "map" || info.words.kind == "list of maps";
    if (is_map) continue;
    ++own.keys;
    const bool label = info.what.find("(a label: ") != std::string::npos;
    if (label) {
      ++own.labels;
      continue;
    }
    std::string path = info.key;
    for (std::size_t at = path.find("[]"); at != std::string::npos; at = path.find("[]", at)) path.replace(at, 2, ".0");
    if (has_effect(info, [&](PlanFile& file, const std::string& text) { return change(file, path, text); })) {
      ++own.effective;
    } else {
      own.silent.push_back(kind + " " + info.key);
    }
  }
  std::cout << kind << ": " << own.keys << " keys, " << own.effective << " change an answer, " << own.labels
            << " are labels\n";
  all.keys += own.keys, all.effective += own.effective, all.labels += own.labels;
  all.silent.insert(all.silent.end(), own.silent.begin(), own.silent.end());
}

// Sets a key of a part of the scenario, as a file with that text would.
template <class T>
Set set_key(const fields::Table<T>& table, T& value, const std::string& path, const std::string& text) {
  T changed = value;
  if (!table.set(changed, path, text)) return Set::nothing;
  const auto document = YamlDocument::parse(fields::flow_yaml(table.write(changed)), "changed.yaml");
  if (!document) return Set::nothing;
  changed = table.read(document->root());
  if (!document->problems().empty()) return Set::refused;
  if (changed == value) return Set::nothing;
  value = std::move(changed);
  return Set::changed;
}

TEST(Keys, ChangeAnAnswerOrAreCalledLabels) {
  Count all;
  count(
      plan_file_keys(),
      [](PlanFile& file, const std::string& path, const std::string& text) {
        return set(file, path, text) ? Set::changed : Set::nothing;
      },
      "plan file", all);
  count(
      stack_fields().infos(),
      [](PlanFile& file, const std::string& path, const std::string& text) {
        return set_key(stack_fields(), file.scenario.stack, path, text);
      },
      "stack", all);
  count(
      device_fields().infos(),
      [](PlanFile& file, const std::string& path, const std::string& text) {
        return set_key(device_fields(), file.scenario.cluster.nodes[0].node.device, path, text);
      },
      "device", all);
  count(
      cluster_fields().infos(),
      [](PlanFile& file, const std::string& path, const std::string& text) {
        return set_key(cluster_fields(), file.scenario.cluster, path, text);
      },
      "cluster", all);
  std::vector<fields::Info> of_model;
  std::ranges::copy_if(model_fields().infos(), std::back_inserter(of_model),
                       [](const fields::Info& info) { return !info.key.starts_with("blocks"); });
  count(
      of_model,
      [](PlanFile& file, const std::string& path, const std::string& text) {
        return set_key(model_fields(), file.scenario.model, path, text);
      },
      "model", all);
  count(
      block_fields().infos(),
      [](PlanFile& file, const std::string& path, const std::string& text) {
        Set most = Set::nothing;
        for (Block& block : file.scenario.model.blocks)
          most = std::max(most, set_key(block_fields(), block, path, text));
        return most;
      },
      "block", all);
  std::cout << all.keys << " keys: " << all.effective << " change an answer, " << all.labels << " are labels\n";
  EXPECT_THAT(all.silent, testing::IsEmpty());
  EXPECT_EQ(all.keys, all.effective + all.labels);
}

}  // namespace
}  // namespace forerun
