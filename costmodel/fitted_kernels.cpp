#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <optional>

#include "costmodel/kernel_model.hpp"
#include "hardware/catalog.hpp"

namespace forerun {
namespace {

// Among how many processors the datasheet divides a device's peak: those of the catalogue's device of that name or, of
// a renamed one, of that family, clock and peak. Cores of a host are what its file says.
int rated_processors(const Device& device) {
  if (device.family == "cpu") return device.sms;
  const std::vector<std::string> names = device_names();
  if (std::ranges::find(names, device.name) != names.end()) return find_device(device.name)->sms;
  for (const std::string& name : names) {
    const Device known = *find_device(name);
    if (known.family == device.family && known.clock == device.clock && known.peak == device.peak) return known.sms;
  }
  return device.sms;
}

// One processor is as fast as that peak makes it, however many a file says there are: fewer make a slower device, and
// more than the peak is divided among make no faster one. `draws`: they also draw less from the memory.
Device with_rated_processors(Device device, bool draws) {
  const int rated = rated_processors(device);
  if (device.sms < rated) {
    const double share = static_cast<double>(device.sms) / rated;
    for (auto& [dtype, rate] : device.peak) rate *= share;
    if (draws) device.memory.bandwidth *= share;
  }
  device.sms = std::min(device.sms, rated);
  return device;
}

// What training frameworks call. Products: cuBLAS through PyTorch, one after the other, as vidur timed them in models;
// fp8: TensorRT-LLM's, the only library whose fp8 products were measured without their quantisation. FlashAttention-2
// and 3: the builds that vLLM carries. Element-wise kernels of serving software are no measure for fused training
// kernels: those keep the family's defaults.
std::string_view training_library(KernelKind kind, DType dtype, AttentionKernel attention) {
  if (kind == KernelKind::gemm) return dtype == DType::fp8 ? "trtllm-1.3.0" : "vidur-cublas";
  if (kind > KernelKind::attn_decode) return "";
  return attention == AttentionKernel::flash3 ? "vllm-0.24.0/vllm_flash_attn_fa3" : "vllm-0.14.0/vllm_flash_attn";
}

struct Chosen {
  const KernelFit* fit = nullptr;
  Evidence evidence = Evidence::datasheet;
  double widen = 1;
  double clocks = 1;  // of the calibrated device over this one's

  // Fixed costs are so many cycles, the rest are shares of what the datasheet says. (Of prefill they are the host's:
  // several kernels a call.)
  [[nodiscard]] KernelForm form() const {
    if (fit->kind == KernelKind::attn_prefill) return fit->form;
    return std::visit(
        [this](auto form) -> KernelForm {
          for (const auto& field : fields_of<decltype(form)>()) {
            if (field.unit == FieldUnit::microseconds) form.*field.member *= clocks;
          }
          return form;
        },
        fit->form);
  }
};

class Chooser {
 public:
  Chooser(const Device& device, const FamilyParameters& family, const KernelChoice& choice) : choice_(choice) {
    own_ = choice.calibration != nullptr ? choice.calibration : find_kernel_calibration(device.name);
    if (own_ != nullptr && own_->device != device.name) borrowed_ = own_, own_ = nullptr;
    if (own_ == nullptr && borrowed_ == nullptr && family.like)
      borrowed_ = find_kernel_calibration(family.like->device);
    like_ = family.like ? &*family.like : nullptr;
    if (borrowed_ == nullptr) return;
    const Result<Device> measured = find_device(borrowed_->device);
    assert(measured && "only what the catalogue knows is scaled to other devices");
    if (measured) clocks_ = measured->clock / device.clock;
  }

  [[nodiscard]] Chosen choose(KernelKind kind, DType dtype) const {
    Chosen chosen = known(kind, dtype);
    // A format that nobody measured: as 16-bit products do, at its own peak.
    if (chosen.fit == nullptr && kind == KernelKind::gemm && dtype != DType::bf16) {
      chosen = known(kind, DType::bf16);
      chosen.evidence = Evidence::datasheet, chosen.widen *= 2;
    }
    return chosen;
  }

 private:
  [[nodiscard]] Chosen known(KernelKind kind, DType dtype) const {
    if (choice_.own != nullptr) {
      const KernelFit* fit = choose_fit(*choice_.own, kind, dtype, wanted_library(kind, dtype));
      if (fit != nullptr) return {fit, Evidence::fitted, 1, 1};
    }
    if (own_ != nullptr) return {fit_of(*own_, kind, dtype), Evidence::fitted, 1, 1};
    const bool handed_in = borrowed_ != nullptr && borrowed_ == choice_.calibration;
    if (borrowed_ == nullptr || (!handed_in && std::count(like_->kinds.begin(), like_->kinds.end(), kind) == 0))
      return {};
    return {fit_of(*borrowed_, kind, dtype), Evidence::datasheet, like_ != nullptr ? like_->widen : 1, clocks_};
  }

  [[nodiscard]] std::string_view wanted_library(KernelKind kind, DType dtype) const {
    return choice_.library.empty() ? training_library(kind, dtype, choice_.attention)
                                   : std::string_view(choice_.library);
  }

  [[nodiscard]] const KernelFit* fit_of(const KernelCalibration& calibration, KernelKind kind, DType dtype) const {
    const bool training = choice_.library.empty();
    const std::string_view library = wanted_library(kind, dtype);
    const KernelFit* fit = library.empty() ? nullptr : choose_fit(calibration, kind, dtype, library);
    // FlashAttention-2 on a device where only 3 was measured is not what was measured.
    const bool other_generation = training && kind == KernelKind::attn_prefill &&
                                  choice_.attention == AttentionKernel::flash2 && fit != nullptr &&
                                  fit->library != library;
    return other_generation ? nullptr : fit;
  }

  const KernelChoice& choice_;
  const KernelCalibration* own_ = nullptr;
  const KernelCalibration* borrowed_ = nullptr;
  const BorrowedKernels* like_ = nullptr;
  double clocks_ = 1;
};

// Band of a time, by how long it is.
struct Spreads {
  std::array<double, TimeRegime::count> by_regime{};
  Evidence evidence = Evidence::datasheet;

  explicit Spreads(const Chosen& chosen) : evidence(chosen.evidence) {
    for (std::size_t i = 0; i < by_regime.size(); ++i) by_regime[i] = chosen.widen * spread(chosen.fit->residuals[i]);
  }
  [[nodiscard]] Timing of(Seconds t) const { return {t, by_regime[TimeRegime::of(t.value())], evidence}; }
};

// What samples of this very device add to a fitted form.
class Samples {
 public:
  explicit Samples(const MeasuredResiduals& measured) : interpolation_(measured.field) {
    for (std::size_t i = 0; i < spreads_.size(); ++i) spreads_[i] = spread(measured.residuals[i]);
  }

  // `form`: what it says of the samples' own kernels; `least`: what power or the like leaves, however fast the samples
  // were.
  [[nodiscard]] Timing correct(Timing form, const Kernel& kernel, Seconds least) const {
    const auto shape = shape_of(kernel);
    if (!shape) return {max(form.median, least), form.spread, form.evidence};
    const ResidualInterpolation::Near near = interpolation_.near(*shape);
    form.median = max(form.median * std::exp(near.residual), least);
    if (near.dominates())
      form.spread = spreads_[TimeRegime::of(form.median.value())], form.evidence = Evidence::measured;
    return form;
  }

 private:
  ResidualInterpolation interpolation_;
  std::array<double, TimeRegime::count> spreads_{};
};

std::optional<Samples> samples_of(const Chosen& chosen) {
  if (chosen.evidence != Evidence::fitted || !chosen.fit->measured) return std::nullopt;
  return Samples(chosen.fit->measured.value());
}

class FittedKernels final : public KernelModel {
 public:
  FittedKernels(const Device& given, const FamilyParameters& family, const KernelChoice& choice)
      : device_(with_rated_processors(given, false)),
        few_blocks_(with_rated_processors(given, true)),
        defaults_(make_datasheet_kernels(device_, family, choice.attention)) {
    const Device& device = device_;
    const Chooser chooser(device, family, choice);
    // Fewer processors leave each no more power.
    const double most = choice.sustained && family.gemm.teraflops_per_watt ? sustained_share(given, family.gemm) : 1;
    for (const DType dtype : all_dtypes) {
      // A format that the device lacks runs as the one that it falls back to.
      const DType runs_as = device.peak.contains(dtype) ? dtype : DType::bf16;
      const Chosen chosen = chooser.choose(KernelKind::gemm, runs_as);
      if (chosen.fit == nullptr) continue;
      const auto form = std::get<GemmForm>(chosen.form());
      const GemmTimer timer(form, device, dtype, most);
      Products& products = products_[static_cast<std::size_t>(dtype)].emplace(
          Products{timer, std::nullopt, Spreads(chosen), samples_of(chosen)});
      if (products.samples && most < form.compute) products.uncapped.emplace(form, device, dtype);
    }
    for (int k = 1; k < kernel_kinds; ++k) {
      const auto kind = static_cast<KernelKind>(k);
      Formats& formats = others_[static_cast<std::size_t>(k)];
      if (kind > KernelKind::attn_decode) {
        Chosen chosen = chooser.choose(kind, choice.streaming);
        const bool elementwise = kind == KernelKind::activation || kind == KernelKind::rotary;
        if (chosen.fit == nullptr && elementwise) chosen = chooser.choose(KernelKind::elementwise, choice.streaming);
        if (chosen.fit != nullptr) formats.usual.emplace(others(chosen));
        continue;
      }
      const Chosen usual = chooser.choose(kind, DType::bf16), single = chooser.choose(kind, DType::fp32),
                   twofold = chooser.choose(kind, DType::fp64);
      if (usual.fit != nullptr) formats.usual.emplace(others(usual));
      if (single.fit != usual.fit) formats.single.emplace(others(single));
      if (twofold.fit != usual.fit) formats.twofold.emplace(others(twofold));
    }
    if (choice.attention == AttentionKernel::flash2 && choice.library.empty() && !attention().usual)
      set_floor(device, family, choice);
  }

  [[nodiscard]] Timing time(const Kernel& kernel) const override {
    if (const auto* gemm = std::get_if<Gemm>(&kernel)) {
      const auto& products = products_[static_cast<std::size_t>(gemm->dtype)];
      return products ? products->time(*gemm) : defaults_->time(kernel);
    }
    const std::optional<Others>& others = others_[static_cast<std::size_t>(kind_of(kernel))].of(dtype_of(kernel));
    if (others) return others->time(kernel, device_of(kernel));
    const Timing usual = defaults_->time(kernel);
    if (!floor_ || kind_of(kernel) != KernelKind::attn_prefill) return usual;
    const Timing least = floor_->time(kernel, device_);
    return least.median > usual.median ? least : usual;
  }

 private:
  struct Products {
    GemmTimer timer;
    std::optional<GemmTimer> uncapped;  // as samples ran, where power caps steps
    Spreads spreads;
    std::optional<Samples> samples;

    [[nodiscard]] Timing time(const Gemm& gemm) const {
      const Seconds sustained = timer.time(gemm);
      if (!samples) return spreads.of(sustained);
      return uncapped ? samples->correct(spreads.of(uncapped->time(gemm)), gemm, sustained)
                      : samples->correct(spreads.of(sustained), gemm, Seconds{0});
    }
  };
  struct Others {
    KernelForm form;
    Spreads spreads;
    std::optional<Samples> samples;

    [[nodiscard]] Timing time(const Kernel& kernel, const Device& device) const {
      const Timing usual = spreads.of(forerun::time(form, device, kernel));
      const bool sampled = samples && dtype_of(kernel) != DType::fp8;  // samples are of 16 bits
      return sampled ? samples->correct(usual, kernel, Seconds{0}) : usual;
    }
  };

  // Attention in the formats that it was measured in.
  struct Formats {
    std::optional<Others> usual, single, twofold;

    [[nodiscard]] const std::optional<Others>& of(DType dtype) const {
      if (dtype == DType::fp32 && single) return single;
      return dtype == DType::fp64 && twofold ? twofold : usual;
    }
  };
  static Others others(const Chosen& chosen) { return {chosen.form(), Spreads(chosen), samples_of(chosen)}; }
  [[nodiscard]] const Formats& attention() const { return others_[static_cast<std::size_t>(KernelKind::attn_prefill)]; }
  [[nodiscard]] const Device& device_of(const Kernel& kernel) const {
    return kind_of(kernel) == KernelKind::attn_decode ? few_blocks_ : device_;
  }

  // Where only FlashAttention-3 was measured, 2 is nowhere faster than that: at all lengths from 512 to 16 k, forward
  // and backward, 3 is the faster one (Shah et al. 2024, figures 5 and 6). What 3 needs for short sequences is
  // measured, what 2 needs is assumed.
  void set_floor(const Device& device, const FamilyParameters& family, KernelChoice choice) {
    choice.attention = AttentionKernel::flash3;
    const Chosen newer = Chooser(device, family, choice).choose(KernelKind::attn_prefill, DType::bf16);
    if (newer.fit != nullptr) floor_.emplace(others(newer));
  }

  Device device_;
  Device few_blocks_;  // whose memory bandwidth fewer processors do not fill
  std::unique_ptr<KernelModel> defaults_;
  std::array<std::optional<Products>, all_dtypes.size()> products_;
  std::array<Formats, kernel_kinds> others_;
  std::optional<Others> floor_;  // of attention
};

}  // namespace

std::unique_ptr<KernelModel> make_kernels(const Device& device, const FamilyParameters& family,
                                          const KernelChoice& choice) {
  return std::make_unique<FittedKernels>(device, family, choice);
}

}  // namespace forerun
