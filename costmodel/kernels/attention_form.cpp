#include "costmodel/kernels/attention_form.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "costmodel/kernels/smooth_maximum.hpp"

namespace forerun {
namespace {

constexpr std::array<FormField<PrefillForm>, 8> prefill_fields{{
    {"compute", &PrefillForm::compute, 0.05, 0.7, 1},
    {"memory", &PrefillForm::memory, 0.05, 0.6, 1},
    {"launch", &PrefillForm::launch, 1e-7, 1e-5, 1e-4, FieldUnit::microseconds},
    {"exponent", &PrefillForm::exponent, 1, 1.5, 20},
    {"softmax", &PrefillForm::softmax, 0.1, 10, 200},
    {"tail", &PrefillForm::tail, 0.005, 0.2, 1},
    {"wave", &PrefillForm::wave, 1e-8, 1e-6, 1e-5, FieldUnit::microseconds},
    {"backward", &PrefillForm::backward, 0.2, 0.85, 2, FieldUnit::none, false, {}, true},
}};

constexpr std::array<double, 3> groups{1024, 32, 16};
constexpr std::array<double, 2> yes_or_no{1, 0};

constexpr std::array<FormField<DecodeForm>, 10> decode_fields{{
    {"memory", &DecodeForm::memory, 0.05, 0.75, 1},
    {"launch", &DecodeForm::launch, 1e-7, 1e-5, 1e-4, FieldUnit::microseconds},
    {"rows", &DecodeForm::rows, 0.05, 2, 64},
    {"split", &DecodeForm::split, 16, 200, 4096},
    {"fill", &DecodeForm::fill, 0.01, 0.3, 8},
    {"wave", &DecodeForm::wave, 1e-8, 3e-6, 2e-5, FieldUnit::microseconds},
    {"single", &DecodeForm::single, 0.05, 1, 20},
    {"again", &DecodeForm::again, 0.02, 0.5, 1},
    {"group", &DecodeForm::group, 1, 1024, 1024, FieldUnit::none, false, groups},
    {"split_single", &DecodeForm::split_single, 0, 1, 1, FieldUnit::none, false, yes_or_no},
}};

// Queries that are handled together, and whether a last tile of fewer costs as much as a full one.
struct Tiles {
  double rows;
  bool padded;
};
Tiles tiles_of(const Device& device) { return device.family == "cpu" ? Tiles{64, false} : Tiles{128, true}; }

double ceiling(double a, double b) { return std::ceil(a / b); }

}  // namespace

template <>
std::span<const FormField<PrefillForm>> fields_of<PrefillForm>() {
  return prefill_fields;
}
template <>
std::span<const FormField<DecodeForm>> fields_of<DecodeForm>() {
  return decode_fields;
}

Seconds time(const PrefillForm& form, const Device& device, const FusedAttention& a, double most) {
  const double bytes = bytes_moved(a).value();
  if (bytes == 0) return Seconds{0};
  const auto kv = static_cast<double>(a.kv_len);
  const auto [tile_rows, padded] = tiles_of(device);
  const double problems = static_cast<double>(a.sequences) * a.heads, queries = static_cast<double>(a.q_len);
  const double tiles = problems * ceiling(queries, tile_rows),
               longest_rows = padded ? tile_rows : std::min(tile_rows, queries);
  const double per_row_and_key = 2 * (a.head_dim + a.value_dim + 2 * form.softmax) * (a.backward ? 2.5 : 1);
  const double seen = a.visible * kv;
  const double work = (padded ? tiles * tile_rows : problems * queries) * per_row_and_key *
                      std::min(kv, a.visible < 1 ? seen + tile_rows / 2 : seen);
  const double longest = longest_rows * per_row_and_key * std::min(kv, 2 * seen);
  const double share = std::min(form.compute, most) * (a.backward ? form.backward : 1);
  const double rate = share * peak(device, a.dtype).value() / device.sms;
  const double compute =
      (std::max(work / device.sms, longest) + form.tail * longest) / rate + form.wave * ceiling(tiles, device.sms);
  const double memory = bytes / (form.memory * device.memory.bandwidth.value());
  return Seconds{form.launch + smooth_maximum(compute, memory, form.exponent)};
}

Seconds time(const DecodeForm& form, const Device& device, const FusedAttention& a) {
  const double bytes = bytes_moved(a).value();
  if (bytes == 0) return Seconds{0};
  const double kv = static_cast<double>(a.kv_len) * a.visible, share = static_cast<double>(a.heads) / a.kv_heads;
  const bool shared = share <= form.group;
  const double blocks = static_cast<double>(a.sequences) * (shared ? a.kv_heads : a.heads);
  const double units = share > 1 || form.split_single != 0 ? blocks * std::max(1.0, kv / form.split) : blocks;
  const double wave = share > 1 && shared ? form.wave : form.wave * form.single;
  const double readings = shared ? 1 : 1 + form.again * (share - 1);
  const double memory =
      readings * bytes /
      (form.memory * device.memory.bandwidth.value() * std::min(1.0, units / (device.sms * form.fill)));
  const double scores = static_cast<double>(a.sequences * a.q_len) * a.heads * form.rows * kv;
  const double compute =
      2 * scores * (a.head_dim + a.value_dim) / (peak(device, a.dtype).value() * std::min(1.0, units / device.sms));
  return Seconds{form.launch + std::cbrt(memory * memory * memory + compute * compute * compute) +
                 wave * ceiling(blocks, device.sms)};
}

}  // namespace forerun
