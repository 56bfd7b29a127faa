// Files as `forerun profile --out my.yaml` writes them, of a machine with round figures.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace forerun {

inline void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

inline const std::string own_device =
    "name: my-core\nvendor: other\nfamily: cpu\ncompute: {fp32: 100 GFLOP/s}\n"
    "memory: {capacity: 4 GiB, bandwidth: 10 GB/s}\nl2: 1 MiB\nsms: 1\n"
    "clock: 2 GHz\nlaunch_overhead: 0.1 us\nconcurrent_streams: 1\npower: 6 W\n";
inline const std::string own_cluster =
    "name: my-box\nnodes:\n  - device: my.device.yaml\n    devices: 2\n"
    "    fabric: {kind: switched, bandwidth: 5 GB/s, latency: 2 us}\n"
    "    host: {bandwidth: 5 GB/s, latency: 2 us}\n    nics: 0\n";

// Products at half of the peak: t = 2 m n k / 50 GFLOP/s. Element-wise work at 5 GB/s, backward at twice that.
inline std::string own_kernels() {
  std::string text = "source,gpu,dtype,kind,m,n,k,batch,heads,kv_heads,head_dim,q_len,kv_len,bytes,time_us,notes\n";
  const auto number = [](double x) { return std::to_string(static_cast<long long>(x)); };
  for (int i = 1; i <= 48; ++i) {
    const double m = 64.0 * i, n = 64.0 * (1 + i % 7), k = 1024.0 * (1 + i % 3), bytes = 1e6 * i;
    text += "me,my.device.yaml,fp32,gemm," + number(m) + "," + number(n) + "," + number(k) + ",1,,,,,,," +
            std::to_string(2 * m * n * k / 50e3) + ",mine\n";
    text += "me,my.device.yaml,fp32,norm,,,,,,,,,," + number(bytes) + "," + std::to_string(bytes / 5e3) + ",mine\n";
    text += "me,my.device.yaml,fp32,norm_backward,,,,,,,,,," + number(bytes) + "," + std::to_string(bytes / 10e3) +
            ",mine\n";
  }
  return text;
}

// Between two ranks, messages of 1 KiB to 32 MiB: so long for any, and so many bytes a second.
inline std::string own_collectives(const std::string& library, const std::string& kind, double latency_us,
                                   double bytes_per_us) {
  std::string rows = "source,gpu,dtype,kind,bytes,ranks,time_us,notes\n";
  for (int i = 10; i < 26; ++i) {
    rows += library + ",my.cluster.yaml,fp32," + kind + "," + std::to_string(1 << i) + ",2," +
            std::to_string(latency_us + (1 << i) / bytes_per_us) + ",\n";
  }
  return rows;
}

}  // namespace forerun
