// Is every hostile file answered or refused, with bounded memory, and never by a crash?
// A case is a command and the files that it reads; the program has 2 GB of addresses and two minutes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;
using Path = std::filesystem::path;

std::string many(const std::string& text, int times) {
  std::string all;
  all.reserve(text.size() * static_cast<std::size_t>(times));
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string numbered(const std::string& before, const std::string& behind, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += before + std::to_string(i) + behind;
  return all;
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

const std::string plan =
    "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 8}\n"
    "job: {sequence: 4096, global_batch: 64}\nplan: {dp: 8, recompute: full}\n";
const std::string pipeline =
    "model: llama3-8b\ncluster: {use: dgx-h100, gpus: 8}\n"
    "job: {sequence: 4096, global_batch: 64}\nplan: {pp: 8}\n";
const std::string cluster =
    "name: mine\nnodes:\n  - count: 4\n    device: h100-sxm-80gb\n    devices: 8\n"
    "    fabric: {kind: switched, bandwidth: 450 GB/s, latency: 1 us}\n    host: {bandwidth: 55 GB/s, latency: 2 us}\n"
    "    nics: 8\n    nic: {bandwidth: 50 GB/s, latency: 3 us}\nnetwork:\n  - {name: rack, latency: 0.5 us}\n";
const std::string device =
    "name: mine\nvendor: nvidia\nfamily: hopper\ncompute: {bf16: 900 TFLOP/s, fp32: 60 TFLOP/s}\n"
    "memory: {capacity: 80 GB, bandwidth: 3 TB/s}\nl2: 50 MB\nsms: 132\nclock: 1.8 GHz\nlaunch_overhead: 2 us\n"
    "concurrent_streams: 8\npower: 700 W\n";
const std::string model =
    "name: mine\nhidden: 1024\nvocab: 1000\npositions: rotary\nnorm: rms\nblocks:\n"
    "  - {repeat: 4, block: {attention: {heads: 8}, mlp: {width: 4096, gated: true}}}\n";
const std::string config =
    "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_hidden_layers\": 32, \"num_attention_heads\": 32, "
    "\"intermediate_size\": 11008, \"vocab_size\": 32000}";
const std::string kernels = "source,gpu,dtype,kind,m,n,k,time_us\n";
const std::string kernel_row = "lab,A100-SXM,bf16,gemm,512,512,512,20\n";
const std::string collectives = "source,gpu,ngpus,nnodes,intra_link,inter_link,collective,bytes,time_us\n";
const std::string collective_row = "lab,A100-SXM,8,1,NVLink3,,all_reduce,1024,20\n";
const std::string runs =
    "run_id,source,stack,model,gpu,layers,hidden,heads,seq,global_batch,micro_batch,gpus,tp,pp,dp,dtype,step_time_s\n";
const std::string run_row = "a,s,nemo,GPT,h100-sxm-80gb,24,2048,16,2048,64,1,8,1,1,8,bf16,1\n";

const std::string of_cluster = "plan llama3-8b --cluster x.yaml --gpus 32 --sequence 4096 --global-batch 64";
const std::string of_model = "plan x.yaml --cluster dgx-h100 --gpus 8 --sequence 1024 --global-batch 64";

struct Case {
  std::string name, command;
  std::string text;           // of x.yaml, x.json or x.csv: what the command names
  std::set<int> codes = {2};  // one of them
  std::string says;           // part of stderr
};

std::vector<Case> plans() {
  const auto with = [](const std::string& from, const std::string& to) { return changed(plan, from, to); };
  return {
      {"keys_600000", "estimate x.yaml", plan + numbered("k", ": 1\n", 600'000), {2}, "more than 250,000 keys"},
      {"keys_100000", "estimate x.yaml", plan + numbered("k", ": 1\n", 100'000), {2}, "99950 more problems"},
      {"batch_of_16_million", "estimate x.yaml", with("64", "16777216"), {0, 3}, ""},
      {"batch_of_16_million_simulated", "simulate x.yaml", with("64", "16777216"), {2}, "global_batch of at most"},
      {"batch_of_16_million_in_stages", "simulate x.yaml", changed(pipeline, "64", "16777216"), {2}, "global_batch of"},
      {"program_of_16_million", "simulate x.yaml --program", with("64", "16777216"), {2}, "global_batch of"},
      {"program_traced", "simulate x.yaml --program --trace t.json", plan, {2}, "leave one of the two out"},
      {"batch_beyond", "estimate x.yaml", with("64", "16777217"), {2}, "out of range"},
      {"sequence_of_16_million", "estimate x.yaml", with("4096", "16777216"), {0, 3}, ""},
      {"sequence_of_16_million_simulated", "simulate x.yaml", with("4096", "16777216"), {0, 2, 3}, ""},
      {"tp_1048576", "estimate x.yaml", with("{dp: 8, recompute: full}", "{tp: 1048576}"), {2}, "1048576"},
      {"degrees_that_overflow",
       "estimate x.yaml",
       with("{dp: 8, recompute: full}", "{tp: 1048576, pp: 1048576, dp: 1048576}"),
       {2},
       ""},
      {"gpus_1048576",
       "simulate x.yaml",
       changed(changed(with("gpus: 8", "gpus: 1048576"), "dp: 8", "dp: 1048576"), "64", "1048576"),
       {0, 2, 3},
       ""},
      {"every_rank_of_16384",
       "simulate x.yaml --every-rank",
       changed(changed(with("gpus: 8", "gpus: 16384"), "dp: 8", "dp: 16384"), "64", "65536"),
       {2},
       "leave out --every-rank"},
      {"stages_beyond_blocks",
       "estimate x.yaml",
       with("{dp: 8, recompute: full}", "{pp: 8, virtual_stages: 1048576}"),
       {2},
       ""},
      {"numbers_that_are_none", "estimate x.yaml", with("4096", ".nan"), {2}, "not a whole number"},
      {"negative", "estimate x.yaml", with("4096", "-4096"), {2}, "out of range"},
      {"twenty_digits", "estimate x.yaml", with("4096", "99999999999999999999"), {2}, "out of range"},
      {"empty", "estimate x.yaml", "", {2}, "empty"},
      {"comments_alone", "estimate x.yaml", "# nothing\n", {2}, "empty"},
      {"zeros", "estimate x.yaml", std::string(1000, '\0'), {2}, "not a text file"},
      {"nested_lists", "estimate x.yaml", many("[", 100'000), {2}, "deeper than 100"},
      {"nested_maps", "estimate x.yaml", many("{a: ", 100'000), {2}, "deeper than 100"},
      {"long_key", "estimate x.yaml", plan + std::string(1'000'000, 'k') + ": 1\n", {2}, ""},
      {"long_value", "estimate x.yaml", with("llama3-8b", std::string(1'000'000, 'v')), {2}, ""},
      {"unicode", "estimate x.yaml", with("llama3-8b", "🦙🦙"), {2}, "🦙🦙"},
      {"larger_than_16_MB",
       "estimate x.yaml",
       many("# a comment\n", 1'500'000),
       {2},
       "larger than 16 MB: it has 18000000 bytes"},
      {"a_list", "estimate x.yaml", "[1, 2]\n", {2}, "must be a map"},
      {"text_alone", "estimate x.yaml", "hello\n", {2}, "must be a map"},
      {"slow_rank_of_none", "simulate x.yaml --straggler 99999999999=2", plan, {2}, "--straggler"},
      {"failure_at_no_time", "simulate x.yaml --fail 0@1e300s", plan, {2}, "out of range"},
      {"counters_without_trace", "simulate x.yaml --all-counters", plan, {2}, "--trace"},
  };
}

std::vector<Case> machines() {
  const auto with = [](const std::string& from, const std::string& to) { return changed(cluster, from, to); };
  const auto of_device = [](const std::string& from, const std::string& to) { return changed(device, from, to); };
  return {
      {"no_bandwidth",
       of_cluster,
       with(" 50 GB/s", " 1e-300 GB/s"),
       {2},
       "x.yaml:9:22: error: '1e-300 GB/s' is out of"},
      {"latency_of_a_day", of_cluster, with("3 us", "100000 s"), {2}, "at most 10 s"},
      {"infinite", of_cluster, with(" 50 GB/s", " .inf GB/s"), {2}, "not a value"},
      {"negative_latency", of_cluster, with("3 us", "-3 us"), {2}, "negative"},
      {"no_nodes", of_cluster, with("count: 4", "count: 0"), {2}, "out of range"},
      {"a_million_devices", of_cluster, with("devices: 8", "devices: 1000000"), {2}, "out of range"},
      {"ten_thousand_nics", of_cluster, with("nics: 8", "nics: 10000"), {0, 2, 3}, ""},
      {"ten_thousand_tiers", of_cluster, cluster + many("  - {name: a, nodes: 2, latency: 1 us}\n", 10'000), {2}, ""},
      {"device_of_nothing", "catalog gpus x.yaml", of_device("900 TFLOP/s", "1e-5 FLOP/s"), {2}, "at least 1 MFLOP/s"},
      {"device_of_no_memory", "catalog gpus x.yaml", of_device("80 GB", "0 GB"), {2}, "more than zero"},
      {"device_without_processors", "catalog gpus x.yaml", of_device("132", "0"), {2}, "out of range"},
      {"device_of_a_family_without_costs", "catalog gpus x.yaml", of_device("hopper", "turing"), {2}, "family"},
      {"device_at_the_edge", "catalog gpus x.yaml", of_device("900 TFLOP/s", "1 MFLOP/s"), {0}, ""},
  };
}

std::vector<Case> models() {
  const auto with = [](const std::string& from, const std::string& to) { return changed(model, from, to); };
  return {
      {"a_million_blocks", of_model, with("repeat: 4", "repeat: 1000000"), {2}, "out of range"},
      {"blocks_in_a_long_list",
       of_model,
       changed(model, "  - {repeat", many("  - {attention: {heads: 8}, mlp: {width: 64}}\n", 20'000) + "  - {repeat"),
       {2},
       ""},
      {"patterns_of_patterns",
       of_model,
       with("blocks:\n", "blocks:\n  - " + many("{repeat: 1000, pattern: [", 90)),
       {2},
       ""},
      {"no_width", of_model, with("hidden: 1024", "hidden: 0"), {2}, "out of range"},
      {"heads_beyond_width", of_model, with("heads: 8", "heads: 4096"), {2}, ""},
      {"the_widest", of_model, with("hidden: 1024", "hidden: 131072"), {0, 2, 3}, ""},
      {"layers_1e9", "catalog models x.json", changed(config, "32,", "1000000000,"), {2}, ""},
      {"layers_of_a_fraction", "catalog models x.json", changed(config, "32,", "0.5,"), {2}, ""},
      {"nested_json", "catalog models x.json", many("[", 50'000), {2}, "deeper than 100"},
      {"json_that_ends_early", "catalog models x.json", config.substr(0, 60), {2}, ""},
  };
}

std::vector<Case> tables() {
  return {
      {"open_quote", "validate kernels x.csv", kernels + "\"lab,A100\n" + many(kernel_row, 100), {2}, "never closed"},
      {"huge_cell",
       "validate kernels x.csv",
       kernels + std::string(1'000'000, 'x') + ",a,b,gemm,1,1,1,1\n",
       {2},
       "bytes"},
      {"a_million_commas", "validate kernels x.csv", kernels + many(",,,,,,,,\n", 500'000), {2}, "cells"},
      {"a_wide_header", "validate training x.csv", numbered("c", ",", 100'000) + "\n1\n", {2}, "columns"},
      {"wrong_rows",
       "validate kernels x.csv",
       kernels + many("lab,A100-SXM,bf16,gemm,-1,nan,inf,0\n", 50'000),
       {2},
       "more problems"},
      {"words_that_nobody_knows",
       "validate kernels x.csv --json",
       kernels + kernel_row + "lab,A100-SXM,mxfp8,gemm,512,512,512,20\nlab,Z9,bf16,gemm,512,512,512,20\n",
       {0},
       ""},
      {"words_alone", "validate kernels x.csv", kernels + "lab,A100-SXM,mxfp8,gemm,512,512,512,20\n", {2}, "mxfp8"},
      {"a_device_that_is_a_folder",
       "validate kernels x.csv",
       kernels + "lab,folder.yaml,bf16,gemm,1,1,1,20\n",
       {2},
       "folder.yaml"},
      {"ranks_that_nodes_do_not_divide",
       "validate collectives x.csv",
       collectives + "lab,A100-SXM,7,2,NVLink3,IB,all_reduce,1024,20\n",
       {2},
       "evenly"},
      {"networks_that_nobody_knows",
       "validate collectives x.csv",
       collectives + collective_row + "lab,A100-SXM,16,2,NVLink3,pigeons,all_reduce,1024,20\n",
       {0},
       ""},
      {"runs_of_unknown_words", "validate training x.csv", runs + run_row + changed(run_row, "bf16", "nvfp4"), {0}, ""},
      {"runs_beyond_any_machine",
       "validate training x.csv",
       runs + changed(run_row, "2048", "99999999999"),
       {2},
       "99999999999"},
      {"fit_of_one_row", "fit x.csv --out out.yaml", kernels + kernel_row, {2}, "large enough"},
      {"a_plan_as_a_table", "validate training x.csv", plan, {2}, ""},
  };
}

std::vector<Case> wrong_kinds() {
  return {
      {"cluster_as_plan", "estimate x.yaml", cluster, {2}, "this is a cluster, and a plan is wanted here"},
      {"model_as_plan", "simulate x.yaml", model, {2}, "this is a model, and a plan is wanted here"},
      {"plan_as_model", of_model, plan, {2}, "this is a plan, and a model is wanted here"},
      {"device_as_model", of_model, device, {2}, "this is a device, and a model is wanted here"},
      {"model_as_cluster", of_cluster, model, {2}, "this is a model, and a cluster is wanted here"},
      {"device_as_cluster", of_cluster, device, {2}, "this is a device, and a cluster is wanted here"},
      {"cluster_as_device", "catalog gpus x.yaml", cluster, {2}, "this is a cluster, and a device is wanted here"},
      {"cluster_as_stack", "catalog stacks x.yaml", cluster, {2}, "this is a cluster, and a stack is wanted here"},
      {"plan_as_calibration",
       "estimate " FORERUN_ROOT "/examples/course/dp.yaml --calibration x.yaml",
       plan,
       {2},
       "this is a plan, and a calibration is wanted here"},
  };
}

std::vector<Case> calibrations() {
  const std::string command = "estimate " FORERUN_ROOT "/examples/course/dp.yaml --calibration x.yaml";
  const std::string kernel =
      "device: h100-sxm-80gb\nfits: [{kind: gemm, dtype: bf16, parameters: {launch: 1e300 s}}]\n";
  const std::string collective = read_text(root / "costmodel/data/collectives/hopper.yaml");
  const std::string own = collective.substr(collective.find("generation:"));
  return {
      {"calibration_without_end", command, own.substr(0, own.size() / 2) + "\n  - {", {2}, ""},
      {"calibration_of_a_slow_port", command, "generation: hopper\nport: 1e-300 B/s\n", {2}, "at least 1 MB/s"},
      {"calibration_of_kernels_without_end", command, kernel, {2}, ""},
      {"calibration_of_no_generation", command, "generation: none\n", {2}, "generation"},
      {"stack_of_no_sense",
       "catalog stacks x.yaml",
       changed(read_text(root / "costmodel/data/stacks/course.yaml"), "contention: ", "contention: 1e9 #"),
       {2},
       "out of range"},
  };
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& part : {plans(), machines(), models(), tables(), wrong_kinds(), calibrations()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

void PrintTo(const Case& one, std::ostream* stream) { *stream << "forerun " << one.command; }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr const char* bounds = "";  // sanitizers map far more than they use
#else
constexpr const char* bounds = "ulimit -v 2000000; ";
#endif

Answer bounded(const std::string& arguments, const Path& folder, const std::string& around = "") {
  const Path out = folder / "out.txt", err = folder / "err.txt";
  const std::string command = "cd '" + folder.string() + "' && { " + bounds + around +
                              "timeout 120 '" FORERUN_BINARY "' " + arguments + " >'" + out.string() + "' 2>'" +
                              err.string() + "' </dev/null; }";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(out), read_text(err)};
}

void write(const Path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

class Hostile : public testing::TestWithParam<Case> {};

TEST_P(Hostile, IsAnsweredOrRefused) {
  const Case& one = GetParam();
  const Scratch scratch;
  std::filesystem::create_directory(scratch.path() / "folder.yaml");
  for (const char* file : {"x.yaml", "x.json", "x.csv"}) {
    if (one.command.find(file) != std::string::npos) write(scratch.path() / file, one.text);
  }
  const Answer answer = bounded(one.command, scratch.path());
  EXPECT_THAT(one.codes, testing::Contains(answer.code)) << answer.err.substr(0, 2000);
  EXPECT_THAT(answer.err, HasSubstr(one.says));
  EXPECT_LT(answer.err.size(), 100'000U);
  if (answer.code == 2) {
    EXPECT_THAT(answer.err, HasSubstr("error: "));
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Hostile, testing::ValuesIn(cases()), [](const auto& one) { return one.param.name; });

// What is no file, or none that can be read.
TEST(HostilePlaces, AreRefused) {
  const Scratch scratch;
  const Path pipe = scratch.path() / "pipe.yaml";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink("loop.yaml", scratch.path() / "loop.yaml");
  const auto refused = [&](const std::string& path, const std::string& says) {
    const Answer answer = bounded("estimate " + path, scratch.path());
    EXPECT_EQ(answer.code, 2) << path;
    EXPECT_THAT(answer.err, HasSubstr(says)) << path;
  };
  refused("pipe.yaml", "nothing writes to this pipe");
  refused("loop.yaml", "error: ");
  refused("/dev/null", "empty");
  refused("/dev/zero", "larger than 16 MB");
  refused(".", "this is a directory");
  refused("no/such.yaml", "no such file");
}

// A pipe with a writer is read to its end, however late what it writes comes.
TEST(HostilePlaces, APipeIsReadToItsEnd) {
  const Scratch scratch;
  write(scratch.path() / "x.yaml", plan);
  const Path pipe = scratch.path() / "pipe.yaml";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const Answer late = bounded("estimate pipe.yaml", scratch.path(), "{ sleep 1; cat x.yaml; } >pipe.yaml & ");
  EXPECT_EQ(late.code, 0) << late.err;
  EXPECT_THAT(late.out, HasSubstr("plan: tp 1"));
  const Answer silent = bounded("estimate pipe.yaml", scratch.path(), "{ sleep 3; cat x.yaml; } >pipe.yaml & ");
  EXPECT_EQ(silent.code, 0) << silent.err;
}

// The exit code does not depend on whether anybody reads what is said.
TEST(HostilePlaces, ForWhatIsSaidChangeNoExitCode) {
  const Scratch scratch;
  for (const char* lost : {"2>&-", "2>/dev/full"}) {
    const std::string command =
        "cd '" + scratch.path().string() + "' && '" FORERUN_BINARY "' estimate none.yaml " + lost;
    const int status = std::system(command.c_str());
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 2) << lost;
  }
}

}  // namespace
}  // namespace forerun
