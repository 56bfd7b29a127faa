#include "workloads/models/model_fields.hpp"

#include <array>
#include <functional>

#include "workloads/models/block_list.hpp"
#include "workloads/models/published_size.hpp"

namespace forerun {
namespace {

using namespace fields;

// The width of the model is that of each of its blocks. It is 0 where it could not be read, so that nobody divides it.
Kind<Model> hidden() {
  const Kind<int> width = integer(1, largest::hidden);
  return {.words = width.words,
          .read =
              [width](Model& model, const YamlNode& node) {
                const std::size_t before = node.problem_count();
                width.read(model.hidden, node);
                if (node.problem_count() != before) model.hidden = 0;
                for (Block& block : model.blocks) block.hidden = model.hidden;
              },
          .write = [width](const Model& model, Defaults rare) { return width.write(model.hidden, rare); }};
}

void check_whole(const Model& model, MapReader& map) {
  for (const Problem& problem : check_outside_blocks(model)) map.node().report(problem.message, problem.hint);
}

void add_names(Table<Model>& table) {
  table.required("name", &Model::name, text(), "as reports print it");
  table.rare("aliases", &Model::aliases, list(text()), "other names by which it is found").label("it finds the file");
  table.rare("source", &Model::source, text(), "where its shapes are published").label("for people");
  table.rare("parameters", &Model::published, published_size(), "what is published of its size, which its shapes make");
}

void add_shapes(Table<Model>& table) {
  table.required("hidden", std::identity{}, hidden(), "width of the embedding, of each block and of the head");
  table.required("vocab", &Model::vocab, integer(0, largest::vocab), "tokens; 0: there is no embedding and no head");
  table.usual("tied_embeddings", &Model::tied_embeddings, flag(), "the head has the weights of the embedding");
  table.required("positions", &Model::positions, choice(all_to(Positions::alibi)), "how tokens know their place");
  table.usual("max_positions", &Model::max_positions, integer(0, largest::positions),
              "longest sequence that it is configured for; 0: not known");
  table.rare("extra_positions", &Model::extra_positions, integer(0, largest::positions),
             "further rows of the table of learned positions");
  table.required("norm", &Model::norm, choice(all_to(NormKind::rms)),
                 "layer: weight and bias, layer_no_bias: weight only, rms: weight only and no mean");
  table.rare("embedding_norm", &Model::embedding_norm, flag(), "a norm after the embedding");
  table.rare("final_norm", &Model::final_norm, flag(), "a norm before the head");
  table.rare("dropout", &Model::dropout, flag(), "trained with dropout, whose masks are saved activations");
  table.required("blocks", std::identity{}, block_list(), "from the embedding to the head");
}

Table<Model> make_model_fields() {
  Table<Model> table;
  add_names(table);
  add_shapes(table);
  table.checked_where_sound(check_whole);
  return table;
}

}  // namespace

std::string_view to_string(NormKind kind) {
  static constexpr std::array<std::string_view, 4> names{"none", "layer", "layer_no_bias", "rms"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view to_string(Positions positions) {
  static constexpr std::array<std::string_view, 4> names{"none", "learned", "rotary", "alibi"};
  return names[static_cast<std::size_t>(positions)];
}

const Table<Model>& model_fields() {
  static const Table<Model> table = make_model_fields();
  return table;
}

Model read_model(const YamlNode& node) { return model_fields().read(node); }
std::string to_yaml(const Model& model) { return block_yaml(model_fields().write(model)); }

}  // namespace forerun
