// An error of the code that is expected, whose message says what it should.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "segface/base/status.hpp"

namespace test {

inline void check_error(const segface::Status& error, segface::Errc code, const std::vector<std::string>& words) {
  const std::string message = error.message();
  CAPTURE(message);
  CHECK(error.code() == code);
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(message.find(word) != std::string::npos);
  }
}

}  // namespace test
