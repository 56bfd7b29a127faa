#include "runtime/cpu/adamw.hpp"

#include <cassert>
#include <cmath>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {

template <class T>
void adamw_update(const AdamW& how, std::int64_t step, Arithmetic<T> gradient_scale,
                  std::span<const Arithmetic<T>> gradient, std::span<Arithmetic<T>> m, std::span<Arithmetic<T>> v,
                  std::span<Arithmetic<T>> master, std::span<T> parameters) {
  using A = Arithmetic<T>;
  assert(step >= 1 && m.size() == gradient.size() && v.size() == gradient.size() && master.size() == gradient.size());
  assert(parameters.empty() || parameters.size() == gradient.size());
  const auto age = static_cast<double>(step);
  const auto first = static_cast<A>(1 / (1 - std::pow(how.beta1, age))),
             second = static_cast<A>(1 / (1 - std::pow(how.beta2, age)));
  const auto beta1 = static_cast<A>(how.beta1), beta2 = static_cast<A>(how.beta2);
  const auto rest1 = static_cast<A>(1 - how.beta1), rest2 = static_cast<A>(1 - how.beta2);
  const auto rate = static_cast<A>(how.rate), epsilon = static_cast<A>(how.epsilon), decay = static_cast<A>(how.decay);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const A g = gradient_scale * gradient[i];
    m[i] = beta1 * m[i] + rest1 * g;
    v[i] = beta2 * v[i] + rest2 * g * g;
    master[i] -= rate * (m[i] * first / (std::sqrt(v[i] * second) + epsilon) + decay * master[i]);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] = T(master[i]);
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ADAMW(T)                                                                                      \
  template void adamw_update<T>(const AdamW&, std::int64_t, Arithmetic<T>, std::span<const Arithmetic<T>>,    \
                                std::span<Arithmetic<T>>, std::span<Arithmetic<T>>, std::span<Arithmetic<T>>, \
                                std::span<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ADAMW)

}  // namespace forerun
