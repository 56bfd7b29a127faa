// The software that runs a plan: what it stores, what it overlaps, what it costs on the host.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"
#include "base/quantity.hpp"
#include "base/result.hpp"
#include "base/schedule_kind.hpp"
#include "base/vocabulary.hpp"
#include "costmodel/stacks/stack_rules.hpp"
#include "hardware/device.hpp"
#include "workloads/jobs/job.hpp"
#include "workloads/operators/operators.hpp"

namespace forerun {

class YamlNode;

// A format for each thing that is kept per parameter; nullopt stands for the job's own (bf16 or fp16) where it may.
// Megatron: parameters in bf16, gradients fp32, master and moments fp32: 2 + 4 + 4 + 8 = 18 bytes a parameter.
struct Precision {
  std::optional<DType> parameters;  // as stored; nullopt: the job's
  std::optional<DType> gradients;   // as accumulated; nullopt: the job's
  // another copy of all of them, as backward writes them (buckets of DDP); nullopt: none
  std::optional<DType> gradient_copy;
  std::optional<DType> unit_gradients; // under ZeRO-3 those of a unit before they are scattered; nullopt: the job's
  std::optional<DType> reduction;   // as sent between replicas; nullopt: the job's
  std::optional<DType> master;      // a second copy for the optimiser; nullopt: none
  std::optional<DType> moments;     // of the optimiser; nullopt: the job's
  // Jobs in fp16, whose loss is scaled, accumulate and reduce gradients in fp16 whatever the above says.
  bool fp16_gradients = false;

  bool operator==(const Precision&) const = default;
};

enum class AttentionKernel : std::uint8_t { unfused, flash2, flash3 };
std::string_view to_string(AttentionKernel);

// How much of each dimension's communication may hide behind computation that does not depend on it (0: none, 1: all of
// it, if there is enough computation).
struct OverlapAbility {
  double tp_forward = 0;  // product and collective cut into pieces and interleaved
  double tp_backward = 0;  // behind the weight gradient
  double cp = 0;  // ring steps behind attention
  double ep = 0;
  double dp = 0;  // gradients behind the last backward pass, parameters behind the next forward pass
  double zero3 = 0;  // gathers and scatters behind the neighbouring layers
  double pp = 0;  // sends behind the next micro-batch

  bool operator==(const OverlapAbility&) const = default;
};

// Speed of its kernels and exchanges relative to those that the device's and the network's calibration measured (1: the
// same).
struct Reach {
  double gemm = 1, attention = 1, streaming = 1, communication = 1;

  bool operator==(const Reach&) const = default;
};

// How weights are updated, where that depends on how many devices there are.
struct UpdateRecipe {
  std::optional<DType> moments;  // nullopt: as Precision says
  // The moments live in host memory that the device pages in as it updates; what that costs is not modelled.
  bool moments_paged = false;
  // A block is updated as soon as its gradient is there, which then goes: one micro-batch a step, no replicas.
  bool update_in_backward = false;

  bool operator==(const UpdateRecipe&) const = default;
};

enum class ReportedMemory : std::uint8_t { allocated, reserved, device };  // what its logs call memory
std::string_view to_string(ReportedMemory);

struct Stack {
  std::string name;
  std::vector<std::string> aliases;
  std::string source;

  Precision precision;
  DType dtype = DType::bf16;  // of jobs that do not say
  bool moments_paged = false, update_in_backward = false;  // see UpdateRecipe
  std::optional<UpdateRecipe> single_device;  // for full training on one device, instead of the above
  int zero = 0;  // sharding of the optimiser where a plan does not say
  std::vector<int> zero_levels{0, 1, 2, 3};  // that it has; 0 is always possible where there is nothing to shard over
  ZeroExchange zero_in_pipelines = ZeroExchange::every_pass;  // of levels 2 and 3
  bool has_tp = true, has_cp = true, has_ep = true, has_pp = true;
  std::vector<ScheduleKind> schedules{ScheduleKind::one_f_one_b, ScheduleKind::interleaved};  // of pipelines
  // Blocks and head fill the pipeline's stages until each exceeds its share of the weights (chunks_by_weights);
  // otherwise evenly.
  bool cuts_by_weights = false;
  // Layers of a chunk of an interleaved pipeline in the software's published configurations; 0: it does not interleave
  // by default.
  int layers_per_chunk = 0;
  std::vector<CpKind> cp_kinds{CpKind::ring, CpKind::all_gather};  // of context parallelism
  std::vector<StackRule> rules;  // `requires`: what it refuses beside that
  bool sequence_parallel = false;  // with tensor parallelism, where a plan does not say
  AttentionKernel attention = AttentionKernel::flash2;
  // What `recompute: selective` runs again: operators that keep their output but not what is inside (Megatron's core
  // attention), and operators whose output is dropped as well (norms, activations).
  std::vector<OperatorKind> selective_inside, selective_outputs;
  Bytes logit_saved{4}, logit_workspace{2};
  // Exchanges that formulas leave out are counted: gradients of norms and routers under sequence parallelism,
  // statistics of the loss over vocabulary shards.
  bool small_exchanges = false;
  bool wide_attention = false;  // its fused attention also takes fp32 and fp64; otherwise these write scores out
  // Weight gradients are written on their own before they are added to the accumulated ones (no gradient accumulation
  // fusion).
  bool gradients_apart = false;
  int lora_rank = 8;  // of low-rank factors, and the products that they stand beside, where a job does not say
  std::vector<LowRankTarget> lora_target{LowRankTarget::q_proj, LowRankTarget::v_proj};
  bool fp8_saves = false;  // products keep their inputs in fp8 under an fp8 job
  bool fp8_gathers = false;  // with sequence parallelism, what a product needs whole is cast before it is gathered
  Bytes fp8_weights{0};  // copies that an fp8 job keeps of each parameter beside the 16-bit one (below ZeRO-3)
  bool dropout = true;  // runs the model's dropout (benchmarks often switch it off)
  OverlapAbility overlap;
  double contention = 0;  // share of hidden communication time by which it slows the computation beside it

  // A compiler or fused layers make one kernel of a chain of element-wise operators, which keeps less for backward.
  bool compiled = true;
  Reach reach;
  // Spread of ln(measured / predicted) of step times beyond what kernels and exchanges explain; nullopt: no run that
  // the fit did not see tells it.
  std::optional<double> spread;
  Reach stated_reach;  // where its runs say nothing: on devices of other families
  // of the devices whose runs it was fitted to; empty: to none, or not recorded
  std::vector<std::string> fitted_families;

  Seconds host_per_kernel;  // the host issues one kernel in this time; layers of small kernels wait for it
  Seconds host_per_step;  // framework floor of one step: data, logging, optimiser bookkeeping
  double bucket = 0;  // parameters reduced or gathered in one piece between replicas below ZeRO-3; 0: a block's
  // What all members of a tensor group hold goes to the next stage in tp pieces that are gathered there (without SP).
  bool scatter_sends = false;
  // Pipelines have a buffer for each micro-batch that a chunk receives, in both directions, for the whole step, and
  // keep what they sent until its backward pass; otherwise a buffer each way.
  bool buffers_each_micro_batch = false;
  // All stages wait for each other before the update (global gradient norm); otherwise a stage goes on by itself.
  bool steps_synchronize = true;
  // Parameters a second that the processors of one node update where an offloaded optimiser runs on them.
  double host_update_rate = 4e9;
  double optimizer_passes = 1;  // times that the optimiser's tensors are read and written, relative to a fused kernel

  double allocator_reserve = 0;  // reserved over allocated memory, minus one (median)
  Bytes context;  // driver and libraries, outside the allocator
  Bytes communicator;  // buffers of one communicator
  Bytes workspace;  // of the matrix library
  ReportedMemory reported = ReportedMemory::allocated;

  bool operator==(const Stack&) const = default;
};

// As it is on so many of these: recipes of one device; what was fitted to runs on its family, as it was stated on
// others; the attention kernels that run there (FlashAttention needs Ampere or later, its third version Hopper).
Stack on_devices(Stack, const Device&, int gpus, const Job&);
DType activation_dtype(const Job&);  // bf16 for fp8 jobs
Tuning completed(Tuning, const Stack&);  // with the stack's rank and targets where it states none
Implementation implementation(const Stack&, const Job&);
// Of one parameter. `working` is the copy in the compute format where parameters are stored wider (mixed precision of
// FSDP); under ZeRO-3 only gathered units have it.
struct StateBytes {
  Bytes parameter, working, gradient, gradient_copy, unit_gradient, reduction, optimizer;
};
StateBytes state_bytes(const Precision&, const Job&);

// A stack's file, with what was fitted to runs in place of what it states (stack_parameters.hpp).
Stack read_stack(const YamlNode&);
std::string to_yaml(const Stack&);  // read_stack of it gives the same value where nothing was fitted
std::vector<std::string> stack_names();
Result<Stack> find_stack(const std::string& name_or_path);

}  // namespace forerun
