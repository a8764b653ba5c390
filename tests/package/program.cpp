// What a user's program does first; answers 0 where the library works.
#include <segface/segface.hpp>

int main() {
  const auto parser = segface::Parser::try_load("no_such_file.safetensors");
  return parser.status().code() == segface::Errc::io ? 0 : 1;
}
