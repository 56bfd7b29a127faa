# Writes OUTPUT: the text of FILES (relative to ROOT) as raw string literals behind embedded_NAME().
set(body "// Generated from the catalogue; do not edit.\n#include \"base/files/embedded.hpp\"\n\nnamespace forerun {\nnamespace {\nconstexpr EmbeddedFile files[] = {\n")
foreach(file IN LISTS FILES)
  file(READ ${ROOT}/${file} text)
  # A literal holds at most 64 KiB in the standard's minimum; catalogue files are far smaller.
  string(APPEND body "    {\"${file}\", R\"~~~~(${text})~~~~\"},\n")
endforeach()
string(APPEND body "    {\"\", \"\"}};\n}  // namespace\n\nstd::span<const EmbeddedFile> embedded_${NAME}() { return {std::begin(files), std::size(files) - 1}; }\n}  // namespace forerun\n")
file(WRITE ${OUTPUT} "${body}")
