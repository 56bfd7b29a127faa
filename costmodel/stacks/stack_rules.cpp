#include "costmodel/stacks/stack_rules.hpp"

#include "base/dtype.hpp"
#include "base/schedule_kind.hpp"
#include "base/vocabulary.hpp"

namespace forerun {
namespace {

template <class Values>
std::vector<std::string> words_of(const Values& values) {
  std::vector<std::string> words;
  for (const auto value : values) words.emplace_back(to_string(value));
  return words;
}

std::vector<std::string> schedules() {
  std::vector<std::string> words;
  for (int kind = 0; kind <= static_cast<int>(last_schedule); ++kind)
    words.emplace_back(to_string(static_cast<ScheduleKind>(kind)));
  return words;
}

}  // namespace

const std::vector<ExpressionName>& rule_names() {
  static const std::vector<ExpressionName> names{{"tp", {}},
                                                 {"sp", {}},
                                                 {"cp", {}},
                                                 {"cp_kind", words_of(all_cp_kinds)},
                                                 {"pp", {}},
                                                 {"virtual_stages", {}},
                                                 {"schedule", schedules()},
                                                 {"stages", {"even", "even_with_ends", "list"}},
                                                 {"ep", {}},
                                                 {"etp", {}},
                                                 {"dp", {}},
                                                 {"zero", {}},
      {"zero_exchange", {"every_pass", "once_a_step"}},
                                                 {"sharding_group", {}},
                                                 {"micro_batch", {}},
                                                 {"recompute", {"none", "selective", "full"}},
                                                 {"offload_optimizer", {}},
                                                 {"offload_activations", {}},
                                                 {"micro_batches", {}},
                                                 {"gpus", {}},
                                                 {"node", {}},
                                                 {"sequence", {}},
                                                 {"global_batch", {}},
                                                 {"dtype", words_of(all_dtypes)},
                                                 {"low_rank", {}},
                                                 {"layers", {}},
                                                 {"vocab", {}},
                                                 {"tied", {}},
                                                 {"heads", {}},
                                                 {"kv_heads", {}},
                                                 {"latent", {}},
                                                 {"window", {}},
                                                 {"width", {}},
                                                 {"experts", {}},
                                                 {"hidden", {}}};
  return names;
}

std::string rule_name_text() {
  std::string text;
  for (const ExpressionName& name : rule_names()) text += (text.empty() ? "" : ", ") + name.name;
  return text;
}

}  // namespace forerun
