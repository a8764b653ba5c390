// FindingWorkspace: the work of a finder's call, and the memory it keeps between calls.
//
// YuNet looks at the photo with a longer side of 960 pixels, upright, and of 400, upright and turned by quarters (of one
// of 640: of 640 and 320), and where small faces are wanted at tiles of the photo itself. What it finds is made one box a face (distinct.hpp). O-Net
// then looks at each, in a window turned as the head is: it says whether this is a face, and places five points, from
// which the head's turn is known better, so it is asked again until the window is within 3 degrees of it. Where it is in
// doubt, it is asked in windows of other turns and sizes, as long as there is hope: that is what costs time.
// Traps: YuNet's own points do not turn with the head, and its upright boxes of heads on their side are good.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/engine/engine.hpp"
#include "segface/engine/finder_file.hpp"
#include "segface/engine/workspace.hpp"
#include "segface/faces/choosing.hpp"
#include "segface/faces/distinct.hpp"
#include "segface/faces/face.hpp"
#include "segface/faces/turned_window.hpp"
#include "segface/image/area.hpp"
#include "segface/image/image.hpp"
#include "segface/networks/detector/cells.hpp"
#include "segface/networks/detector/weights.hpp"

SEGFACE_BEGIN_CORE

// What O-Net says of a window.
struct WindowAnswer {
  TurnedWindow window;
  double difference = 0;      // of the logits: above 0 where it is a face
  Landmarks landmarks;        // in pixels of the photo
  Point box_first, box_last;  // the face's box, in parts of the window

  double roll() const noexcept { return roll_of(landmarks); }
  // How far the window is from upright for this face.
  double off() const noexcept { return normal_angle(roll() - window.degrees); }
  // The square around the box, turned to the face.
  TurnedWindow better_window() const noexcept {
    constexpr double kMostChange = 1.5;
    const double side =
        std::clamp(std::max(box_last.x - box_first.x, box_last.y - box_first.y), 1 / kMostChange, kMostChange);
    const Point middle = {std::clamp((box_first.x + box_last.x) / 2, 0.25, 0.75),
                          std::clamp((box_first.y + box_last.y) / 2, 0.25, 0.75)};
    return {window.to_photo(middle), window.side * side, roll()};
  }
};

// One caller's. Everything throws where memory runs out: call it inside guarded().
template <class Backend>
class FindingWorkspace {
 public:
  // Both engines have one executor.
  FindingWorkspace(std::shared_ptr<const Engine<YuNet, Backend>> finds,
                   std::shared_ptr<const Engine<ONet, Backend>> places)
      : executor_(finds->executor()), yunet_(std::move(finds)), onet_(std::move(places)) {
    questions_.reserve(kTogether);
  }

  Status find(const ImageView& photo, const FindOptions& options, Faces& faces) {
    std::vector<Proposal> proposals;
    const double least = kFaint * options.threshold;
    SEGFACE_RETURN_IF_ERROR(search_photo(photo, options, least, proposals));
    std::vector<Face> found;
    SEGFACE_RETURN_IF_ERROR(place(photo, distinct(std::move(proposals)), options.threshold, found));
    remove_doubles(found, options.threshold);
    faces = chosen(std::move(found), photo.width, photo.height, options);
    return {};
  }

  // What O-Net says of windows of the photo, one answer each: of faces whose places are about known. Of as many as in an
  // earlier call, it allocates nothing.
  Status follow(const ImageView& photo, const std::vector<TurnedWindow>& windows, std::vector<WindowAnswer>& answers) {
    answers.clear();
    for (std::size_t first = 0; first < windows.size(); first += kTogether) {
      followed_.clear();
      for (std::size_t i = first; i < std::min(first + kTogether, windows.size()); ++i) {
        Question& asked = question(i - first, nullptr, false);
        asked.surroundings.look(photo, windows[i], executor_);
        followed_.push_back({&asked, windows[i], {}});
      }
      SEGFACE_RETURN_IF_ERROR(ask(followed_));
      for (const Ask& a : followed_) answers.push_back(a.answer);
    }
    return {};
  }

  // The outputs of a self-test, see tools/finder/make_weights.py.
  Status replay(std::uint64_t seed, FinderSelfTest& outputs) {
    constexpr Index kSide = 64, kCount = static_cast<Index>(FinderSelfTest::kCount);
    const UniformSequence sequence("self_test", seed);
    const auto give = [&](double scale, double offset) {
      return [&sequence, scale, offset](const HostMap& input) {
        for (Index i = 0; i < input.rows() * 3; ++i) {
          input.row(i / 3)[i % 3] = static_cast<HostScalar>(offset + scale * sequence[static_cast<std::size_t>(i)]);
        }
      };
    };
    const auto read_cells = [&](auto& run, const auto& cells) {
      Index total = 0, first = 0;
      for (const auto& level : cells) total += level.rows();
      for (const auto& level : cells) {
        run.read(level, [&](const auto& host) {
          for (Index i = 0; i < kCount; ++i) {
            const Index at = (2 * i + 1) * total / (2 * kCount) - first;
            if (at >= 0 && at < host.rows()) {
              outputs.yunet[static_cast<std::size_t>(i)] = static_cast<float>(host.row(at)[i]);
            }
          }
        });
        first += level.rows();
      }
    };
    const auto read_answer = [&](auto& run, const auto& answers) {
      run.read(answers, [&](const auto& host) {
        for (Index i = 0; i < kCount; ++i)
          outputs.onet[static_cast<std::size_t>(i)] = static_cast<float>(host.row(0)[i]);
      });
    };
    SEGFACE_RETURN_IF_ERROR(yunet_.pass(1, kSide, kSide, give(127.5, 127.5), read_cells));
    return onet_.pass(1, onet::kSide, onet::kSide, give(1, 0), read_answer);
  }

  std::size_t bytes() const noexcept { return yunet_.bytes() + onet_.bytes(); }

 private:
  using HostScalar = HostScalarOf<Backend>;
  using HostMap = HostMapOf<Backend>;
  // Of pictures, which are never larger than the photo, and of tiles.
  static constexpr Index kLongSide = 960, kShortSide = 320, kTile = 640;

  // A picture that YuNet looks at, [1, height, width, 3] in blue, green, red, and where it is in the photo.
  struct Picture {
    Index width, height;
    double left, top, across, down;  // outer edge of the first pixel; pixels of the photo a pixel
    float* pixels;

    Picture(Index w, Index h, double x, double y, double photo_across, double photo_down, std::vector<float>& room)
        : width(w), height(h), left(x), top(y), across(photo_across), down(photo_down) {
      room.resize(std::max(room.size(), static_cast<std::size_t>(w * h * 3)));
      pixels = room.data();
    }
    Map<float> map() const noexcept { return {pixels, 1, height, width, 3, 3}; }
    const float* pixel(Index x, Index y) const noexcept { return pixels + (y * width + x) * 3; }
  };

  // ---- finding --------------------------------------------------------------------------------------------------

  Status search_photo(const ImageView& photo, const FindOptions& options, double least,
                      std::vector<Proposal>& proposals) {
    const Index longer = std::max(photo.width, photo.height);
    const Picture large = scaled(photo, std::min(longer, kLongSide));
    const bool turned = options.turns > 1;
    if (longer <= kShortSide) {
      return search(large, turned ? 4 : 1, least, proposals);
    }
    SEGFACE_RETURN_IF_ERROR(search(large, 1, least, proposals));
    const Picture small = smaller(large, photo, std::max(kShortSide, std::min(longer, kLongSide) * 5 / 12));
    SEGFACE_RETURN_IF_ERROR(search(small, turned ? 4 : 1, least, proposals));
    return options.small_faces && longer > kLongSide ? search_tiles(photo, least, proposals) : Status();
  }

  // The photo with a longer side of so many pixels.
  Picture scaled(const ImageView& photo, Index longer) {
    const auto [width, height] = scaled_sides(photo, longer);
    const Picture picture(width, height, 0, 0, ratio(photo.width, width), ratio(photo.height, height), pictures_[0]);
    columns_.set(0, picture.across, width, photo.width);
    rows_.set(0, picture.down, height, photo.height);
    average_area(photo, columns_, rows_, /*red_first=*/false, executor_, picture.map());
    return picture;
  }
  // The same from a larger picture of it.
  Picture smaller(const Picture& larger, const ImageView& photo, Index longer) {
    const auto [width, height] = scaled_sides(photo, longer);
    const Picture picture(width, height, 0, 0, ratio(photo.width, width), ratio(photo.height, height), pictures_[1]);
    columns_.set(0, ratio(larger.width, width), width, larger.width);
    rows_.set(0, ratio(larger.height, height), height, larger.height);
    average_area(Map<const float>(larger.map()), columns_, rows_, executor_, picture.map());
    return picture;
  }
  static std::pair<Index, Index> scaled_sides(const ImageView& photo, Index longer) noexcept {
    const double scale = ratio(longer, std::max(photo.width, photo.height));
    const auto side = [&](Index of_photo) {
      return std::max<Index>(1, static_cast<Index>(std::lround(scale * static_cast<double>(of_photo))));
    };
    return {side(photo.width), side(photo.height)};
  }
  static double ratio(Index a, Index b) noexcept { return static_cast<double>(a) / static_cast<double>(b); }

  // The photo in its own size, in tiles that overlap by more than the faces that the other sizes miss.
  Status search_tiles(const ImageView& photo, double least, std::vector<Proposal>& proposals) {
    constexpr Index kOverlap = 128, kStep = kTile - kOverlap;
    std::vector<Proposal> of_tile;
    for (Index y = 0; y == 0 || y + kOverlap < photo.height; y += kStep) {
      for (Index x = 0; x == 0 || x + kOverlap < photo.width; x += kStep) {
        const Picture tile(std::min(kTile, photo.width - x), std::min(kTile, photo.height - y), static_cast<double>(x),
                           static_cast<double>(y), 1, 1, pictures_[0]);
        columns_.set(tile.left, 1, tile.width, photo.width);
        rows_.set(tile.top, 1, tile.height, photo.height);
        average_area(photo, columns_, rows_, /*red_first=*/false, executor_, tile.map());
        of_tile.clear();
        SEGFACE_RETURN_IF_ERROR(search(tile, 1, least, of_tile));
        // A face that an inner edge cuts is whole in the next tile.
        const auto cut = [&](const Proposal& p) {
          const FaceBox& b = p.box;
          const auto beyond = [](double place, Index edge, Index last) {
            return edge > 0 && edge < last && place > static_cast<double>(edge) - 1;
          };
          return b.side() > static_cast<double>(kOverlap) || (x > 0 && b.x - b.width / 2 < tile.left + 1) ||
                 (y > 0 && b.y - b.height / 2 < tile.top + 1) ||
                 beyond(b.x + b.width / 2, x + tile.width, photo.width) ||
                 beyond(b.y + b.height / 2, y + tile.height, photo.height);
        };
        std::copy_if(of_tile.begin(), of_tile.end(), std::back_inserter(proposals),
                     [&](const Proposal& p) { return !cut(p); });
      }
    }
    return {};
  }

  // Adds what YuNet finds in the picture, upright, or turned by each quarter: two turns of one size are a batch.
  Status search(const Picture& picture, int turns, double least, std::vector<Proposal>& proposals) {
    const auto padded = [](Index side) { return (side + yunet::kMultiple - 1) / yunet::kMultiple * yunet::kMultiple; };
    for (int first = 0; first < std::min(turns, 2); ++first) {
      const Index width = padded(first == 0 ? picture.width : picture.height);
      const Index height = padded(first == 0 ? picture.height : picture.width);
      const Index batch = turns > 1 ? 2 : 1;
      const auto give = [&](const HostMap& input) {
        for (Index i = 0; i < batch; ++i) give_turned(picture, first + 2 * static_cast<int>(i), input.image(i));
      };
      Status listed;  // a pass cannot be left by an exception
      const auto list = [&](const HostViewOf<Backend>& cells, Index stride) -> Status {
        for (Index i = 0; i < batch; ++i) {
          const int turn = first + 2 * static_cast<int>(i);
          for_each_box(cells.image(i), stride, least, [&](const FaceBox& box) {
            proposals.push_back({in_photo(picture, turn, box), turn});
          });
        }
        return {};
      };
      SEGFACE_RETURN_IF_ERROR(yunet_.pass(batch, height, width, give, [&](auto& run, const auto& cells) {
        for (std::size_t level = 0; level < cells.size() && listed.ok(); ++level) {
          run.read(cells[level],
                   [&](const auto& host) { listed = guarded([&] { return list(host, yunet::kStrides[level]); }); });
        }
      }));
      SEGFACE_RETURN_IF_ERROR(listed);
    }
    return {};
  }

  // The picture turned so that heads are upright that are turned by so many quarters clockwise; zeros beyond it.
  void give_turned(const Picture& picture, int turn, const HostMap& input) const noexcept {
    executor_.for_each(input.height, [&](Index y, Index) {
      for (Index x = 0; x < input.width; ++x) {
        Index sx = x, sy = y;
        if (turn == 1) sx = picture.width - 1 - y, sy = x;
        if (turn == 2) sx = picture.width - 1 - x, sy = picture.height - 1 - y;
        if (turn == 3) sx = y, sy = picture.height - 1 - x;
        const bool inside = sx >= 0 && sy >= 0 && sx < picture.width && sy < picture.height;
        const float* const pixel = inside ? picture.pixel(sx, sy) : kBlack;
        for (int c = 0; c < 3; ++c) input.pixel(0, y, x)[c] = static_cast<HostScalar>(pixel[c]);
      }
    });
  }
  // A box of the turned picture in the photo.
  static FaceBox in_photo(const Picture& picture, int turn, const FaceBox& box) noexcept {
    const double right = static_cast<double>(picture.width - 1), bottom = static_cast<double>(picture.height - 1);
    FaceBox upright = box;
    if (turn == 1) upright.x = right - box.y, upright.y = box.x;
    if (turn == 2) upright.x = right - box.x, upright.y = bottom - box.y;
    if (turn == 3) upright.x = box.y, upright.y = bottom - box.x;
    if (turn % 2 == 1) std::swap(upright.width, upright.height);
    return {picture.left + (upright.x + 0.5) * picture.across - 0.5,
            picture.top + (upright.y + 0.5) * picture.down - 0.5, upright.width * picture.across,
            upright.height * picture.down, box.score};
  }

  // ---- placing --------------------------------------------------------------------------------------------------

  // A face that O-Net is asked about.
  struct Question {
    const Proposal* proposal = nullptr;
    Surroundings surroundings = {};
    bool likely = false;       // YuNet is sure of it
    double highest = kLowest;  // difference of all answers
    WindowAnswer answer = {};

    bool is_sure() const noexcept { return answer.difference >= kSure; }
    // How good an answer is. Where YuNet is sure of a head, it is within 60 degrees of upright in the picture that it was
    // found in: an answer against that must be clearly surer than others.
    double merit(const WindowAnswer& a) const noexcept {
      constexpr double kSeen = 60, kAgainst = 2;
      const bool against = likely && std::fabs(normal_angle(a.roll() - 90.0 * proposal->turn)) > kSeen;
      return a.difference - (against ? kAgainst : 0);
    }
  };
  struct Ask {
    Question* question;
    TurnedWindow window;
    WindowAnswer answer;
    Ask* before = nullptr;
  };

  // So many faces at a time, so that their surroundings need little memory.
  static constexpr std::size_t kTogether = 16;

  Status place(const ImageView& photo, const std::vector<Proposal>& proposals, double threshold,
               std::vector<Face>& faces) {
    for (std::size_t first = 0; first < proposals.size(); first += kTogether) {
      const std::size_t count = std::min(kTogether, proposals.size() - first);
      for (std::size_t i = 0; i < count; ++i) {
        const FaceBox& box = proposals[first + i].box;
        question(i, &proposals[first + i], box.score >= threshold)
            .surroundings.look(photo, {box.x, box.y}, box.side(), executor_);
      }
      const Span<Question> questions = {questions_.data(), count};
      SEGFACE_RETURN_IF_ERROR(answer(questions));
      for (const Question& asked : questions) faces.push_back(face(asked));
    }
    return {};
  }
  // Number `at` of those that are asked at a time, in memory that is kept: it stays where it is.
  Question& question(std::size_t at, const Proposal* proposal, bool likely) {
    while (questions_.size() <= at) questions_.emplace_back();
    Question& asked = questions_[at];
    asked.proposal = proposal, asked.likely = likely;
    asked.highest = kLowest, asked.answer = {};
    return asked;
  }

  static Face face(const Question& question) noexcept {
    const FaceBox& box = question.proposal->box;
    const WindowAnswer& answer = question.answer;
    return {{box.x + 0.5 - box.width / 2, box.y + 0.5 - box.height / 2, box.width, box.height},
            answer.landmarks,
            box.score,
            sigmoid(answer.difference),
            answer.roll()};
  }

  // Differences of the logits: a probability of 0.99; from which on the head is turned to at once, and below which more
  // windows are in vain: of the four quarter turns, and of all.
  static constexpr double kSure = 5, kFair = 1, kHopeless = -1, kUnlikely = 0, kLowest = -1000;

  // The first window is turned as the picture was that the face was found in. Where O-Net is not sure of it, or sees a
  // head far from upright, the other quarters follow, and then, around the best of these, the turns between and windows
  // that are closer: boxes of turned heads are large. The last are few where YuNet is not sure either.
  Status answer(Span<Question> questions) {
    constexpr double kFar = 40, kClose = 0.65;
    const auto around = [](Question& question, double degrees, double part) {
      const FaceBox& box = question.proposal->box;
      return Ask{&question, {{box.x, box.y}, part * box.side(), degrees}, {}};
    };
    const auto leave_out = [](std::vector<Ask>& asks, const auto& which) {
      asks.erase(std::remove_if(asks.begin(), asks.end(), which), asks.end());
    };
    const auto is_answered = [](const Ask& a) { return a.question->is_sure(); };
    const auto is_below = [](double least) {
      return [least](const Ask& a) { return !a.question->likely && a.question->highest < least; };
    };
    std::vector<Ask> asks;
    for (Question& q : questions) asks.push_back(around(q, 90.0 * q.proposal->turn, 1));
    SEGFACE_RETURN_IF_ERROR(ask(asks));
    std::vector<Ask> likely = asks;
    leave_out(likely, [](const Ask& a) { return a.answer.difference < kSure || std::fabs(a.answer.off()) > kFar; });
    SEGFACE_RETURN_IF_ERROR(turn_upright(std::move(likely), 1, 1));

    leave_out(asks, is_answered);
    std::vector<Ask> more;
    for (const Ask& a : asks) {
      for (int turn = 1; turn < 4; ++turn) more.push_back(around(*a.question, a.window.degrees + 90.0 * turn, 1));
    }
    SEGFACE_RETURN_IF_ERROR(ask(more));
    asks.insert(asks.end(), more.begin(), more.end());
    leave_out(asks, is_below(kHopeless));
    likely = asks;
    leave_out(likely, [](const Ask& a) { return a.answer.difference < kFair; });
    SEGFACE_RETURN_IF_ERROR(turn_upright(std::move(likely), 1, 1));

    leave_out(asks, is_answered);
    std::vector<Ask> best = asks;
    keep_promising(best, 1, 1);
    more.clear();
    for (const Ask& a : best) {
      for (int eighth = 0; eighth < 8; ++eighth) {
        const bool opposite = eighth == 3 || eighth == 5;
        if (opposite && !a.question->likely) continue;
        const double degrees = a.window.degrees + 45.0 * eighth;
        more.push_back(around(*a.question, degrees, kClose));
        if (eighth % 2 == 1) more.push_back(around(*a.question, degrees, 1));
      }
    }
    SEGFACE_RETURN_IF_ERROR(ask(more));
    asks.insert(asks.end(), more.begin(), more.end());
    leave_out(asks, is_below(kUnlikely));
    return turn_upright(std::move(asks), 3, 6);
  }

  // Leaves the most promising asks of each question, so many of them.
  static void keep_promising(std::vector<Ask>& asks, std::size_t most, std::size_t most_of_likely) {
    std::stable_sort(asks.begin(), asks.end(), [](const Ask& a, const Ask& b) {
      return a.question != b.question ? a.question < b.question : a.answer.difference > b.answer.difference;
    });
    std::vector<Ask> kept;
    for (std::size_t i = 0; i < asks.size(); ++i) {
      const std::size_t before = asks[i].question->likely ? most_of_likely : most;
      if (i < before || asks[i - before].question != asks[i].question) kept.push_back(asks[i]);
    }
    asks = std::move(kept);
  }

  // Asks again in windows turned to the heads and moved to them, so many of each question once, the best of these until
  // it is upright, and keeps the best answer of each question.
  Status turn_upright(std::vector<Ask> likely, std::size_t most, std::size_t most_of_likely) {
    constexpr double kUpright = 3;
    constexpr int kMostTurns = 5;
    for (int i = 0; i < kMostTurns; ++i) {
      keep_promising(likely, most, most_of_likely);
      most = most_of_likely = 1;
      std::vector<Ask> asks;
      for (Ask& a : likely) {
        if (i == 0 || std::fabs(a.answer.off()) >= kUpright) {
          asks.push_back({a.question, a.answer.better_window(), {}, &a});
        }
      }
      SEGFACE_RETURN_IF_ERROR(ask(asks));
      for (const Ask& a : asks) a.before->answer = a.answer;
    }
    for (const Ask& a : likely) {
      if (a.question->merit(a.answer) > a.question->merit(a.question->answer)) a.question->answer = a.answer;
    }
    return {};
  }

  Status ask(std::vector<Ask>& asks) {
    for (std::size_t first = 0; first < asks.size(); first += kTogether) {
      const auto count = static_cast<Index>(std::min(kTogether, asks.size() - first));
      windows_.resize(static_cast<std::size_t>(count * kWindowFloats));
      const auto give = [&](const HostMap& input) {
        executor_.for_each(count, [&](Index i, Index) {
          const Ask& a = asks[first + static_cast<std::size_t>(i)];
          const Map<float> shown = {windows_.data() + i * kWindowFloats, 1, onet::kSide, onet::kSide, 3, 3};
          a.question->surroundings.show(a.window, shown);
          for (Index r = 0; r < shown.rows(); ++r) {
            for (Index c = 0; c < 3; ++c) input.image(i).row(r)[c] = static_cast<HostScalar>(shown.row(r)[c]);
          }
        });
      };
      SEGFACE_RETURN_IF_ERROR(onet_.pass(count, onet::kSide, onet::kSide, give, [&](auto& run, const auto& answers) {
        run.read(answers, [&](const auto& host) {
          for (Index i = 0; i < count; ++i) {
            Ask& a = asks[first + static_cast<std::size_t>(i)];
            a.answer = read_answer(host.row(i), a.window);
            a.question->highest = std::max(a.question->highest, a.answer.difference);
          }
        });
      }));
    }
    return {};
  }

  static WindowAnswer read_answer(const HostScalar* answer, const TurnedWindow& window) noexcept {
    const auto at = [&](Index i) { return static_cast<double>(answer[i]); };
    const auto point = [&](Index i) { return window.to_photo({at(onet::kPoints + i), at(onet::kPoints + 5 + i)}); };
    if (!all_finite(answer, onet::kAnswer)) {
      const Point middle = window.to_photo({0.5, 0.5});
      return {window, -kSure, {middle, middle, middle, middle, middle}, {0, 0}, {1, 1}};
    }
    return {window,
            at(onet::kFace) - at(onet::kNoFace),
            Landmarks{point(0), point(1), point(2), point(3), point(4)},
            {at(onet::kBox), at(onet::kBox + 1)},
            {1 + at(onet::kBox + 2), 1 + at(onet::kBox + 3)}};
  }

  static constexpr double kFaint = 1.0 / 3;  // part of the threshold from which on O-Net is asked

  static constexpr float kBlack[3] = {0, 0, 0};
  static constexpr Index kWindowFloats = onet::kSide * onet::kSide * 3;

  Executor& executor_;
  EngineWorkspace<YuNet, Backend> yunet_;
  EngineWorkspace<ONet, Backend> onet_;
  AreaAxis columns_, rows_;
  std::vector<float> pictures_[2], windows_;
  std::vector<Question> questions_;  // at most kTogether
  std::vector<Ask> followed_;
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
