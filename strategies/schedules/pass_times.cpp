#include "strategies/schedules/pass_times.hpp"

#include "strategies/plan/chunks.hpp"

namespace forerun {

void PassTimes::assign(int stage_count, int chunks_per_stage) {
  stages = stage_count, chunks = chunks_per_stage;
  links.resize(static_cast<std::size_t>(stages));
  for (std::vector<Seconds>* list : {&forward, &backward, &input_gradient, &weight_gradient}) {
    list->resize(static_cast<std::size_t>(stages) * static_cast<std::size_t>(chunks));
  }
}

Seconds run_table(const ScheduleTable& table, const Plan& plan, const PassTimes& t, std::vector<Seconds>& forward_done,
                  std::vector<Seconds>& backward_done, std::vector<Seconds>& finish,
                  std::vector<std::uint32_t>* reached) {
  const int chunks = chunk_count(plan);
  const auto micro_batches = static_cast<std::size_t>(table.micro_batches);
  const Seconds never = Seconds::infinity();
  forward_done.assign(static_cast<std::size_t>(chunks) * micro_batches, never);
  backward_done.assign(static_cast<std::size_t>(chunks) * micro_batches, never);
  finish.assign(static_cast<std::size_t>(table.stages), Seconds{0});
  std::vector<std::size_t> next(static_cast<std::size_t>(table.stages), 0);
  const auto done = [&](std::vector<Seconds>& list, int chunk, std::int32_t m) -> Seconds& {
    return list[static_cast<std::size_t>(chunk) * micro_batches + static_cast<std::size_t>(m)];
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (int s = 0; s < table.stages; ++s) {
      const auto passes = table.of(s);
      std::size_t& position = next[static_cast<std::size_t>(s)];
      Seconds& now = finish[static_cast<std::size_t>(s)];
      for (; position < passes.size(); ++position, moved = true) {
        const Pass& pass = passes[position];
        const int chunk = chunk_on(plan, s, pass.chunk), up = direction_of(plan, pass.chunk);
        const auto message = [&](std::vector<Seconds>& list, int from) {
          const int sender = stage_of(plan, from, up);
          return done(list, from, pass.micro_batch) + (sender == s ? Seconds{0} : t.link(sender, s));
        };
        const std::size_t i = t.at(s, pass.chunk);
        if (pass.kind == PassKind::forward) {
          const Seconds ready = chunk == 0 ? Seconds{0} : message(forward_done, chunk - 1);
          if (ready == never) break;
          now = done(forward_done, chunk, pass.micro_batch) = max(now, ready) + t.forward[i];
        } else if (pass.kind == PassKind::weight_gradient) {
          now += t.weight_gradient[i];
        } else {
          const Seconds ready =
              chunk + 1 == chunks ? done(forward_done, chunk, pass.micro_batch) : message(backward_done, chunk + 1);
          if (ready == never) break;
          now = done(backward_done, chunk, pass.micro_batch) =
              max(now, ready) + (pass.kind == PassKind::backward ? t.backward[i] : t.input_gradient[i]);
        }
      }
    }
  }
  if (reached != nullptr) reached->assign(next.begin(), next.end());
  return *std::max_element(finish.begin(), finish.end());
}

}  // namespace forerun
