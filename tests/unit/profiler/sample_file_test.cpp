// Do samples survive an interruption, and is nothing ever left half-written?
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "profiler/sample_file.hpp"
#include "profiler/sweep.hpp"

namespace forerun {
namespace {

namespace fs = std::filesystem;

class SampleFiles : public testing::Test {
 protected:
  SampleFiles() { fs::create_directory(folder_); }
  ~SampleFiles() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name = "samples.csv") const { return folder_ / name; }
  [[nodiscard]] std::string text() const {
    std::ifstream in(path());
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const SampleOwner owner_{"box-2-cores", "d.yaml"}, of_ranks_{"box-2-cores", "c.yaml"};
  const KernelCase square_ = product_case(DType::fp32, 8, 9, 10);
  const fs::path folder_ = fs::temp_directory_path() / ("forerun-samples-" + std::to_string(::getpid()));
};

TEST_F(SampleFiles, HoldWhatWasAdded) {
  auto file = SampleFile::open(path(), kernel_columns, owner_, false);
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->has("profile", key_of(square_)));
  ASSERT_TRUE(file->add("profile", key_of(square_),
                        kernel_row("profile", "d.yaml", square_, Seconds{2.5e-6}, "forerun", "spread=0.010")));
  EXPECT_TRUE(file->has("profile", key_of(square_)));
  EXPECT_EQ(text(),
            std::string(kernel_columns) +
                "\nprofile,d.yaml,fp32,gemm,8,9,10,1,,,,,,,2.5000,forerun;linear_forward;;spread=0.010,box-2-cores\n");
}

TEST_F(SampleFiles, AreKnownAgainWhenResumed) {
  const KernelCase stream = stream_case(DType::bf16);
  const CollectiveCase ring{"allreduce", 2, Bytes{4096}};
  {
    auto file = SampleFile::open(path(), kernel_columns, owner_, false);
    for (const KernelCase& one : {square_, stream})
      ASSERT_TRUE(
          file->add("profile", key_of(one), kernel_row("profile", "d.yaml", one, Seconds{1}, "forerun", "x=1")));
    auto ranks = SampleFile::open(path("ranks.csv"), collective_columns, of_ranks_, false);
    ASSERT_TRUE(ranks->add("mpi", key_of(ring), collective_row("mpi", "c.yaml", ring, Seconds{1}, "")));
  }
  const auto kernels = SampleFile::open(path(), kernel_columns, owner_, true),
             ranks = SampleFile::open(path("ranks.csv"), collective_columns, of_ranks_, true);
  ASSERT_TRUE(kernels && ranks);
  EXPECT_EQ(kernels->rows(), 2U);
  EXPECT_TRUE(kernels->has("profile", key_of(square_)) && kernels->has("profile", key_of(stream)));
  EXPECT_FALSE(kernels->has("profile", key_of(product_case(DType::fp32, 8, 9, 11))));
  EXPECT_TRUE(ranks->has("mpi", key_of(ring)));
  EXPECT_FALSE(ranks->has("in-process", key_of(ring)));
}

TEST_F(SampleFiles, LoseALineThatWasCutWhenResumed) {
  const std::string whole = kernel_row("profile", "d.yaml", square_, Seconds{1}, "forerun", "x=1") + ",box-2-cores\n";
  std::ofstream(path()) << kernel_columns << "\n" << whole << "profile,d.yaml,fp32,gemm,64,6";
  const auto file = SampleFile::open(path(), kernel_columns, owner_, true);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->rows(), 1U);
  EXPECT_EQ(text(), std::string(kernel_columns) + "\n" + whole);
}

TEST_F(SampleFiles, BeginAnewWithoutResume) {
  std::ofstream(path()) << kernel_columns << "\n"
                        << kernel_row("profile", "d.yaml", square_, Seconds{1}, "forerun", "x=1") << ",box-2-cores\n";
  const auto file = SampleFile::open(path(), kernel_columns, owner_, false);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->rows(), 0U);
}

TEST_F(SampleFiles, WithOtherColumnsAreRefusedAndLeftAsTheyAre) {
  std::ofstream(path()) << "a,b\n1,2\n";
  const auto file = SampleFile::open(path(), kernel_columns, owner_, true);
  ASSERT_FALSE(file);
  EXPECT_THAT(to_string(file.error()),
              testing::HasSubstr("samples.csv:1:1: error: these are not the samples of a profile"));
  EXPECT_EQ(text(), "a,b\n1,2\n");
}

TEST_F(SampleFiles, WithARowOfAnotherLengthAreRefusedAndLeftAsTheyAre) {
  const std::string broken = std::string(kernel_columns) + "\nprofile,d.yaml,fp32\n";
  std::ofstream(path()) << broken;
  const auto file = SampleFile::open(path(), kernel_columns, owner_, true);
  ASSERT_FALSE(file);
  EXPECT_THAT(to_string(file.error()), testing::HasSubstr("samples.csv:2:1: error: 3 cells in a file of 17 columns"));
  EXPECT_EQ(text(), broken);
}

TEST_F(SampleFiles, OfAnotherOwnerAreRefusedAndLeftAsTheyAre) {
  const std::string whole = std::string(kernel_columns) + "\n" +
                            kernel_row("profile", "d.yaml", square_, Seconds{1}, "forerun", "x=1") + ",box-2-cores\n";
  std::ofstream(path()) << whole << "cut";
  const auto elsewhere = SampleFile::open(path(), kernel_columns, {"box-4-cores", "d.yaml"}, true);
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(
      to_string(elsewhere.error()),
      testing::AllOf(testing::HasSubstr("samples.csv:2:1: error: these are samples of box-2-cores, not of box-4-cores"),
                     testing::HasSubstr("name another file with --out")));
  const auto renamed = SampleFile::open(path(), kernel_columns, {"box-2-cores", "e.yaml"}, true);
  ASSERT_FALSE(renamed);
  EXPECT_THAT(to_string(renamed.error()), testing::HasSubstr("these are samples of d.yaml, not of e.yaml"));
  EXPECT_EQ(text(), whole + "cut");
}

TEST_F(SampleFiles, AreWrittenWholeOrNotAtAll) {
  ASSERT_TRUE(write_whole(path(), "first\n"));
  ASSERT_TRUE(write_whole(path(), "second\n"));
  EXPECT_EQ(text(), "second\n");
  fs::create_directory(path("folder"));
  fs::create_directory(path("folder/in_it"));
  EXPECT_FALSE(write_whole(path("folder"), "a file cannot replace a folder\n"));
  EXPECT_FALSE(write_whole(path("none/there.csv"), "x"));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("samples.csv", "folder"));
}

}  // namespace
}  // namespace forerun
