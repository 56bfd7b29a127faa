#include "costmodel/parameters.hpp"

#include "base/files/embedded.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"

namespace forerun {
namespace {

double share(MapReader& map, const char* key) { return map.required(key).number(0.001, 2); }

GemmParameters read_gemm(const YamlNode& node) {
  MapReader map = node.map();
  GemmParameters p{.compute = share(map, "compute"),
                   .memory = share(map, "memory"),
                   .exponent = map.required("exponent").number(1, 20)};
  p.teraflops_per_watt = map.optional("teraflops_per_watt", [](const YamlNode& n) { return n.number(0.001, 1000); });
  p.spread = map.required("spread").number(0, 3);
  map.finish();
  return p;
}

AttentionParameters read_attention(const YamlNode& node) {
  MapReader map = node.map();
  const AttentionParameters p{.forward = share(map, "forward"), .backward = share(map, "backward")};
  map.finish();
  return p;
}

// Activations and rotary positions are element-wise work, unless the file tells them apart.
std::array<double, streaming_kinds> read_streaming(MapReader& map) {
  const double elementwise = share(map, "elementwise");
  const auto else_elementwise = [&](const char* key) {
    return map.optional(key, [](const YamlNode& n) { return n.number(0.001, 2); }).value_or(elementwise);
  };
  return {share(map, "norm"),
          elementwise,
          share(map, "softmax"),
          share(map, "embedding"),
          share(map, "cross_entropy"),
          share(map, "permute"),
          share(map, "cast"),
          share(map, "optimizer"),
          else_elementwise("activation"),
          else_elementwise("rotary")};
}

BorrowedKernels read_like(const YamlNode& node) {
  MapReader map = node.map();
  BorrowedKernels like{.device = map.required("device").text()};
  for (const YamlNode& kind : map.required("kinds").items())
    like.kinds.push_back(static_cast<KernelKind>(kind.one_of(kernel_kind_names())));
  like.widen = map.required("widen").number(1, 10);
  map.finish();
  return like;
}

CollectiveParameters read_collective(const YamlNode& node) {
  MapReader map = node.map();
  CollectiveParameters p{.intra_bandwidth = share(map, "intra_bandwidth"),
                         .inter_bandwidth = share(map, "inter_bandwidth"),
                         .all_to_all = share(map, "all_to_all")};
  p.base = map.required("base").quantity<Seconds>();
  p.intra_hop = map.required("intra_hop").quantity<Seconds>();
  p.inter_hop = map.required("inter_hop").quantity<Seconds>();
  p.spread = map.required("spread").number(0, 3);
  map.finish();
  return p;
}

// `nccl: GENERATION`, or the ring and tree of other software, over which calibrations of the generation `host` lie
// where it is `measured_as: host`.
void read_collectives(MapReader& map, FamilyParameters& p) {
  const auto nccl = map.optional("nccl");
  if (!nccl) {
    p.collective = read_collective(map.required("collective"));
    if (const auto as = map.optional("measured_as")) {
      static_cast<void>(as->one_of({"host"}));
      p.nccl = CollectiveCalibration{
          .generation = NcclGeneration::host, .port = {}, .node = {}, .custom = {}, .networks = {}};
    }
    return;
  }
  const std::string name = nccl->text();
  const auto generation = generation_named(name);
  if (!generation) {
    nccl->report(quoted(name) + " is no generation of NCCL's devices", "write volta, ampere, hopper or blackwell");
    return;
  }
  Result<CollectiveCalibration> calibration = find_collective_calibration(*generation);
  if (calibration) {
    p.nccl = *std::move(calibration);
  } else {
    for (const Problem& problem : calibration.error()) nccl->report(problem.message, problem.hint);
  }
}

}  // namespace

FamilyParameters read_family_parameters(const YamlNode& node) {
  MapReader map = node.map();
  FamilyParameters p;
  p.family = map.required("family").text();
  p.evidence = static_cast<Evidence>(map.required("evidence").one_of({"datasheet", "fitted", "measured"}));
  p.source = map.required("source").text();
  p.gemm = read_gemm(map.required("gemm"));
  MapReader attention = map.required("attention").map();
  p.flash2 = read_attention(attention.required("flash2"));
  p.flash3 = read_attention(attention.required("flash3"));
  p.attention_spread = attention.required("spread").number(0, 3);
  attention.finish();
  MapReader streaming = map.required("streaming").map();
  p.streaming = read_streaming(streaming);
  p.streaming_spread = streaming.required("spread").number(0, 3);
  streaming.finish();
  p.like = map.optional("like", read_like);
  read_collectives(map, p);
  p.idle_power = map.required("idle_power").number(0, 1);
  map.finish();
  return p;
}

Result<FamilyParameters> find_family_parameters(const std::string& family) {
  std::vector<std::string> known;
  for (const EmbeddedFile& file : embedded_costmodel()) {
    if (!file.path.starts_with("costmodel/data/families/") || file.path.starts_with("costmodel/data/devices/"))
      continue;
    Result<YamlDocument> document = YamlDocument::parse(std::string(file.text), std::string(file.path));
    if (!document) return fail(document.error());
    FamilyParameters parameters = read_family_parameters(document->root());
    if (!document->problems().empty()) return fail(document->problems());
    if (parameters.family == family) return parameters;
    known.push_back(parameters.family);
  }
  return fail(Problem{{}, "no cost parameters for the device family '" + family + "'", suggestion(family, known)});
}

}  // namespace forerun
