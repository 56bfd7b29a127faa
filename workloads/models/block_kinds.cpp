#include "workloads/models/block_kinds.hpp"

#include <algorithm>

namespace forerun {

BlockKinds block_kinds(const Model& model) {
  BlockKinds kinds;
  for (const Block& block : model.blocks) {
    auto found = std::find(kinds.distinct.begin(), kinds.distinct.end(), block);
    if (found == kinds.distinct.end()) found = kinds.distinct.insert(found, block);
    kinds.of_layer.push_back(static_cast<int>(found - kinds.distinct.begin()));
  }
  for (std::size_t k = 0; k < kinds.distinct.size(); ++k) {
    std::vector<int> count{0};
    for (const int kind : kinds.of_layer) count.push_back(count.back() + (kind == static_cast<int>(k) ? 1 : 0));
    kinds.before.push_back(count);
  }
  const std::size_t layers = kinds.of_layer.size();
  kinds.end_of_run.resize(layers);
  for (std::size_t i = layers; i-- > 0;)
    kinds.end_of_run[i] =
        i + 1 < layers && kinds.of_layer[i] == kinds.of_layer[i + 1] ? kinds.end_of_run[i + 1] : i + 1;
  return kinds;
}

}  // namespace forerun
