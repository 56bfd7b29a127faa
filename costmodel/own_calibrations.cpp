#include "costmodel/own_calibrations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/files/file_kind.hpp"
#include "base/files/yaml.hpp"
#include "base/text.hpp"

namespace forerun {
namespace {

CalibrationFile read_calibration(const YamlNode& root) {
  CalibrationFile file{root.position(), {}};
  MapReader map = root.map();
  if (!root.is_map()) return file;
  if (const auto device = map.optional("device")) {
    file.subject = device->position();
    file.of = read_kernel_calibration(root);
  } else if (const auto generation = map.optional("generation")) {
    file.subject = generation->position();
    file.of = read_collective_calibration(root);
  } else {
    root.report(
        "this is no calibration: it names neither the device of its kernels nor the generation of its collectives",
        "write what forerun fit writes: 'device: NAME' and 'fits:', or 'generation: NAME', 'port:' and 'node:'");
  }
  return file;
}

Result<CalibrationFile> read(Result<YamlDocument> document) {
  if (!document) return fail(document.error());
  if (Problems wrong = wrong_kind(*document, FileKind::calibration); !wrong.empty()) return fail(std::move(wrong));
  CalibrationFile file = read_calibration(document->root());
  if (!document->problems().empty()) return fail(document->problems());
  return file;
}

template <class Calibration, class Same>
void layer(std::vector<Calibration>& over, const Calibration& next, Same same) {
  const auto below = std::find_if(over.begin(), over.end(), same);
  if (below == over.end()) {
    over.push_back(next);
  } else {
    *below = merged(*below, next);
  }
}

void check(const KernelCalibration& c, const Position& at, const Cluster& cluster, Problems& problems) {
  const std::string& device = node_of(cluster).device.name;
  if (c.device == device) return;
  problems.push_back({at, fmt::format("a calibration of {}, which {} does not have", c.device, cluster.name),
                      fmt::format("its devices are {}: give a calibration of them, or leave this one out", device)});
}

void check(const CollectiveCalibration& c, const Position& at, const Cluster& cluster,
           const std::optional<CollectiveCalibration>& shipped, Problems& problems) {
  const Device& device = node_of(cluster).device;
  if (!shipped) {
    problems.push_back(
        {at, fmt::format("collectives of NCCL, which {} does not run", device.name), "leave this calibration out"});
  } else if (c.generation != shipped->generation) {
    problems.push_back(
        {at,
         fmt::format("a calibration of the generation {}, which {} does not have", to_string(c.generation),
                     cluster.name),
         fmt::format("its devices are {}, of the generation {}", device.name, to_string(shipped->generation))});
  } else if (c.node.empty() && !c.networks.empty() && networks_of(c, cluster).empty()) {
    problems.push_back(
        {at, fmt::format("constants of networks, none of which says that it is of {}", cluster.name),
         fmt::format("where one was measured there, write 'cluster: {}' beside its 'link'", cluster.name)});
  }
}

std::vector<std::string> contents(const KernelCalibration& c) {
  std::vector<std::string> list;
  for (const KernelFit& fit : c.fits) {
    list.push_back(fmt::format("{} {} {} ({} samples, {}left out {:.1f} / {:.1f} %)", to_string(fit.dtype),
                               to_string(fit.kind), fit.library, fit.samples, fit.measured ? "interpolated, " : "",
                               100 * fit.best_left_out().median, 100 * fit.best_left_out().p90));
  }
  return list;
}

std::vector<std::string> contents(const CollectiveCalibration& c, const Cluster& cluster) {
  const auto worth = [](const auto& fit) {
    return fmt::format("({} samples, left out {:.1f} / {:.1f} %)", fit.samples, 100 * fit.left_out.median,
                       100 * fit.left_out.p90);
  };
  std::vector<std::string> list;
  for (const NodeCalibration& n : c.node) {
    if (is_for_steps(c, n)) list.push_back(fmt::format("{} in a node {}", to_string(n.kind), worth(n.fit)));
  }
  const std::vector<NetworkCalibration> here = networks_of(c, cluster);
  for (const NetworkCalibration& n : c.networks) {
    const bool used = std::find(here.begin(), here.end(), n) != here.end();
    list.push_back(fmt::format("{} of {} ranks over {} {}", to_string(n.kind), n.ranks, n.link,
                               used ? worth(n.fit) : "(not used: it names another cluster or none)"));
  }
  return list;
}

}  // namespace

Result<CalibrationFile> load_calibration(const std::string& path) { return read(YamlDocument::load(path)); }
Result<CalibrationFile> parse_calibration(std::string text, const std::string& name) {
  return read(YamlDocument::parse(std::move(text), name));
}

const KernelCalibration* OwnCalibrations::of_device(const std::string& device) const {
  const auto found =
      std::find_if(kernels.begin(), kernels.end(), [&](const KernelCalibration& c) { return c.device == device; });
  return found == kernels.end() ? nullptr : &*found;
}

const CollectiveCalibration* OwnCalibrations::of_generation(NcclGeneration generation) const {
  const auto found = std::find_if(collectives.begin(), collectives.end(),
                                  [&](const CollectiveCalibration& c) { return c.generation == generation; });
  return found == collectives.end() ? nullptr : &*found;
}

OwnCalibrations layered(std::vector<CalibrationFile> files) {
  OwnCalibrations own{.files = std::move(files), .kernels = {}, .collectives = {}};
  for (const CalibrationFile& file : own.files) {
    if (const auto* k = std::get_if<KernelCalibration>(&file.of)) {
      layer(own.kernels, *k, [&](const KernelCalibration& other) { return other.device == k->device; });
    } else {
      const auto& c = std::get<CollectiveCalibration>(file.of);
      layer(own.collectives, c, [&](const CollectiveCalibration& other) { return other.generation == c.generation; });
    }
  }
  return own;
}

bool only_library_of_host(OwnCalibrations& own, std::string_view library) {
  // Whether it had some and has none.
  const auto lost_all = [&](CollectiveCalibration& c) {
    if (c.generation != NcclGeneration::host || c.node.empty()) return false;
    only_library(c, library);
    return c.node.empty();
  };
  const bool lost = std::ranges::count_if(own.collectives, lost_all) > 0;
  for (CalibrationFile& file : own.files) {
    if (auto* c = std::get_if<CollectiveCalibration>(&file.of)) static_cast<void>(lost_all(*c));
  }
  return !lost;
}

Result<OwnCalibrations> load_calibrations(std::span<const std::string> paths) {
  Problems problems;
  std::vector<CalibrationFile> files;
  for (const std::string& path : paths) {
    Result<CalibrationFile> file = load_calibration(path);
    if (file) {
      files.push_back(*std::move(file));
    } else {
      problems.insert(problems.end(), file.error().begin(), file.error().end());
    }
  }
  if (!problems.empty()) return fail(std::move(problems));
  return layered(std::move(files));
}

Problems mismatches(const OwnCalibrations& own, const Cluster& cluster,
                    const std::optional<CollectiveCalibration>& shipped) {
  Problems problems;
  for (const CalibrationFile& file : own.files) {
    if (const auto* k = std::get_if<KernelCalibration>(&file.of)) {
      check(*k, file.subject, cluster, problems);
    } else {
      check(std::get<CollectiveCalibration>(file.of), file.subject, cluster, shipped, problems);
    }
  }
  return problems;
}

std::vector<std::string> contents(const CalibrationFile& file, const Cluster& cluster) {
  if (const auto* k = std::get_if<KernelCalibration>(&file.of)) return contents(*k);
  return contents(std::get<CollectiveCalibration>(file.of), cluster);
}

}  // namespace forerun
