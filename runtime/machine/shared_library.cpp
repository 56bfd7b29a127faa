#include "runtime/machine/shared_library.hpp"

#include <dlfcn.h>

namespace forerun {

SharedLibrary::SharedLibrary(const std::vector<std::string>& names) {
  std::string reason;
  for (const std::string& name : names) {
    if (void* found = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      name_ = name, handle_ = std::shared_ptr<void>(found, ::dlclose);
      return;
    }
    const char* error = ::dlerror();
    if (reason.empty() && error != nullptr) reason = error;
  }
  throw NoLibrary(names.front() + " is not there: " + reason);
}

void* SharedLibrary::symbol(const char* name) const {
  void* found = ::dlsym(handle_.get(), name);
  if (found == nullptr) throw NoLibrary(name_ + " has no " + name);
  return found;
}

}  // namespace forerun
