// Is a file of another kind told by its keys, and one of the wanted kind left to its reader?
#include "base/files/file_kind.hpp"

#include <gtest/gtest.h>

namespace forerun {
namespace {

std::string said(const std::string& text, FileKind wanted) {
  return to_string(wrong_kind(*YamlDocument::parse(text, "x.yaml"), wanted));
}

TEST(TheKindOfAFile, IsToldByItsKeys) {
  EXPECT_EQ(said("name: a\nnodes: []\n", FileKind::model),
            "x.yaml:1:1: error: this is a cluster, and a model is wanted here\n  hint: name it as the cluster\n");
  EXPECT_EQ(said("model_type: llama\nhidden_size: 64\n", FileKind::stack),
            "x.yaml:1:1: error: this is a model, and a stack is wanted here\n  hint: name it as the model\n");
  EXPECT_NE(said("device: h100\nfits: []\n", FileKind::plan), "");
}

TEST(TheKindOfAFile, IsNotGuessed) {
  EXPECT_EQ(said("plan: {}\njob: {}\ncluster: {}\nnodes: 3\n", FileKind::plan), "");
  EXPECT_EQ(said("nobody: knows\n", FileKind::device), "");
  EXPECT_EQ(said("[1, 2]\n", FileKind::device), "");
  EXPECT_EQ(said("name: mine\ncluster: dgx-h100\nsms: 132\n", FileKind::device), "");
}

}  // namespace
}  // namespace forerun
