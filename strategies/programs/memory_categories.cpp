#include "strategies/programs/memory_categories.hpp"

namespace forerun {

Bytes StageMemory::allocated() const {
  Bytes sum{0};
  for (const MemoryCategory& category : memory_categories) sum += this->*category.bytes;
  return sum;
}

}  // namespace forerun
