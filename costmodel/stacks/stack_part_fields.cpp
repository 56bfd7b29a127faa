// The parts of a stack that are values of their own.
#include "costmodel/stacks/stack_fields.hpp"

namespace forerun {
namespace {

using namespace fields;

std::vector<DType> formats() { return {all_dtypes.begin(), all_dtypes.end()}; }

// A storage format, or a word for nullopt: `job` where the job's own format stands in, `none` where nothing is kept.
Kind<std::optional<DType>> format_or(const std::string& unset) {
  std::vector<std::string> names{unset};
  for (const DType dtype : all_dtypes) names.emplace_back(to_string(dtype));
  return {.words = word(names).words,
          .read =
              [names](std::optional<DType>& value, const YamlNode& node) {
                const std::size_t at = node.one_of(names);
                value = at == 0 ? std::nullopt : std::optional(all_dtypes[at - 1]);
              },
          .write = [unset](const std::optional<DType>& value,
                           Defaults) { return Value{value ? std::string(to_string(*value)) : unset}; }};
}

Table<Precision> make_precision_fields() {
  Table<Precision> table;
  table.required("parameters", &Precision::parameters, format_or("job"), "as stored");
  table.required("gradients", &Precision::gradients, format_or("job"), "as accumulated");
  table.usual("gradient_copy", &Precision::gradient_copy, format_or("none"),
              "another copy of all gradients, as backward passes write them (buckets of DDP)");
  table.usual("unit_gradients", &Precision::unit_gradients, format_or("job"),
              "under ZeRO-3 gradients of a unit before they are scattered");
  table.required("reduction", &Precision::reduction, format_or("job"), "gradients as sent between replicas");
  table.required("master", &Precision::master, format_or("none"),
                 "a second copy of the parameters for the optimiser, where it is wider than they are");
  table.required("moments", &Precision::moments, format_or("job"), "moments of the optimiser, as kept");
  table.usual("fp16_gradients", &Precision::fp16_gradients, flag(),
              "fp16 jobs, whose loss is scaled, accumulate and reduce gradients in fp16 whatever the above says");
  return table;
}

Table<UpdateRecipe> make_update_recipe_fields() {
  Table<UpdateRecipe> table;
  table.usual("moments", &UpdateRecipe::moments, maybe(choice(formats())), "moments of the optimiser")
      .otherwise("as precision says");
  table.usual("moments_paged", &UpdateRecipe::moments_paged, flag(),
              "moments live in host memory that the device pages in");
  table.usual("update_in_backward", &UpdateRecipe::update_in_backward, flag(),
              "a block is updated as soon as its gradient is there, which then goes");
  return table;
}

Table<OverlapAbility> make_overlap_ability_fields() {
  Table<OverlapAbility> table;
  const auto add = [&table](const char* key, double OverlapAbility::* member, const char* what) {
    table.required(key, member, number(0, 1), what);
  };
  add("tp_forward", &OverlapAbility::tp_forward, "product and collective are cut into pieces and interleaved");
  add("tp_backward", &OverlapAbility::tp_backward, "collectives run beside the weight gradient");
  add("cp", &OverlapAbility::cp, "steps of the ring run beside attention");
  add("ep", &OverlapAbility::ep, "dispatch and combine of the experts' tokens");
  add("dp", &OverlapAbility::dp, "gradients beside the last backward pass, parameters beside the next forward pass");
  add("zero3", &OverlapAbility::zero3, "gathers and scatters beside the neighbouring layers");
  add("pp", &OverlapAbility::pp, "sends beside the next micro-batch");
  return table;
}

Table<Reach> make_reach_fields() {
  Table<Reach> table;
  const auto add = [&table](const char* key, double Reach::* member, const char* what) {
    table.usual(key, member, number(0.01, 10), what);
  };
  add("gemm", &Reach::gemm, "matrix products");
  add("attention", &Reach::attention, "attention");
  add("streaming", &Reach::streaming, "kernels bound by memory bandwidth");
  add("communication", &Reach::communication, "collectives and sends");
  return table;
}

}  // namespace

const Table<Precision>& precision_fields() {
  static const Table<Precision> table = make_precision_fields();
  return table;
}

const Table<UpdateRecipe>& update_recipe_fields() {
  static const Table<UpdateRecipe> table = make_update_recipe_fields();
  return table;
}

const Table<OverlapAbility>& overlap_ability_fields() {
  static const Table<OverlapAbility> table = make_overlap_ability_fields();
  return table;
}

const Table<Reach>& reach_fields() {
  static const Table<Reach> table = make_reach_fields();
  return table;
}

}  // namespace forerun
