// What this machine says of itself, and the device and the cluster that the ranks of an executor see in it.
//
// A rank is one thread on one core: that core is the device, of family `cpu`. All cores of the machine are one node,
// whose fabric is its memory. The cores share the memory's bandwidth and the last cache. The device gets what one rank
// gets while as many ranks as there are cores all read and write, since ranks of a plan do the same kernels at the same
// time; what a rank gets alone is kept in comments beside it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "hardware/cluster.hpp"

namespace forerun {

struct Machine {
  std::string processor;  // /proc/cpuinfo's model name; "unknown processor" where it has none
  int cores = 1;          // that this process may use
  Hertz clock;            // /proc/cpuinfo's; 1 GHz where it says nothing
  Bytes memory;           // of all cores
  Bytes l2;               // of one core, or what of the cores that share it is one's part
  Bytes last_cache;       // of all cores: the largest one; 0: not known
  int lanes = 4;          // fp32 numbers of a vector, by /proc/cpuinfo's flags: 16 with AVX-512, 8 with AVX2

  bool operator==(const Machine&) const = default;
};

// The texts are those of /proc/cpuinfo and /proc/meminfo; caches are not in them.
Machine parse_machine(std::string_view cpuinfo, std::string_view meminfo, int cores);
Machine this_machine();

struct MeasuredMachine {
  BytesPerSecond alone,
      together;     // a rank's stream of additions (two reads, a write): the others idle, or doing the same
  std::map<DType, FlopsPerSecond> product;  // of one rank: the fastest of a few large products
  Seconds call;                       // a kernel that does next to nothing
  BytesPerSecond link;                // a large message from a rank to another
  Seconds link_latency;               // a small one
};

// Measured figures as files hold them: no measurement is good for more than four digits.
double four_digits(double);
template <class Q>
Q four_digits(Q quantity) {
  return Q{four_digits(quantity.value())};
}

// "Intel(R) Xeon(R) Processor @ 2.60GHz" becomes "intel-xeon-processor-2-60ghz".
std::string slug(std::string_view);
// "intel-xeon-processor-2-cores"; the device is "...-core".
std::string machine_name(const Machine&);
// That and its memory: "intel-xeon-processor-2-cores-8-gib", what tells it from another whose samples are kept under
// the same name.
std::string machine_identity(const Machine&);
// Two vector units that multiply and add, at the clock that /proc/cpuinfo shows; where a product was faster than nine
// tenths of that (a clock that rises), that product's rate over 0.9. In bf16 arithmetic is fp32's.
struct Peak {
  FlopsPerSecond rate;
  bool of_product = false;
};
Peak peak_of(const Machine&, const MeasuredMachine&, DType);
Device device_of(const Machine&, const MeasuredMachine&);
Cluster cluster_of(const Machine&, const MeasuredMachine&);

}  // namespace forerun
