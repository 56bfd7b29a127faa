#include <array>

#include "base/files/embedded.hpp"
#include "base/files/name_or_path.hpp"
#include "base/files/text_file.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "costmodel/stacks/stack.hpp"
#include "costmodel/stacks/stack_parameters.hpp"
#include "workloads/jobs/job_fields.hpp"

namespace forerun {
namespace {

const std::vector<std::string> attention_names{"unfused", "flash2", "flash3"};
const std::vector<std::string> reported_names{"allocated", "reserved", "device"};

// A storage format, `job` for the job's own, or `none`.
std::optional<DType> read_format(const YamlNode& node) {
  std::vector<std::string> names{"job", "none"};
  for (const DType dtype : all_dtypes) names.emplace_back(to_string(dtype));
  const std::size_t choice = node.one_of(names);
  return choice < 2 ? std::nullopt : std::optional(all_dtypes[choice - 2]);
}

Precision read_precision(const YamlNode& node) {
  MapReader map = node.map();
  Precision p;
  p.parameters = read_format(map.required("parameters"));
  p.gradients = read_format(map.required("gradients"));
  p.gradient_copy = map.optional("gradient_copy", read_format).value_or(std::nullopt);
  p.unit_gradients = map.optional("unit_gradients", read_format).value_or(std::nullopt);
  p.reduction = read_format(map.required("reduction"));
  p.master = read_format(map.required("master"));
  p.moments = read_format(map.required("moments"));
  p.fp16_gradients = map.optional("fp16_gradients", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  map.finish();
  return p;
}

UpdateRecipe read_recipe(const YamlNode& node) {
  MapReader map = node.map();
  const auto flag = [&map](const char* key) {
    return map.optional(key, [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  };
  UpdateRecipe recipe{.moments = map.optional("moments", read_format).value_or(std::nullopt),
                      .moments_paged = flag("moments_paged"),
                      .update_in_backward = flag("update_in_backward")};
  map.finish();
  return recipe;
}

OverlapAbility read_overlap(const YamlNode& node) {
  MapReader map = node.map();
  const auto share = [&map](const char* key) { return map.required(key).number(0, 1); };
  OverlapAbility o{.tp_forward = share("tp_forward"),
                   .tp_backward = share("tp_backward"),
                   .cp = share("cp"),
                   .ep = share("ep"),
                   .dp = share("dp"),
                   .zero3 = share("zero3"),
                   .pp = share("pp")};
  map.finish();
  return o;
}

std::vector<OperatorKind> read_operators(const YamlNode& node) {
  std::vector<std::string> names;
  for (int kind = 0; kind <= static_cast<int>(OperatorKind::loss); ++kind)
    names.emplace_back(to_string(static_cast<OperatorKind>(kind)));
  std::vector<OperatorKind> list;
  for (const YamlNode& item : node.items()) list.push_back(static_cast<OperatorKind>(item.one_of(names)));
  return list;
}

Reach read_reach(const YamlNode& node) {
  MapReader map = node.map();
  const auto share = [&map](const char* key) {
    return map.optional(key, [](const YamlNode& n) { return n.number(0.01, 10); }).value_or(1);
  };
  const Reach reach{.gemm = share("gemm"),
                    .attention = share("attention"),
                    .streaming = share("streaming"),
                    .communication = share("communication")};
  map.finish();
  return reach;
}

void read_memory(const YamlNode& node, Stack& stack) {
  MapReader map = node.map();
  stack.allocator_reserve = map.required("reserve").number(0, 1);
  stack.context = map.required("context").quantity<Bytes>();
  stack.communicator = map.required("communicator").quantity<Bytes>();
  stack.workspace = map.required("workspace").quantity<Bytes>();
  stack.reported = static_cast<ReportedMemory>(map.required("reported").one_of(reported_names));
  map.finish();
}

void read_host(const YamlNode& node, Stack& stack) {
  MapReader map = node.map();
  stack.host_per_kernel = map.required("per_kernel").quantity<Seconds>();
  stack.host_per_step = map.required("per_step").quantity<Seconds>();
  stack.host_update_rate = map.optional("update_rate", [](const YamlNode& n) { return n.number(1e6, 1e13); })
                               .value_or(stack.host_update_rate);
  map.finish();
}

std::vector<std::string> chosen(const YamlNode& node, const std::vector<std::string>& all) {
  std::vector<std::string> list;
  for (const YamlNode& item : node.items()) list.push_back(all[item.one_of(all)]);
  return list;
}

void read_supports(const YamlNode& node, Stack& stack) {
  MapReader map = node.map();
  stack.zero_levels.clear();
  for (const YamlNode& level : map.required("zero").items())
    stack.zero_levels.push_back(static_cast<int>(level.integer(0, 3)));
  stack.has_tp = stack.has_cp = stack.has_ep = stack.has_pp = false;
  for (const YamlNode& dimension : map.required("dimensions").items()) {
    bool* const flags[] = {&stack.has_tp, &stack.has_cp, &stack.has_ep, &stack.has_pp};
    *flags[dimension.one_of({"tp", "cp", "ep", "pp"})] = true;
  }
  if (const auto list = map.optional("schedules")) {
    stack.schedules = chosen(*list, {"gpipe", "1f1b", "interleaved", "zb-h1", "zb-h2", "zb-v", "dualpipe", "zb-auto"});
  }
  stack.layers_per_chunk =
      map.optional("layers_per_chunk", [](const YamlNode& n) { return static_cast<int>(n.integer(0, 1000)); })
          .value_or(0);
  if (const auto cut = map.optional("cut")) stack.cuts_by_weights = cut->one_of({"even", "by_weights"}) == 1;
  if (const auto list = map.optional("cp")) stack.cp_kinds = chosen(*list, {"ring", "all_gather", "ulysses"});
  map.finish();
}

std::vector<std::string> texts(const YamlNode& node) {
  std::vector<std::string> list;
  for (const YamlNode& item : node.items()) list.push_back(item.text());
  return list;
}

// A file: what it states, and what was fitted to runs.
struct StackFile {
  Stack stated;
  std::optional<StackFitRecord> fit;
};

StackFile read(const YamlNode& node) {
  MapReader map = node.map();
  Stack stack;
  stack.name = map.required("name").text();
  stack.aliases = map.optional("aliases", texts).value_or(std::vector<std::string>{});
  stack.source = map.required("source").text();
  stack.precision = read_precision(map.required("precision"));
  if (const auto dtype = map.optional("dtype", read_format)) stack.dtype = dtype->value_or(DType::bf16);
  stack.moments_paged = map.optional("moments_paged", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.update_in_backward =
      map.optional("update_in_backward", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.single_device = map.optional("single_device", read_recipe);
  stack.zero = static_cast<int>(map.required("zero").integer(0, 3));
  if (const auto supports = map.optional("supports")) read_supports(*supports, stack);
  stack.sequence_parallel = map.required("sequence_parallel").boolean();
  stack.attention = static_cast<AttentionKernel>(map.required("attention").one_of(attention_names));
  if (const auto selective = map.optional("selective")) {
    MapReader parts = selective->map();
    stack.selective_inside = parts.optional("inside", read_operators).value_or(std::vector<OperatorKind>{});
    stack.selective_outputs = parts.optional("outputs", read_operators).value_or(std::vector<OperatorKind>{});
    parts.finish();
  }
  if (const auto lora = map.optional("lora")) {
    MapReader parts = lora->map();
    stack.lora_rank = static_cast<int>(parts.required("rank").integer(1, 1 << 16));
    low_rank_targets().read(stack.lora_target, parts.required("target"));
    parts.finish();
  }
  MapReader loss = map.required("loss").map();
  stack.logit_saved = loss.required("saved").quantity<Bytes>();
  stack.logit_workspace = loss.required("workspace").quantity<Bytes>();
  loss.finish();
  stack.small_exchanges =
      map.optional("small_exchanges", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.wide_attention = map.optional("wide_attention", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.gradients_apart =
      map.optional("gradients_apart", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.fp8_saves = map.optional("fp8_saves", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.fp8_gathers = map.optional("fp8_gathers", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.fp8_weights =
      map.optional("fp8_weights", [](const YamlNode& n) { return n.quantity<Bytes>(); }).value_or(Bytes{0});
  stack.dropout = map.optional("dropout", [](const YamlNode& n) { return n.boolean(); }).value_or(true);
  stack.overlap = read_overlap(map.required("overlap"));
  stack.contention = map.required("contention").number(0, 1);
  stack.compiled = map.optional("compiled", [](const YamlNode& n) { return n.boolean(); }).value_or(true);
  stack.reach = map.optional("reach", read_reach).value_or(Reach{});
  stack.spread = map.optional("spread", [](const YamlNode& n) { return n.number(0, 3); });
  read_host(map.required("host"), stack);
  stack.scatter_sends = map.optional("scatter_sends", [](const YamlNode& n) { return n.boolean(); }).value_or(false);
  stack.steps_synchronize =
      map.optional("steps_synchronize", [](const YamlNode& n) { return n.boolean(); }).value_or(true);
  stack.bucket = map.optional("bucket", [](const YamlNode& n) { return n.number(1, 1e12); }).value_or(0);
  stack.optimizer_passes = map.required("optimizer_passes").number(0.1, 100);
  read_memory(map.required("memory"), stack);
  std::optional<StackFitRecord> record = map.optional("fitted", read_stack_fit);
  map.finish();
  return {std::move(stack), std::move(record)};
}

Stack fitted(StackFile file) {
  if (file.fit) apply(*file.fit, file.stated);
  return std::move(file.stated);
}

Result<StackFile> from(Result<YamlDocument> document) {
  if (!document) return fail(document.error());
  StackFile file = read(document->root());
  if (!document->problems().empty()) return fail(document->problems());
  return file;
}

std::vector<EmbeddedFile> stack_files() {
  std::vector<EmbeddedFile> files;
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (file.path.starts_with("costmodel/data/stacks/")) files.push_back(file);
  }
  return files;
}

std::string stem(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return std::string(path.substr(0, path.rfind('.')));
}

Result<StackFile> parse(const EmbeddedFile& file) {
  return from(YamlDocument::parse(std::string(file.text), std::string(file.path)));
}

// By file name, else by alias.
Result<EmbeddedFile> file_of(const std::string& name) {
  const std::string wanted = lower(name);
  for (const EmbeddedFile& file : stack_files()) {
    if (stem(file.path) == wanted) return file;
  }
  for (const EmbeddedFile& file : stack_files()) {
    const Result<StackFile> stack = parse(file);
    if (!stack) return fail(stack.error());
    for (const std::string& alias : stack->stated.aliases) {
      if (lower(alias) == wanted) return file;
    }
  }
  return fail(Problem{{}, "no software stack '" + name + "'", suggestion(name, stack_names())});
}

Result<StackFile> find(const std::string& name) {
  if (is_path(name)) return from(YamlDocument::load(name));
  const Result<EmbeddedFile> file = file_of(name);
  if (!file) return fail(file.error());
  return parse(*file);
}

}  // namespace

Stack read_stack(const YamlNode& node) { return fitted(read(node)); }

std::vector<std::string> stack_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : stack_files()) names.push_back(stem(file.path));
  return names;
}

Result<Stack> find_stack(const std::string& name_or_path) { return find(name_or_path).map(fitted); }
Result<Stack> find_stated_stack(const std::string& name_or_path) {
  return find(name_or_path).map([](StackFile file) { return std::move(file.stated); });
}
Result<std::optional<StackFitRecord>> find_stack_fit(const std::string& name_or_path) {
  return find(name_or_path).map([](StackFile file) { return std::move(file.fit); });
}

Result<std::string> stack_text_with(const std::string& name_or_path, const StackFitRecord& record) {
  std::string text;
  if (is_path(name_or_path)) {
    const Result<std::string> read = read_text_file(name_or_path);
    if (!read) return fail(read.error());
    text = *read;
  } else {
    const Result<EmbeddedFile> file = file_of(name_or_path);
    if (!file) return fail(file.error());
    text = std::string(file->text);
  }
  const auto line_of = [&text](std::size_t from) {
    return text.find('\n', from) == std::string::npos ? text.size() : text.find('\n', from) + 1;
  };
  if (std::size_t begin = text.starts_with("fitted:") ? 0 : text.find("\nfitted:"); begin != std::string::npos) {
    begin += text[begin] == '\n' ? 1 : 0;
    std::size_t end = line_of(begin);
    while (end < text.size() && (text[end] == ' ' || text[end] == '\n')) end = line_of(end);
    text.erase(begin, end - begin);
  }
  if (!text.ends_with('\n')) text += '\n';
  text += to_yaml(record);
  const Result<StackFile> again = from(YamlDocument::parse(text, "the stack with this fit"));
  if (!again) return fail(again.error());
  if (!again->fit || to_yaml(*again->fit) != to_yaml(record))
    return fail(Problem{
        {}, "the record of this fit would be read as another", "write a plainer date and plainer names of sources"});
  return text;
}

}  // namespace forerun
