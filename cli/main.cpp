// forerun runs your training or serving job before you do.
#include <fcntl.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <iostream>
#include <system_error>

#include "cli/arguments.hpp"
#include "cli/common.hpp"

namespace {

// A standard stream that the caller closed must not become the file that is opened next. Nobody reads its errors, but
// that the answer is lost is still found out: /dev/null is opened for reading alone in its place.
void occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    const int opened = ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != -1 && opened != stream) ::dup2(opened, stream), ::close(opened);
  }
}

// An answer that nobody could read is no answer: a full disk, a closed stdout.
int written(int code) {
  const bool lost = !std::cout.flush() || std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (!lost) return code;
  std::cerr << "error: the answer could not be written to standard output\n";
  return forerun::cli::failed;
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  CLI::App app{
      "forerun runs your training or serving job before you do: how long a step takes, whether it fits, which plan is "
      "best.",
      "forerun"};
  app.require_subcommand(1);
  app.set_version_flag("--version", FORERUN_VERSION);
  app.footer(
      "Exit codes: 0 answered; 1 a run failed; 2 something to fix, with its place and a hint; 3 no plan fits, with "
      "what binds and what "
      "would fit.");
  int code = forerun::cli::answered;
  forerun::cli::add_plan(app, code);
  forerun::cli::add_estimate(app, code);
  forerun::cli::add_simulate(app, code);
  forerun::cli::add_execute(app, code);
  forerun::cli::add_catalog(app, code);
  forerun::cli::add_validate(app, code);
  forerun::cli::add_fit(app, code);
  forerun::cli::add_profile(app, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    return forerun::cli::refuse(forerun::cli::argument_problems(app, error.what()));
  } catch (const std::system_error&) {  // how fmt says that it cannot print
    return written(forerun::cli::failed);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n  hint: this is a mistake of ours; please report the command\n";
    return 70;
  }
  return written(code);
}
