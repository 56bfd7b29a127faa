#include "workloads/models/block_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "workloads/models/block_fields.hpp"

namespace forerun {
namespace {

using namespace fields;

constexpr int most_nested_patterns = 8;

Block read_block(const YamlNode& node, int hidden) {
  Block block{.hidden = hidden};
  block_fields().read_into(block, node);
  return block;
}

void read_entry(const YamlNode& node, int hidden, std::vector<Block>& blocks, int depth);

// What an entry with `repeat` repeats.
std::vector<Block> read_once(const YamlNode& node, MapReader& map, int hidden, int depth) {
  std::vector<Block> once;
  const auto block = map.optional("block");
  const auto pattern = map.optional("pattern");
  if (block) once.push_back(read_block(*block, hidden));
  if (pattern && depth == most_nested_patterns) {
    pattern->report(fmt::format("patterns within patterns more than {} deep", most_nested_patterns));
  } else if (pattern) {
    for (const YamlNode& item : pattern->items()) read_entry(item, hidden, once, depth + 1);
  }
  if (block.has_value() == pattern.has_value()) {
    node.report(block ? "'repeat' of both a 'block' and a 'pattern'" : "'repeat' of nothing",
                "write one of: block, pattern");
  }
  return once;
}

void read_entry(const YamlNode& node, int hidden, std::vector<Block>& blocks, int depth) {
  MapReader map = node.map();
  if (!node.is_map()) return;
  if (!map.has("repeat") && !map.has("pattern") && !map.has("block")) {
    blocks.push_back(read_block(node, hidden));
    return;
  }
  const auto repeat = map.optional("repeat", [](const YamlNode& n) { return n.integer(1, largest::blocks); });
  const std::vector<Block> once = read_once(node, map, hidden, depth);
  map.finish();
  if (once.size() * static_cast<std::size_t>(repeat.value_or(1)) + blocks.size() > largest::blocks) {
    node.report(fmt::format("more than {} blocks", largest::blocks), "forerun does not read deeper models");
    return;
  }
  for (std::int64_t i = 0; i < repeat.value_or(1); ++i) blocks.insert(blocks.end(), once.begin(), once.end());
}

using Blocks = std::span<const Block>;

// How often the first `period` blocks stand at the front, one after the other.
std::size_t repeats(Blocks blocks, std::size_t period) {
  std::size_t times = 1;
  while ((times + 1) * period <= blocks.size() &&
         std::equal(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(period),
                    blocks.begin() + static_cast<std::ptrdiff_t>(times * period))) {
    ++times;
  }
  return times;
}

// The shortest period that covers the most blocks when it is repeated; hybrids and windows in use repeat after 2 to 8
// blocks.
std::size_t best_period(Blocks blocks) {
  std::size_t best = 1, covered = repeats(blocks, 1);
  for (std::size_t period = 2; period <= 16 && 2 * period <= blocks.size(); ++period) {
    const auto times = repeats(blocks, period);
    if (times > 1 && times * period > covered) {
      best = period;
      covered = times * period;
    }
  }
  return best;
}

Value::List write_entries(Blocks blocks, Defaults rare) {
  Value::List entries;
  while (!blocks.empty()) {
    const auto period = best_period(blocks);
    const auto times = repeats(blocks, period);
    Value block = block_fields().write(blocks.front(), rare);
    if (times == 1) {
      entries.push_back(std::move(block));
    } else {
      Value::Map entry{{"repeat", {static_cast<std::int64_t>(times)}}};
      if (period == 1) entry.emplace_back("block", std::move(block));
      if (period > 1) entry.emplace_back("pattern", Value{write_entries(blocks.first(period), rare)});
      entries.push_back({std::move(entry)});
    }
    blocks = blocks.subspan(period * times);
  }
  return entries;
}

std::vector<Info> entry_infos() {
  std::vector<Info> infos{
      {"repeat", integer(1, largest::blocks).words, "1", "times that `block` or `pattern` stands there"},
      {"block", {"map", "", ""}, "", "one block, with the keys that follow"},
      {"pattern", {"list of maps", "", ""}, "", "entries as those of `blocks`"}};
  for (Info& info : block_fields().infos()) infos.push_back(std::move(info));
  return list_infos(infos);
}

}  // namespace

Kind<Model> block_list() {
  return {.words = {"list of maps", "", ""},
          .read =
              [](Model& model, const YamlNode& node) {
                model.blocks.clear();
                for (const YamlNode& entry : node.items()) read_entry(entry, model.hidden, model.blocks, 0);
              },
          .write = [](const Model& model, Defaults rare) { return Value{write_entries(model.blocks, rare)}; },
          .inside = entry_infos()};
}

}  // namespace forerun
