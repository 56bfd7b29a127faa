// Ids are positions: the n-th task, stream or capacity that was added.
#pragma once

#include <cstddef>
#include <cstdint>

namespace forerun {

enum class TaskId : std::uint32_t {};
enum class StreamId : std::uint32_t {};
enum class CapacityId : std::uint32_t {};

constexpr std::size_t index(TaskId id) { return static_cast<std::size_t>(id); }
constexpr std::size_t index(StreamId id) { return static_cast<std::size_t>(id); }
constexpr std::size_t index(CapacityId id) { return static_cast<std::size_t>(id); }

}  // namespace forerun
