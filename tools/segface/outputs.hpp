// The files that `segface parse` writes: their names, and what they may not replace.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/faces/labels.hpp"

#include "arguments.hpp"
#include "request.hpp"

namespace tool {

// The files of one photo; empty where not wanted.
struct Outputs {
  std::string mask, overlay, logits, coverage, cutout, faces;
  std::vector<std::string> masks, probabilities;  // one for each of Request::classes
  std::vector<std::string> mattes;                // one for each of Request::mattes

  // use(what it is, path) for each that is wanted.
  template <class Use>
  void for_each(const Use& use) const {
    const std::pair<const char*, const std::string*> single[] = {{"mask", &mask},         {"overlay", &overlay},
                                                                 {"faces", &faces},       {"logits", &logits},
                                                                 {"coverage", &coverage}, {"cutout", &cutout}};
    for (const auto& [what, path] : single) {
      if (!path->empty()) use(what, *path);
    }
    for (const std::string& path : masks) use("class", path);
    for (const std::string& path : probabilities) use("probability", path);
    for (const std::string& path : mattes) use("matte", path);
  }
};

// Opens nothing: it is asked more than once of a photo.
inline Outputs outputs_of(const Request& request, const Photo& photo) {
  const std::string front = photo.folder + photo.name;
  const auto picture = [&](const char* what) { return front + what + (photo.is_jpeg ? ".jpg" : ".png"); };
  const auto named = [&](const std::string& name) { return request.out.empty() ? name : request.out; };
  Outputs outputs;
  if (request.draws_faces) {
    outputs.faces = named(picture("_faces"));
    return outputs;
  }
  outputs.mask = request.names_mask ? front + "_mask.png" : request.mask;
  outputs.overlay = request.names_overlay ? picture("_overlay") : request.overlay;
  outputs.logits = request.logits;
  outputs.coverage = request.coverage;
  if (!request.cutout_names.empty()) outputs.cutout = named(front + "_cutout.png");
  for (const Request::Class& wanted : request.classes) {
    const std::string name = front + "_" + wanted.word;
    if (!request.class_names.empty()) outputs.masks.push_back(named(name + ".png"));
    if (request.probabilities) outputs.probabilities.push_back(named(name + "_probability.png"));
  }
  for (const Request::Class& wanted : request.mattes) {
    outputs.mattes.push_back(named(front + "_matte_" + wanted.word + ".png"));
  }
  return outputs;
}

// Groups of classes by name; those that are called as a class are that class.
struct GroupName {
  std::string_view name;
  LabelGroup group;
};
inline constexpr GroupName kGroupNames[] = {{"face", LabelGroup::face}, {"brows", LabelGroup::brows},
                                            {"eyes", LabelGroup::eyes}, {"ears", LabelGroup::ears},
                                            {"lips", LabelGroup::lips}, {"mouth", LabelGroup::mouth}};

// Classes that are named by full or official name, by label, or as a group: "hair,l_brow,4,lips"; "all" is each.
inline Result<std::vector<Request::Class>> read_classes(const std::string& option, const std::string& names,
                                                        Dataset dataset) {
  const Span<const ClassInfo> known = classes(dataset);
  std::vector<Request::Class> wanted;
  const auto want = [&](std::uint32_t labels, std::string_view word) {
    const auto is_same = [&](const Request::Class& other) { return other.labels == labels; };
    if (std::none_of(wanted.begin(), wanted.end(), is_same)) wanted.push_back({labels, file_word(word)});
  };
  for (std::size_t label = 0; names == "all" && label < known.size(); ++label) want(1u << label, known[label].name);
  if (names == "all") return wanted;
  for (std::size_t begin = 0; begin < names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    const std::string word = names.substr(begin, end - begin);
    begin = end + 1;
    std::size_t label = 0;
    const auto is_named = [&](const ClassInfo& info) {
      return word == info.name || word == file_word(info.name) || word == info.official;
    };
    while (label < known.size() && !is_named(known[label]) && word != std::to_string(label)) ++label;
    const auto group = std::find_if(std::begin(kGroupNames), std::end(kGroupNames),
                                    [&](const GroupName& row) { return word == row.name; });
    if (label < known.size()) {
      want(1u << label, known[label].name);
    } else if (group != std::end(kGroupNames) && label_mask(dataset, group->group) != 0) {
      want(label_mask(dataset, group->group), group->name);
    } else {
      const std::string near = suggestion(word, known);
      return error(Errc::invalid_argument, option, ": this network has no class '", word, "'",
                   near.empty() ? suggestion(word, kGroupNames) : near,
                   "; `segface info` lists its classes, `segface help parse` has groups of them");
    }
  }
  return wanted;
}

// Fills in what depends on the network's classes.
inline Status find_classes(Request& request, Dataset dataset) {
  const bool each = request.class_names.empty() && request.probabilities;
  SEGFACE_ASSIGN(wanted, read_classes("--classes", each ? "all" : request.class_names, dataset));
  request.classes = std::move(wanted);
  SEGFACE_ASSIGN(mattes, read_classes("--matte", request.matte_names, dataset));
  request.mattes = std::move(mattes);
  SEGFACE_ASSIGN(kept, read_classes("--cutout", request.cutout_names, dataset));
  for (const Request::Class& part : kept) request.cutout |= part.labels;
  return {};
}

// Whether a result is there already; streams and devices never are.
inline bool exists(const std::string& path) {
  FileInfo info;
  return !path.empty() && path != kStandardStream && !is_standard_stream(path) && describe_path(path, info) == 0 &&
         info.kind == FileInfo::Kind::regular;
}
inline bool all_exist(const Outputs& outputs) {
  bool all = true;
  outputs.for_each([&](const char*, const std::string& path) { all = all && exists(path); });
  return all;
}

// No two results under one name, none in place of a photo or the weights, and none in place of an earlier result unless
// that is wanted. `inputs`: files that are read besides the photos.
inline Status check_outputs(const Request& request, const std::vector<std::string>& inputs) {
  std::map<std::string, std::string> writers;
  std::set<FileId::value_type> read;
  for (const std::string& path : inputs) {
    if (const FileId id = file_id(path)) read.insert(*id);
  }
  for (const Photo& photo : request.photos) {
    if (const FileId id = file_id(photo.path)) read.insert(*id);
  }
  std::size_t files = 0, existing = 0;
  std::string first;
  Status status;
  const auto check = [&](const std::string& path, const std::string& writer) {
    if (path.empty() || !status.ok()) return;
    ++files;
    const auto [earlier, fresh] = writers.emplace(path, writer);
    if (!fresh && path == request.out) {
      status =
          error(Errc::invalid_argument, "--out names one result, but these options make more than one of ", writer);
      return;
    }
    if (!fresh) {
      status = error(Errc::invalid_argument, "'", earlier->second, "' and '", writer, "' would both write '", path,
                     "'; rename one, or give each a call of its own");
      return;
    }
    const FileId id = file_id(path);
    if (id && read.count(*id) != 0) {
      status = error(Errc::output, path, ": is one of the files that are read; name another, or a directory with -o");
    } else if (exists(path) && existing++ == 0) {
      first = path;
    }
  };
  for (const Photo& photo : request.photos) {
    outputs_of(request, photo).for_each([&](const char*, const std::string& path) { check(path, photo.path); });
  }
  check(request.sheet, "--sheet");
  SEGFACE_RETURN_IF_ERROR(status);
  if (existing == 0 || request.force || request.skip_existing) return {};
  return error(Errc::output, first, ": exists already", existing > 1 ? ", and " : "",
               existing > 1 ? std::to_string(existing - 1) + " more of " + std::to_string(files) + " results do" : "",
               "; --force replaces results, --skip-existing leaves out photos that have theirs");
}

}  // namespace tool
