// A parameter of a cost form as the fit, the calibration files and the printed tables see it: by name, with its bounds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace forerun {

enum class FieldUnit : std::uint8_t { none, microseconds };  // how files write it; times are seconds inside

template <class Form>
struct FormField {
  std::string_view name;
  double Form::* member;
  double low, start, high;  // what is physically possible, and where a fit begins
  FieldUnit unit = FieldUnit::none;
  // False where it is set by hand because no sample shows it, is one of `choices`, or is told by backward samples
  // alone.
  bool fitted = true;
  std::span<const double> choices{};  // of a number that is a property of the software, which a fit tries in turn
  // It is fitted where there are samples of backward passes; files that leave it out mean `start`.
  bool of_backward = false;
};

// The fields of a form, in the order of its files.
template <class Form>
std::span<const FormField<Form>> fields_of();

}  // namespace forerun
