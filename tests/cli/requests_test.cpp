// Forty requests of people, from 1 B to 671 B parameters, dense and mixtures, 8 to 16,384 devices, all stacks: has
// every listed plan the number that ranks, is the saved one the best, and does its software accept it?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "costmodel/stacks/stack.hpp"
#include "tests/cli/program.hpp"

namespace forerun {
namespace {

using nlohmann::json;

struct Request {
  std::string model, cluster;
  int gpus = 0, sequence = 0, global_batch = 0;
  std::string stack, dtype = "bf16";
};

void PrintTo(const Request& r, std::ostream* out) { *out << r.model << " on " << r.gpus << " with " << r.stack; }

class Requests : public testing::TestWithParam<Request> {};

TEST_P(Requests, AreRankedByOneNumberAndAcceptedBySoftware) {
  const Request& r = GetParam();
  const Scratch scratch;
  const std::string saved = scratch.path() / "plan.yaml";
  const Answer answer =
      forerun_says("plan " + r.model + " --cluster " + r.cluster + " --gpus " + std::to_string(r.gpus) +
                   " --sequence " + std::to_string(r.sequence) + " --global-batch " + std::to_string(r.global_batch) +
                   " --stack " + r.stack + " --dtype " + r.dtype + " --json --save " + saved);
  ASSERT_EQ(answer.code, 0) << answer.err << answer.out;
  const json said = json::parse(answer.out);
  const bool simulated = said.at("ranked_by") == "simulation";
  const auto ranks = [&](const json& plan) {
    EXPECT_EQ(plan.at("simulated").is_null(), !simulated);
    return simulated ? plan.at("simulated").at("step_time_s").get<double>() : plan.at("step_time_s").get<double>();
  };
  double before = 0;
  for (const json& plan : said.at("plans")) {
    EXPECT_GE(ranks(plan), before);
    before = ranks(plan);
  }
  // Reading it again asks its software as well.
  const Answer again = forerun_says("estimate " + saved + " --json");
  ASSERT_EQ(again.code, 0) << again.err;
  const json best = json::parse(again.out);
  EXPECT_EQ(best.at("plan"), said.at("plans").at(0).at("plan"));
  EXPECT_EQ(best.at("step_time_s"), said.at("plans").at(0).at("step_time_s"));
}

std::vector<Request> requests() {
  return {
      {"llama3.2-1b", "dgx-h100", 8, 4096, 64, "megatron-core"},
      {"llama3.2-1b", "dgx-a100", 16, 2048, 256, "nanotron"},
      {"llama3.2-1b", "rtx-4090-box", 8, 2048, 64, "pytorch-fsdp"},
      {"gpt2-xl", "dgx-a100", 8, 1024, 64, "megatron-lm", "fp16"},
      {"gpt2-xl", "dgx-v100", 16, 1024, 128, "megatron-deepspeed", "fp16"},
      {"llama3-8b", "dgx-h100", 8, 8192, 64, "torchtitan"},
      {"llama3-8b", "dgx-h100", 64, 8192, 128, "torchtitan-2024", "fp8"},
      {"llama3-8b", "dgx-h100", 128, 8192, 512, "megatron-bridge", "fp8"},
      {"llama3-8b", "p4d", 64, 4096, 256, "deepspeed"},
      {"llama3-8b", "dgx-a100", 64, 4096, 128, "maxtext"},
      {"llama3-8b", "dgx-h100", 16, 2048, 64, "forerun"},
      {"mistral-7b", "dgx-a100", 32, 4096, 128, "torchtune"},
      {"mistral-7b", "dgx-h100", 32, 8192, 128, "nemo"},
      {"megatron-18b", "dgx-a100", 64, 2048, 512, "megatron-zero-bubble", "fp16"},
      {"megatron-18b", "jean-zay-a100", 64, 2048, 512, "megatron-deepspeed-2022", "fp16"},
      {"megatron-18b", "dgx-a100", 64, 2048, 512, "course", "fp16"},
      {"mpt-30b", "dgx-h100", 64, 2048, 512, "llm-foundry-fsdp"},
      {"qwen2.5-32b", "dgx-h100", 64, 4096, 256, "torchtitan"},
      {"qwen3-30b-a3b", "dgx-h100", 16, 4096, 256, "megatron-bridge"},
      {"qwen3-30b-a3b", "dgx-b200", 32, 8192, 256, "megatron-core", "fp8"},
      {"mixtral-8x7b", "dgx-h100", 64, 4096, 512, "megatron-core"},
      {"mixtral-8x7b", "dgx-h200", 64, 4096, 512, "nemo"},
      {"mixtral-8x22b", "dgx-h100", 256, 4096, 1024, "megatron-bridge"},
      {"llama3-70b", "dgx-h100", 64, 8192, 128, "megatron-core"},
      {"llama3-70b", "dgx-h100", 256, 8192, 512, "torchtitan"},
      {"llama3-70b", "dgx-h100", 512, 8192, 512, "nemo", "fp8"},
      {"llama3-70b", "gb200-nvl72", 144, 8192, 288, "megatron-bridge", "fp8"},
      {"llama3-70b", "p5", 1024, 4096, 1024, "megatron-core"},
      {"llama2-70b", "dgx-a100", 256, 4096, 1024, "maxtext"},
      {"llama2-70b", "oci-a100", 512, 4096, 1024, "nanotron"},
      {"gpt3-175b", "dgx-a100", 1024, 2048, 1536, "megatron-lm", "fp16"},
      {"gpt3-175b", "dgx-h100", 1024, 2048, 1536, "nemo", "fp8"},
      {"gpt2-xl", "dgx-h100", 32, 1024, 128, "course", "fp16"},
      {"bloom-176b", "jean-zay-a100", 384, 2048, 2048, "megatron-deepspeed-2022"},
      {"llama3-405b", "dgx-h100", 512, 8192, 512, "megatron-core"},
      {"llama3-405b", "dgx-h100", 4096, 8192, 2048, "torchtitan"},
      {"llama3-405b", "dgx-h100", 16384, 8192, 2048, "megatron-core"},
      {"deepseek-v3", "h800", 2048, 4096, 15360, "megatron-core", "fp8"},
      {"deepseek-v3", "dgx-b200", 1024, 4096, 8192, "megatron-bridge", "fp8"},
      {"deepseek-v2-lite", "dgx-h100", 16, 4096, 256, "megatron-core"},
  };
}

INSTANTIATE_TEST_SUITE_P(OfPeople, Requests, testing::ValuesIn(requests()));

}  // namespace
}  // namespace forerun
