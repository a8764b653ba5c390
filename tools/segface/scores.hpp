// What `segface eval` reports: the scores of a confusion matrix as a table, as JSON and as CSV.
//
// The table has percents, the files have shares from 0 to 1 with all their digits. A class that is nowhere has no F1:
// "absent" in the table, null in JSON, nothing in CSV.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "segface/faces/metrics.hpp"
#include "segface/tensors/json.hpp"

#include "output.hpp"

namespace tool {

// A photo that could not be evaluated, and why.
struct FailedSample {
  std::string name, reason;
};

struct Evaluation {
  explicit Evaluation(Dataset dataset) : matrix(dataset) {}

  std::string weights, directory, layout, split;
  Index resolution = 0;
  std::size_t photos = 0;  // that were evaluated
  std::vector<FailedSample> failed;
  std::vector<std::string> reshaped;  // photos whose labels have another ratio of sides
  ConfusionMatrix matrix;
};

// A line of the table: a class, or classes taken as one.
struct ScoreRow {
  Index label;  // -1 for merged classes
  std::string name;
  std::uint32_t members;
};

inline std::vector<ScoreRow> score_rows(const ConfusionMatrix& matrix) {
  std::vector<ScoreRow> rows;
  for (Index label = 0; label < matrix.classes(); ++label) {
    rows.push_back({label, std::string(classes(matrix.dataset())[static_cast<std::size_t>(label)].name), 1u << label});
  }
  for (const MergedClasses& merged : merged_classes(matrix.dataset())) {
    rows.push_back({-1, std::string(merged.name), merged.members});
  }
  return rows;
}

inline std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

inline void print_scores(const Evaluation& e) {
  const ConfusionMatrix& m = e.matrix;
  const auto percent = [](std::optional<double> share) {
    return share ? format("%.2f", 100 * *share) : std::string("absent");
  };
  std::printf("\n  %5s  %-16s  %7s  %7s  %8s  %8s\n", "label", "class", "F1", "IoU", "truth", "found");
  const auto all = static_cast<double>(std::max<std::uint64_t>(1, m.truth(~0u)));
  std::string absent;
  for (const ScoreRow& row : score_rows(m)) {
    const std::optional<double> f1 = m.f1(row.members);
    std::printf("  %5s  %-16s  %7s  %7s  %6.2f %%  %6.2f %%\n", row.label < 0 ? "" : std::to_string(row.label).c_str(),
                row.name.c_str(), percent(f1).c_str(), f1 ? percent(m.iou(row.members)).c_str() : "absent",
                100 * static_cast<double>(m.truth(row.members)) / all,
                100 * static_cast<double>(m.predicted(row.members)) / all);
    if (!f1) absent += (absent.empty() ? "" : ", ") + row.name;
  }
  std::printf("\n  mean F1         %7s  all classes but background\n", percent(m.mean_f1()).c_str());
  std::printf("  mean IoU        %7s  all classes\n", percent(m.mean_iou()).c_str());
  std::printf("  mean accuracy   %7s  all classes\n", percent(m.mean_accuracy()).c_str());
  std::printf("  pixel accuracy  %7s  of %llu pixels; %llu more are labelled 255 and ignored\n",
              percent(m.pixel_accuracy()).c_str(), static_cast<unsigned long long>(m.truth(~0u)),
              static_cast<unsigned long long>(m.ignored()));
  if (!e.reshaped.empty()) {
    std::printf(
        "\n  %zu of %zu photos have labels of another ratio of sides, the first is %s; both were stretched to the "
        "square\n",
        e.reshaped.size(), e.photos, shown(e.reshaped[0]).c_str());
  }
  if (!absent.empty()) {
    std::printf(
        "\n  absent in truth and prediction: %s. The mean of F1 leaves them out (the official code\n"
        "  gets NaN); in the means of IoU and accuracy they count as 0, as in the official code.\n",
        absent.c_str());
  }
}

inline std::string number(std::optional<double> value, const char* missing) {
  return value ? format("%.17g", *value) : missing;
}

inline std::string scores_json(const Evaluation& e) {
  const ConfusionMatrix& m = e.matrix;
  std::string json = "{";
  const auto text = [&](const char* key, const std::string& value) {
    json += std::string("\"") + key + "\": ";
    append_json_string(shown(value), json);
    json += ", ";
  };
  const auto value = [&](const char* key, const std::string& digits) {
    json += std::string("\"") + key + "\": " + digits + ", ";
  };
  text("weights", e.weights);
  text("directory", e.directory);
  text("layout", e.layout);
  text("split", e.split);
  text("dataset", std::string(dataset_name(m.dataset())));
  json += "\n ";
  value("resolution", std::to_string(e.resolution));
  value("photos", std::to_string(e.photos));
  value("pixels", std::to_string(m.truth(~0u)));
  value("ignored", std::to_string(m.ignored()));
  json += "\n ";
  value("mean_f1", number(m.mean_f1(), "null"));
  value("mean_iou", number(m.mean_iou(), "null"));
  value("mean_accuracy", number(m.mean_accuracy(), "null"));
  value("pixel_accuracy", number(m.pixel_accuracy(), "null"));
  json += "\n \"classes\": [";
  const char* separator = "\n";
  for (const ScoreRow& row : score_rows(m)) {
    json += std::string(separator) + "  {\"label\": " + (row.label < 0 ? "null" : std::to_string(row.label)) +
            ", \"name\": \"" + row.name + "\", \"f1\": " + number(m.f1(row.members), "null") +
            ", \"iou\": " + number(m.iou(row.members), "null") +
            ", \"accuracy\": " + number(m.accuracy(row.members), "null") +
            ", \"truth\": " + std::to_string(m.truth(row.members)) +
            ", \"predicted\": " + std::to_string(m.predicted(row.members)) + "}";
    separator = ",\n";
  }
  json += "],\n \"confusion\": [";  // row: truth
  separator = "\n";
  for (Index t = 0; t < m.classes(); ++t) {
    json += std::string(separator) + "  [";
    for (Index p = 0; p < m.classes(); ++p) json += (p == 0 ? "" : ", ") + std::to_string(m.count(t, p));
    json += "]";
    separator = ",\n";
  }
  json += "],\n \"failed\": [";
  separator = "\n";
  for (const FailedSample& failure : e.failed) {
    json += std::string(separator) + "  {\"photo\": ";
    append_json_string(shown(failure.name), json);
    json += ", \"reason\": ";
    append_json_string(failure.reason, json);
    json += "}";
    separator = ",\n";
  }
  return json + "]}\n";
}

inline std::string scores_csv(const Evaluation& e) {
  const ConfusionMatrix& m = e.matrix;
  std::string csv = "label,name,f1,iou,accuracy,truth,predicted\n";
  for (const ScoreRow& row : score_rows(m)) {
    csv += (row.label < 0 ? "" : std::to_string(row.label)) + "," + row.name + "," + number(m.f1(row.members), "") +
           "," + number(m.iou(row.members), "") + "," + number(m.accuracy(row.members), "") + "," +
           std::to_string(m.truth(row.members)) + "," + std::to_string(m.predicted(row.members)) + "\n";
  }
  csv += ",mean," + number(m.mean_f1(), "") + "," + number(m.mean_iou(), "") + "," + number(m.mean_accuracy(), "") +
         "," + std::to_string(m.truth(~0u)) + "," + std::to_string(m.truth(~0u)) + "\n";
  return csv;
}

}  // namespace tool
