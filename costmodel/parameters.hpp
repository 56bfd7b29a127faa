// The numbers of the cost model's forms for one family of devices; costmodel/data/families/<family>.yaml.
//
// They are the third rung, `datasheet`: defaults of a family, to be scaled by a device's datasheet. A calibration of a
// device or a software stack has the same shape and replaces them.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "costmodel/collectives/collective_calibration.hpp"
#include "costmodel/kernels/kernel_form.hpp"
#include "costmodel/timing.hpp"

namespace forerun {

class YamlNode;

// t = launch + (tc^p + tm^p)^(1/p); tc = FLOPs / (compute * peak), tm = bytes / (memory * bandwidth).
struct GemmParameters {
  double compute = 1;   // share of the dense peak that large products sustain when power allows
  double memory = 1;    // share of the datasheet bandwidth
  double exponent = 2;  // p of the smooth maximum
  std::optional<double> teraflops_per_watt;  // 16-bit; above power times this the clock falls (Hopper, Blackwell)
  double spread = 0;    // of the logarithm of measured over predicted
};

// The same form; shares of peak for the causal kernel at head_dim 128, by which software implements it.
struct AttentionParameters {
  double forward = 1;
  double backward = 1;
};

// Of software that is not NCCL: ring and tree.
struct CollectiveParameters {
  double intra_bandwidth = 1;    // share of the fabric's rate that a ring reaches
  double inter_bandwidth = 1;    // share of the network's rate
  double all_to_all = 1;         // share of either that an all-to-all reaches, on top
  Seconds base;                  // of any collective
  Seconds intra_hop, inter_hop;  // of one ring or tree step
  double spread = 0;
};

// Kernels that run on the devices of a family as on a calibrated one, scaled by the datasheets: what transfer between
// devices has shown.
struct BorrowedKernels {
  std::string device;             // whose calibration
  std::vector<KernelKind> kinds;  // the others keep the family's own parameters
  double widen = 1;               // of its bands
};

struct FamilyParameters {
  std::string family;
  Evidence evidence = Evidence::datasheet;
  std::string source;
  GemmParameters gemm;
  AttentionParameters flash2, flash3;   // FlashAttention-2 and the library kernels of the generation (cuDNN, FA3)
  double attention_spread = 0;
  std::array<double, streaming_kinds> streaming{};  // share of the datasheet bandwidth that each StreamingKind reaches
  double streaming_spread = 0;
  // generation and fits of devices that run NCCL, or `host` beside `collective`
  std::optional<CollectiveCalibration> nccl;
  std::optional<BorrowedKernels> like;  // of devices without a calibration of their own
  CollectiveParameters collective;
  double idle_power = 0.3;  // share of the board limit drawn while waiting
};

FamilyParameters read_family_parameters(const YamlNode&);
// Problem: no parameters for this family (with what to write).
Result<FamilyParameters> find_family_parameters(const std::string& family);

}  // namespace forerun
