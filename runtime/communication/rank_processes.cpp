#include "runtime/communication/rank_processes.hpp"

#include <cstdlib>

#ifdef FORERUN_HAS_MPI

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <exception>
#include <string>

#include "runtime/communication/ring_communicator.hpp"

namespace forerun {
namespace {

constexpr std::int64_t most_at_once = 1 << 30;  // bytes: MPI counts them in an int

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw LinkFailure(std::string(what) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

// A message in parts of at most most_at_once; one of nothing is one part.
template <class Part>
void in_parts(std::byte* data, std::int64_t bytes, const Part& part) {
  std::int64_t at = 0;
  do {
    const std::int64_t size = std::min(most_at_once, bytes - at);
    part(data + at, static_cast<int>(size));
    at += size;
  } while (at < bytes);
}

// The analyzer does not follow requests into a list.
// NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker)
// What is on its way. MPI reads a message until its request is done.
class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() {
    for (Sent& sent : sent_) MPI_Wait(&sent.request, MPI_STATUS_IGNORE);
  }

  void send(MPI_Comm comm, int to, Message message) {
    forget_what_arrived();
    in_parts(message.data(), message.size(), [&](std::byte* data, int bytes) {
      sent_.emplace_back();
      check(MPI_Isend(data, bytes, MPI_BYTE, to, 0, comm, &sent_.back().request), "MPI_Isend");
    });
    sent_.back().message = std::move(message);  // requests before it point into it, too: they are waited for in order
  }

 private:
  struct Sent {
    MPI_Request request = MPI_REQUEST_NULL;
    Message message;
  };
  void forget_what_arrived() {
    while (!sent_.empty()) {
      int done = 0;
      check(MPI_Test(&sent_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done == 0) return;
      sent_.pop_front();
    }
  }

  std::deque<Sent> sent_;  // in order
};

// NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker)

class ProcessLinks final : public Links {
 public:
  // Takes over `comm`.
  ProcessLinks(MPI_Comm comm, int rank_in_run, std::shared_ptr<Outbox> outbox, std::shared_ptr<MessagePool> pool)
      : comm_(comm), in_run_(rank_in_run), outbox_(std::move(outbox)), pool_(std::move(pool)) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  }
  ProcessLinks(const ProcessLinks&) = delete;
  ProcessLinks& operator=(const ProcessLinks&) = delete;
  // Freeing waits for the others, who may wait for this rank: not while an exception is on its way to end them all.
  ~ProcessLinks() override {
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  [[nodiscard]] int rank_in_run() const override { return in_run_; }

  Message message(std::int64_t bytes) override { return {pool_, bytes}; }
  void send(int to, Message message) override { outbox_->send(comm_, to, std::move(message)); }
  Message receive(int from, std::int64_t bytes) override {
    Message message(pool_, bytes);
    in_parts(message.data(), bytes, [&](std::byte* data, int part) {
      MPI_Status status;
      check(MPI_Recv(data, part, MPI_BYTE, from, 0, comm_, &status), "MPI_Recv");
      int came = 0;
      MPI_Get_count(&status, MPI_BYTE, &came);
      if (came != part)
        throw LinkFailure(std::to_string(came) + " B came where " + std::to_string(part) + " B were waited for");
    });
    return message;
  }
  std::unique_ptr<Links> group(std::span<const int> ranks) override {
    MPI_Group all = MPI_GROUP_NULL, some = MPI_GROUP_NULL;
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Comm_group(comm_, &all);
    MPI_Group_incl(all, static_cast<int>(ranks.size()), ranks.data(), &some);
    const int code = MPI_Comm_create_group(comm_, some, 1, &made);
    MPI_Group_free(&some);
    MPI_Group_free(&all);
    check(code, "MPI_Comm_create_group");
    return std::make_unique<ProcessLinks>(made, in_run_, outbox_, pool_);
  }

 private:
  MPI_Comm comm_;
  int in_run_, rank_ = 0, size_ = 0;
  std::shared_ptr<Outbox> outbox_;
  std::shared_ptr<MessagePool> pool_;
};

[[noreturn]] void end_all(const std::string& what) {
  std::fprintf(stderr, "forerun: %s\n", what.c_str());
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, 1);
  std::abort();  // MPI_Abort does not return
}

// The communicator outlives the handlers: its end waits until all that it sent has arrived, which a failure must not.
void run_rank(const std::function<void(Communicator&)>& work) {
  MPI_Comm comm = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  auto links = std::make_unique<ProcessLinks>(comm, rank, std::make_shared<Outbox>(), std::make_shared<MessagePool>());
  const auto communicator = make_ring_communicator(std::move(links));
  try {
    work(*communicator);
    communicator->barrier();
  } catch (const CommunicationError& error) {
    end_all(error.what());
  } catch (const std::exception& error) {
    end_all("rank " + std::to_string(rank) + ": " + error.what());
  }
}

}  // namespace

bool has_mpi() { return true; }

int run_as_process(const std::function<void(Communicator&)>& work) {
  MPI_Init(nullptr, nullptr);
  run_rank(work);
  MPI_Finalize();
  return 0;
}

}  // namespace forerun

#else

#include <stdexcept>

namespace forerun {

bool has_mpi() { return false; }
int run_as_process(const std::function<void(Communicator&)>&) { throw std::logic_error("this build has no MPI"); }

}  // namespace forerun

#endif

namespace forerun {

int rank_on_this_machine(const Communicator& world) {
  const char* local = std::getenv("OMPI_COMM_WORLD_LOCAL_RANK");
  return local != nullptr ? std::atoi(local) : world.rank();
}

}  // namespace forerun
