// Arguments: the words of a command line, sorted into options and operands.
//
// --name value, --name=value, -o value; `--` ends the options; the last of several equal options counts. Numbers are
// read without a locale. Every failure is invalid_argument, a usage error.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "segface/base/memory.hpp"
#include "segface/base/nearest_name.hpp"
#include "segface/base/numerals.hpp"
#include "segface/base/status.hpp"

namespace tool {

using namespace segface;
using namespace segface::core;

struct Option {
  std::string_view name;  // with its dashes
  bool takes_value;
};

// "; did you mean 'name'?" where one of the names is near, else nothing.
template <class Names>
std::string suggestion(std::string_view word, const Names& names) {
  std::string_view nearest;
  std::size_t least = 3;  // more than two letters off is another word
  for (const auto& known : names) {
    const std::size_t distance = word.size() > 40 ? least : edit_distance(word, known.name);
    if (distance < least && distance < known.name.size()) {
      least = distance;
      nearest = known.name;
    }
  }
  return nearest.empty() ? std::string() : "; did you mean '" + std::string(nearest) + "'?";
}

// A whole number, as -12; no blanks, no plus, not beyond 18 digits.
inline bool parse_integer(std::string_view text, Index& value) {
  const bool negative = !text.empty() && text[0] == '-';
  std::uint64_t magnitude = 0;
  if (!parse_decimal(text.substr(negative ? 1 : 0), magnitude)) return false;
  if (magnitude > std::uint64_t{999'999'999'999'999'999}) return false;
  value = negative ? -static_cast<Index>(magnitude) : static_cast<Index>(magnitude);
  return true;
}

class Arguments {
 public:
  static Result<Arguments> parse(const std::vector<std::string>& words, const std::vector<Option>& options) {
    Arguments result;
    bool only_operands = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (only_operands || word.size() < 2 || word[0] != '-') {
        result.operands_.push_back(word);
        continue;
      }
      if (word == "--") {
        only_operands = true;
        continue;
      }
      const std::size_t equals = word.compare(0, 2, "--") == 0 ? word.find('=') : std::string::npos;
      const std::string name = word.substr(0, equals);
      const auto option = std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
      if (option == options.end()) {
        std::vector<Option> known = options;
        known.push_back({"--help", false});
        return error(Errc::invalid_argument, "unknown option '", name, "'", suggestion(name, known));
      }
      if (!option->takes_value) {
        if (equals != std::string::npos) return error(Errc::invalid_argument, name, " takes no value");
        result.values_[name];
        continue;
      }
      std::string value;
      if (equals != std::string::npos) {
        value = word.substr(equals + 1);
      } else if (i + 1 < words.size() && words[i + 1].compare(0, 2, "--") != 0) {
        value = words[++i];
      }
      if (value.empty()) return error(Errc::invalid_argument, name, " needs a value");
      result.values_[name] = value;
    }
    return result;
  }

  const std::vector<std::string>& operands() const { return operands_; }
  bool has(const std::string& name) const { return values_.count(name) != 0; }
  // Empty where the option is not given.
  std::string value(const std::string& name) const { return has(name) ? values_.at(name) : std::string(); }

  // `otherwise` where the option is not given.
  Result<Index> number(const std::string& name, Index least, Index most, Index otherwise) const {
    Index number = otherwise;
    if (has(name) && (!parse_integer(value(name), number) || number < least || number > most)) {
      return error(Errc::invalid_argument, name, " is '", value(name), "', expected a whole number from ", least,
                   " to ", most);
    }
    return number;
  }

  // The place of the option's value among the choices; 0 where it is not given.
  Result<std::size_t> choice(const std::string& name, const std::vector<std::string>& choices) const {
    if (!has(name)) return std::size_t{0};
    const auto found = std::find(choices.begin(), choices.end(), value(name));
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    std::string known;
    for (const std::string& choice : choices) known += (known.empty() ? "" : ", ") + choice;
    return error(Errc::invalid_argument, name, " is '", value(name), "', expected one of ", known);
  }

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::string> operands_;
};

}  // namespace tool
