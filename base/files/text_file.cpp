#include "base/files/text_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/text.hpp"

namespace forerun {
namespace {

constexpr std::size_t largest = 16'000'000;

Problems whole_file(const std::string& name, std::string message, std::string hint) {
  return {{{.file = name, .line = 0, .column = 0}, std::move(message), std::move(hint)}};
}

// `size`: 0 where it is not known, as of a pipe.
Problems too_large(const std::string& name, std::uintmax_t size) {
  const std::string bytes = size == 0 ? "" : ": it has " + std::to_string(size) + " bytes";
  return whole_file(name, "the file is larger than 16 MB" + bytes, "split it, or check that this is the file you mean");
}

// Closed at the end of its scope.
class OpenFile {
 public:
  OpenFile(const std::string& path, bool waits)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK))) {}
  ~OpenFile() {
    if (number_ >= 0) ::close(number_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

// A pipe that nobody opened for writing would be waited for without end. True: something writes, or has written.
bool has_writer(int pipe, std::string& text) {
  constexpr int patience = 1500;  // milliseconds
  pollfd wanted{.fd = pipe, .events = POLLIN, .revents = 0};
  if (::poll(&wanted, 1, patience) > 0) return true;
  char first = 0;
  const ssize_t count = ::read(pipe, &first, 1);
  if (count == 1) text += first;
  return count != 0;  // less: a writer that is silent so far
}

// Until its end, or until it is too large. False: reading failed.
bool read_all(int file, std::string& text) {
  char chunk[65536];
  for (;;) {
    const ssize_t count = ::read(file, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    text.append(chunk, static_cast<std::size_t>(count));
    if (text.size() > largest) return true;
  }
}

// Bytes of the UTF-8 character at `i`; 0 when there is none. Overlong forms and surrogates are none.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U; };
  const auto tail = [&](std::size_t count) {
    for (std::size_t k = 1; k <= count; ++k) {
      if ((byte(k) & 0xC0U) != 0x80U) return false;
    }
    return true;
  };
  const unsigned lead = byte(0), second = byte(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead < 0xF0) {
    const bool overlong = lead == 0xE0 && second < 0xA0;
    const bool surrogate = lead == 0xED && second >= 0xA0;
    return tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead < 0xF5) {
    const bool overlong = lead == 0xF0 && second < 0x90;
    const bool beyond_unicode = lead == 0xF4 && second >= 0x90;
    return tail(3) && !overlong && !beyond_unicode ? 4 : 0;
  }
  return 0;
}

bool is_control(char c) { return c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r'; }

std::optional<std::size_t> first_that_is_no_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0 || is_control(text[i])) return i;
    i += length;
  }
  return std::nullopt;
}

Position position_of(std::string_view text, std::size_t offset, const std::string& name) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t newline = before.rfind('\n');
  const std::string_view line = newline == std::string_view::npos ? before : before.substr(newline + 1);
  return {.file = name,
          .line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          .column = static_cast<int>(characters(line)) + 1};
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    const bool relative = std::filesystem::path(path).is_relative();
    const std::string folder = std::filesystem::current_path(error).string();
    return fail(whole_file(path, "there is no such file",
                           relative ? "the path is relative to '" + folder + "'" : "check the path"));
  }
  if (std::filesystem::is_directory(status)) return fail(whole_file(path, "this is a directory", "name a file in it"));
  const bool is_pipe = status.type() == std::filesystem::file_type::fifo;
  if (status.type() == std::filesystem::file_type::regular) {
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (!error && size > largest) return fail(too_large(path, size));
  }
  const OpenFile file(path, !is_pipe);
  if (file.number() < 0) return fail(whole_file(path, "the file cannot be read", "check its permissions"));
  std::string text;
  if (is_pipe) {
    if (!has_writer(file.number(), text))
      return fail(whole_file(path, "nothing writes to this pipe", "start what writes to it first, or name a file"));
    ::fcntl(file.number(), F_SETFL, 0);  // from here on a read waits for the writer
  }
  if (!read_all(file.number(), text)) return fail(whole_file(path, "reading the file failed", "try again"));
  if (text.size() > largest) return fail(too_large(path, 0));
  return text;
}

Problems check_text(const std::string& text, const std::string& name) {
  if (text.size() > largest) return too_large(name, text.size());
  if (const auto at = first_that_is_no_text(text)) {
    return {{position_of(text, *at, name), "this is not a text file", "save it as UTF-8 text"}};
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return whole_file(name, "the file is empty", "check that this is the file you mean");
  }
  return {};
}

}  // namespace forerun
