#include "costmodel/timing.hpp"

#include <cmath>

#include "base/quantile.hpp"

namespace forerun {

std::string_view to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::datasheet:
      return "datasheet";
    case Evidence::fitted:
      return "fitted";
    case Evidence::measured:
      return "measured";
  }
  return "";
}

Seconds Timing::low() const { return median * std::exp(-ninetieth * spread); }
Seconds Timing::high() const { return median * std::exp(ninetieth * spread); }

}  // namespace forerun
