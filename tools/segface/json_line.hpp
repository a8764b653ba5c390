// What `segface parse --json` says of a photo: one line of JSON.
//
//   {"photo": ..., "width": ..., "height": ..., "faces": [{"box": [x, y, width, height], "landmarks": [[x, y], five times],
//    "score": ..., "roll": ..., "confidence": ..., "classes": {"hair": {"pixels": ..., "box": [...]}, ...}}, ...],
//    "skipped": [{"box": [...], "reason": ...}, ...], "files": {"mask": ..., ...}}
//   {"photo": ..., "error": ...}
// Numbers have the fewest digits that read back as the same number. Bytes of a name that are no UTF-8 become U+FFFD.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/utf8.hpp"
#include "segface/faces/labels.hpp"
#include "segface/faces/parsed_photo.hpp"
#include "segface/tensors/json.hpp"

namespace tool {

using namespace segface;
using namespace segface::core;

// Of a finite number; else null.
inline std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[40];
  if (value == std::floor(value) && std::fabs(value) < 1e15) {
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}
inline std::string json_string(std::string_view text) {
  std::string valid, json;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      valid += "\xef\xbf\xbd";  // U+FFFD
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  append_json_string(valid, json);
  return json;
}

// Values in a row, as "[1, 2]" and {"a": 1}.
class JsonList {
 public:
  explicit JsonList(char open) : text_(1, open) {}
  JsonList& add(const std::string& value) {
    if (text_.size() > 1) text_ += ", ";
    text_ += value;
    return *this;
  }
  JsonList& add(std::string_view name, const std::string& value) { return add(json_string(name) + ": " + value); }
  std::string close() const { return text_ + (text_[0] == '[' ? ']' : '}'); }

 private:
  std::string text_;
};

inline std::string json_numbers(std::initializer_list<double> values) {
  JsonList list('[');
  for (const double value : values) list.add(json_number(value));
  return list.close();
}
inline std::string json_box(const Box& box) {
  return json_numbers({static_cast<double>(box.x), static_cast<double>(box.y), static_cast<double>(box.width),
                       static_cast<double>(box.height)});
}
inline std::string json_box(const FaceRectangle& box) {
  return json_numbers({box.x, box.y, box.width, box.height});
}

inline std::string json_face(const ParsedFace& parsed, Dataset dataset) {
  JsonList points('['), areas('{'), face('{');
  for (const Point& p : parsed.face.landmarks.in_order()) points.add(json_numbers({p.x, p.y}));
  const Span<const ClassInfo> known = classes(dataset);
  for (std::size_t label = 1; label < known.size(); ++label) {
    const ParsedFace::Area& area = parsed.classes[label];
    if (area.pixels == 0) continue;
    areas.add(known[label].name, JsonList('{')
                                     .add("pixels", json_number(static_cast<double>(area.pixels)))
                                     .add("box", json_box(area.box))
                                     .close());
  }
  return face.add("box", json_box(parsed.face.box))
      .add("landmarks", points.close())
      .add("score", json_number(parsed.face.score))
      .add("roll", json_number(parsed.face.roll))
      .add("confidence", json_number(parsed.confidence))
      .add("classes", areas.close())
      .close();
}

// The files that were written, and what each is.
using WrittenFiles = std::vector<std::pair<std::string, std::string>>;

inline std::string json_line(const std::string& path, const ParsedPhoto& photo, const WrittenFiles& written) {
  JsonList faces('['), skipped('['), files('{');
  for (const ParsedFace& face : photo.faces) faces.add(json_face(face, photo.mask.dataset()));
  for (const SkippedFace& face : photo.skipped) {
    skipped.add(
        JsonList('{').add("box", json_box(face.box)).add("reason", json_string(skip_reason(face.reason))).close());
  }
  for (const auto& [what, name] : written) files.add(what, json_string(name));
  return JsonList('{')
      .add("photo", json_string(path))
      .add("width", json_number(static_cast<double>(photo.mask.width())))
      .add("height", json_number(static_cast<double>(photo.mask.height())))
      .add("faces", faces.close())
      .add("skipped", skipped.close())
      .add("files", files.close())
      .close();
}
inline std::string json_line(const std::string& path, const Status& failure) {
  return JsonList('{').add("photo", json_string(path)).add("error", json_string(failure.message())).close();
}

}  // namespace tool
