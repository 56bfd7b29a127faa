// A library that is looked for when it is first needed: the program starts, and does all else, on machines without it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace forerun {

// what(): "libnccl.so.2 is not there: libnccl.so.2: cannot open shared object file ...".
class NoLibrary : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class SharedLibrary {
 public:
  // The first of the names that can be loaded. Throws NoLibrary.
  explicit SharedLibrary(const std::vector<std::string>& names);

  // function<decltype(&ncclCommCount)>("ncclCommCount"). Throws NoLibrary where it has none of that name.
  template <class Function>
  [[nodiscard]] Function function(const char* name) const {
    return reinterpret_cast<Function>(symbol(name));
  }

 private:
  [[nodiscard]] void* symbol(const char* name) const;

  std::string name_;
  std::shared_ptr<void> handle_;
};

}  // namespace forerun
