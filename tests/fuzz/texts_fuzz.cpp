// Texts: JSON, numerals, names, messages. First byte, modulo 3: JSON; numbers; names.
#include <cstdlib>

#include "segface/base/nearest_name.hpp"
#include "segface/base/numerals.hpp"
#include "segface/engine/convert.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/image/exif.hpp"
#include "segface/image/sniff.hpp"
#include "segface/tensors/foreign_format.hpp"
#include "segface/tensors/json.hpp"
#include "segface/tensors/plain_names.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

// Quoted and read again, a string is the same.
void check_string(const std::string& value) {
  demand(value.find('\0') == std::string::npos, "no zero in a string");
  std::string quoted, again;
  append_json_string(value, quoted);
  JsonCursor cursor(quoted);
  demand(cursor.read_string(again).ok() && cursor.expect_end().ok() && again == value, "the same string", quoted);
}

// Words of any kind for as long as one is there.
void check_json(std::string_view text) {
  JsonCursor cursor(text);
  for (std::size_t before = text.size() + 1; before != cursor.offset();) {
    before = cursor.offset();
    std::string value;
    std::uint64_t number = 0;
    bool more = false;
    if (cursor.read_string(value).ok()) {
      check_string(value);
    } else if (cursor.offset() == before) {
      (void)cursor.read_number(number);
    }
    for (const char c : {'{', '}', '[', ']', ':'}) (void)cursor.take(c);
    (void)cursor.expect_next(']', more);
    demand(cursor.offset() <= text.size(), "a place in the text");
  }
}

void check_numbers(std::string_view text) {
  while (true) {
    const std::string word(landmark_file::next_word(text));
    if (word.empty()) return;
    double value = 0;
    if (landmark_file::parse_number(word, value)) {
      char* end = nullptr;
      const double expected = std::strtod(word.c_str(), &end);
      demand(*end == '\0', "a number that strtod reads", word);
      demand(std::fabs(value - expected) <= 1e-13 * std::fabs(expected) + 1e-14, "strtod's value", word);
    }
    std::uint64_t whole = 0;
    const std::string digits = word.substr(std::min(word.find_first_not_of('0'), word.size() - 1));
    if (parse_decimal(word, whole)) demand(decimal(whole) == digits, "the same number", word);
    if (parse_hexadecimal(word, whole) && word.size() <= 16) {
      demand(hexadecimal(whole, static_cast<int>(word.size())) == word, "the same digits", word);
    }
  }
}

void check_names(std::string_view text) {
  Message message;
  message.append(text);
  demand(message.view().size() < Message::kCapacity, "a message that fits");
  for (const char c : message.view()) {
    demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a message without control bytes", message.view());
  }
  const auto backbone = parse_backbone(text);
  if (!backbone.ok()) demand_reason(backbone.error());
  const auto dataset = parse_dataset(text);
  if (!dataset.ok()) demand_reason(dataset.error());
  const NameHints hints{std::string(text)};
  demand(!hints.resolution || (*hints.resolution >= 224 && *hints.resolution <= 512), "a known resolution");
  demand(PlainNames::prefix_bytes(text) <= text.size(), "a prefix of the name");
  const Bytes bytes = bytes_of(text);
  (void)foreign_format(text.substr(0, kForeignFormatBytes));
  demand(!sniff_format(bytes).empty(), "a name for any format");
  const auto recipe = PrecisionRecipe::parse(text);
  if (!recipe.ok()) {
    demand_reason(recipe.error());
  } else {
    demand(PrecisionRecipe::parse(recipe->text())->text() == recipe->text(), "the same recipe", text);
  }
  std::vector<float> logits;
  if (SelfTest::parse(text, logits)) {
    SelfTest test;
    test.logits = logits;
    demand(test.text() == text, "the same self-test", text);
  }
}

}  // namespace

SEGFACE_FUZZ_TARGET(texts, 200) {
  Numbers numbers(input);
  const int kind = numbers.byte() % 3;
  const std::string_view text = text_of(numbers.rest());
  if (kind == 0) return check_json(text);
  if (kind == 1) return check_numbers(text);
  check_names(text);
}
