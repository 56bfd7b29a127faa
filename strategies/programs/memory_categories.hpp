// What the memory of a device is spent on: one row a category. The sum, the tables, the JSON, the advice of a plan that
// does not fit and the comparison with a measured run all walk over these rows. A new category is a member of
// StageMemory, a row, and what fills the member.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/quantity.hpp"

namespace forerun {

// What a tensor that comes and goes during a step is for.
enum class MemoryKind : std::uint8_t { activations, gathered, transient, communication };
inline constexpr std::size_t memory_kinds = 4;

// Bytes on one device of a stage, at its peak or of what it holds for the whole step. The rows below say what each is.
struct StageMemory {
  Bytes parameters, gradients, optimizer, activations, gathered, transient, communication, workspace;

  [[nodiscard]] Bytes allocated() const;

  bool operator==(const StageMemory&) const = default;
};

struct MemoryCategory {
  std::string_view key;  // in JSON
  std::string_view label;  // in the memory table
  std::string_view short_label;  // beside a measured run
  std::string_view binding;  // where it is the largest of a plan that does not fit; "": no plan makes it smaller
  Bytes StageMemory::* bytes;
  std::optional<MemoryKind> kind;  // of the tensors that belong to it; nullopt: it is held for the whole step
  std::string_view meaning;
};

inline constexpr std::array<MemoryCategory, 8> memory_categories{{
    {"parameters", "parameters", "parameters", "parameters", &StageMemory::parameters, std::nullopt,
     "weights in the formats in which they are stored and computed with"},
    {"gradients", "gradients", "gradients", "gradients", &StageMemory::gradients, std::nullopt,
     "gradients of trained weights, until the update"},
    {"optimizer", "optimizer states", "optimizer states", "optimizer states", &StageMemory::optimizer, std::nullopt,
     "master weights and moments"},
    {"activations", "activations", "activations", "activations", &StageMemory::activations, MemoryKind::activations,
     "saved for the backward pass, of all micro-batches in flight"},
    {"gathered", "gathered parameters", "gathered", "gathered parameters", &StageMemory::gathered, MemoryKind::gathered,
     "ZeRO-3: parameters of the block at work and of the next; from ZeRO-2 on: gradients until they are scattered"},
    {"transient", "transient", "transient", "transient buffers", &StageMemory::transient, MemoryKind::transient,
     "gradients of activations, what recompute rebuilt, buffers of the loss"},
    {"communication", "communication buffers", "communication", "", &StageMemory::communication,
     MemoryKind::communication, "buckets and exchange buffers inside the allocator"},
    {"workspace", "workspace", "workspace", "", &StageMemory::workspace, std::nullopt, "of the matrix library"},
}};
static_assert(sizeof(StageMemory) == memory_categories.size() * sizeof(Bytes), "every member has a row");
static_assert(std::ranges::count_if(memory_categories, [](const MemoryCategory& c) { return c.kind.has_value(); }) ==
                  memory_kinds,
              "every kind has a row");

// The place of a category in `memory_categories`.
constexpr std::size_t memory_category(Bytes StageMemory::* bytes) {
  std::size_t place = 0;
  while (memory_categories[place].bytes != bytes) ++place;
  return place;
}
constexpr std::size_t memory_category(MemoryKind kind) {
  std::size_t place = 0;
  while (memory_categories[place].kind != kind) ++place;
  return place;
}

}  // namespace forerun
