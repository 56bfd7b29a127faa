// Calibrations of the user's own, as `forerun fit` writes them and `--calibration FILE` hands them in. They lie over
// the shipped ones: a kind (of kernels: and format) that they have replaces the shipped fits of it, all others stay.
//
// A file is of kernels (`device: NAME`, kernel_calibration.hpp) or of collectives (`generation: NAME`,
// collective_calibration.hpp). Constants of networks are used on the cluster that they name (`cluster: NAME` of a
// network, the name or an alias of the cluster's file).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "costmodel/collectives/collective_calibration.hpp"
#include "costmodel/kernels/kernel_calibration.hpp"
#include "hardware/cluster.hpp"

namespace forerun {

struct CalibrationFile {
  Position subject;  // of what it says it is of: the device, the generation
  std::variant<KernelCalibration, CollectiveCalibration> of;
};

// Problems, all at once: unreadable files, neither kernels nor collectives, wrong keys and values.
Result<CalibrationFile> load_calibration(const std::string& path);
Result<CalibrationFile> parse_calibration(std::string text, const std::string& name);

struct OwnCalibrations {
  std::vector<CalibrationFile> files;               // in the order given
  std::vector<KernelCalibration> kernels;           // one a device; of two files the later wins
  std::vector<CollectiveCalibration> collectives;   // one a generation, alike

  [[nodiscard]] bool empty() const { return files.empty(); }
  [[nodiscard]] const KernelCalibration* of_device(const std::string& device) const;            // null: none
  [[nodiscard]] const CollectiveCalibration* of_generation(NcclGeneration) const;
};

OwnCalibrations layered(std::vector<CalibrationFile>);
// Of ranks on a host no curves but those of `library` ("in-process", "mpi"), in what lies over the shipped ones and in
// what the files say they hold. False where there were curves and none of them is left.
bool only_library_of_host(OwnCalibrations&, std::string_view library);
// Problems of all files at once.
Result<OwnCalibrations> load_calibrations(std::span<const std::string> paths);

// Problems, at the place in the file: of another device, of another generation of NCCL's devices or for software that
// is not NCCL, constants of other networks alone.
Problems mismatches(const OwnCalibrations&, const Cluster&, const std::optional<CollectiveCalibration>& shipped);

// What a file fits, for people: "bf16 gemm mine (40 samples, left out 3.1 / 8.2 %)".
std::vector<std::string> contents(const CalibrationFile&, const Cluster&);

}  // namespace forerun
