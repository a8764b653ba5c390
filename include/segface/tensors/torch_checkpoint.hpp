// TorchCheckpoint: the tensors of a file written by torch.save, read without PyTorch and without running its code.
//
// Such a file is a zip archive NAME/{data.pkl, byteorder, data/0, data/1, ..., version}. data.pkl is a pickle whose
// tensors are calls torch._utils._rebuild_tensor_v2(storage, offset, sizes, strides, ...) with a storage that names
// its record data/K; see pickle.hpp for why no call can do harm. SegFace's model_299.pt (official save in
// train.py of Kartik-3004/SegFace) holds {epoch, iteration, state_dict_backbone, optimizer, scheduler}; only the
// state dict's records are ever read, one tensor at a time, straight into the caller's memory.
//
// Every view is checked against its storage, and every storage against its record, when the file is opened. A
// record's CRC is checked when it is first read. There is one path: what is not such a file is refused by name, and
// never tried as something else.
//
// Traps: tensors may share a storage, be transposed or expanded, and are then gathered; values in a state dict that
// are plain data rather than tensors (a number, a text) are left out and listed by skipped().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/byte_reader.hpp"
#include "segface/base/config.hpp"
#include "segface/base/file.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/foreign_format.hpp"
#include "segface/tensors/pickle.hpp"
#include "segface/tensors/strided_view.hpp"
#include "segface/tensors/tensor_source.hpp"
#include "segface/tensors/zip_archive.hpp"

SEGFACE_BEGIN_CORE

struct TorchCheckpointOptions {
  bool strict = false;  // refuse code that is not a tensor's anywhere in the file, not only in the state dict
};

class TorchCheckpoint final : public TensorSource {
 public:
  using Options = TorchCheckpointOptions;

  static constexpr std::size_t kMaxPickleBytes = std::size_t{64} << 20;
  static constexpr std::size_t kMaxTensors = 16384;  // entries of the state dict
  static constexpr std::size_t kMaxNameBytes = 512;
  static constexpr std::size_t kMaxTopLevel = 20;                        // keys that are kept for messages
  static constexpr std::size_t kMaxSharedBytes = std::size_t{16} << 20;  // of tensors beyond those of the file

  // Reads the directory and data.pkl. Errors: io; bad_format, bad_layout, corrupt (damaged); unsupported_format
  // (not such a checkpoint; the message says how to make one); unsupported_global (code where a tensor belongs);
  // unsupported_dtype; unsupported_opcode; missing_tensor (no state dict); duplicate_tensor; limit_exceeded.
  static Result<TorchCheckpoint> open(const std::string& path, const Options& options = {}) noexcept {
    return guarded([&]() -> Result<TorchCheckpoint> {
      SEGFACE_ASSIGN(file, InputFile::open(path));
      return make(ByteReader(std::move(file)), path, options);
    });
  }

  // The same from memory, which must outlive the checkpoint.
  static Result<TorchCheckpoint> from_memory(Bytes bytes, const Options& options = {}) noexcept {
    return guarded([&]() -> Result<TorchCheckpoint> { return make(ByteReader(bytes), "memory", options); });
  }

  const std::string& name() const noexcept override { return name_; }
  std::size_t size() const noexcept override { return infos_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return infos_[index]; }

  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    return in_context(read_view(index, out), name_, ": tensor '", infos_[index].name, "'");
  }

  // The first keys of the file's outermost dictionary ("epoch", "state_dict_backbone", ...), for messages.
  const std::vector<std::string>& top_level() const noexcept { return top_level_; }
  // Names in the state dict whose values are plain data, not tensors.
  const std::vector<std::string>& skipped() const noexcept { return skipped_; }

 private:
  using Kind = Pickle::Kind;
  using Id = Pickle::Id;

  struct View {
    std::size_t record = 0;    // the archive's entry
    std::size_t elements = 0;  // in the record
    StridedView where;
  };

  struct Storage {
    std::size_t record = 0;
    std::uint64_t numel = 0;  // bytes where untyped
    bool typed = false;
    DType dtype = DType::f32;
  };

  struct DTypeRow {
    const char* storage;
    const char* dtype;
    DType type;
  };
  static constexpr DTypeRow kDTypes[] = {
      {"FloatStorage", "float32", DType::f32},      {"HalfStorage", "float16", DType::f16},
      {"BFloat16Storage", "bfloat16", DType::bf16}, {"DoubleStorage", "float64", DType::f64},
      {"LongStorage", "int64", DType::i64},         {"IntStorage", "int32", DType::i32},
      {"ShortStorage", "int16", DType::i16},        {"CharStorage", "int8", DType::i8},
      {"ByteStorage", "uint8", DType::u8},          {"BoolStorage", "bool", DType::boolean},
  };

  // Where a state dict is looked for, in this order, before the top level itself.
  static constexpr std::string_view kStateDictKeys[] = {
      "state_dict_backbone", "state_dict", "model_state_dict", "model", "module", "net"};

  static constexpr const char* kSaveStateDict =
      "load it in PyTorch and save the state dict alone: torch.save(model.state_dict(), path)";
  static constexpr std::size_t kNoRank = SIZE_MAX;
  static constexpr const char* kSaveAgain =
      "load it in PyTorch 1.6 or later and save it again: torch.save(torch.load(path, map_location='cpu'), path)";

  TorchCheckpoint(std::string name, ZipArchive archive) noexcept
      : name_(std::move(name)), archive_(std::move(archive)) {}

  static Result<TorchCheckpoint> make(ByteReader reader, const std::string& name, const Options& options) {
    Status status = check_magic(reader);
    if (!status.ok()) return in_context(status, name);
    auto archive = ZipArchive::open(std::move(reader));
    if (!archive.ok()) return in_context(archive.error(), name);
    TorchCheckpoint checkpoint(name, std::move(*archive));
    status = checkpoint.load(options);
    if (!status.ok()) return in_context(status, name);
    return Result<TorchCheckpoint>(std::move(checkpoint));
  }

  // --- The archive -------------------------------------------------------------------------------------------

  // Names what else the file may be.
  static Status check_magic(const ByteReader& reader) noexcept {
    char bytes[kForeignFormatBytes] = {};
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(reader.size(), sizeof bytes));
    SEGFACE_RETURN_IF_ERROR(reader.read_at(0, bytes, size));
    const std::string_view front(bytes, size);
    if (front.substr(0, 4) == "PK\x03\x04") return {};
    if (const ForeignFormat* format = foreign_format(front)) {
      return error(Errc::unsupported_format, "this looks like ", format->what, ", expected a PyTorch checkpoint; ",
                   format->advice);
    }
    if (bytes[8] == '{') {
      return error(Errc::unsupported_format, "looks like safetensors, expected a PyTorch checkpoint");
    }
    return error(Errc::bad_format, "not a PyTorch checkpoint: the file does not begin as a zip archive does");
  }

  Status load(const Options& options) {
    std::string folder;
    SEGFACE_RETURN_IF_ERROR(find_folder(folder));
    SEGFACE_RETURN_IF_ERROR(check_version(folder));
    const std::size_t record = *archive_.find(folder + "data.pkl");
    if (archive_[record].size > kMaxPickleBytes) {
      return error(Errc::limit_exceeded, "data.pkl has ", archive_[record].size, " bytes, at most ", kMaxPickleBytes,
                   " are read");
    }
    SEGFACE_ASSIGN(bytes, Buffer<std::uint8_t>::make(static_cast<std::size_t>(archive_[record].size)));
    SEGFACE_RETURN_IF_ERROR(archive_.read(record, bytes.data()));
    SEGFACE_ASSIGN(pickle, Pickle::parse(bytes.span()));
    if (options.strict) SEGFACE_RETURN_IF_ERROR(check_globals(pickle));
    Id state_dict = 0;
    SEGFACE_RETURN_IF_ERROR(find_state_dict(pickle, state_dict));
    return load_state_dict(pickle, state_dict, folder + "data/");
  }

  // The one folder that every entry lies in, with its slash.
  Status find_folder(std::string& folder) const {
    constexpr std::string_view kPickle = "/data.pkl";
    for (std::size_t i = 0; i < archive_.size() && folder.empty(); ++i) {
      const std::string& name = archive_[i].name;
      const std::size_t slash = name.find('/');
      if (slash != std::string::npos && name.substr(slash) == kPickle) folder = name.substr(0, slash + 1);
    }
    if (folder.empty()) return not_a_checkpoint();
    for (std::size_t i = 0; i < archive_.size(); ++i) {
      const std::string& name = archive_[i].name;
      if (name.compare(0, folder.size(), folder) != 0) {
        return error(Errc::bad_format, "the zip entry '", name, "' is outside the folder '", folder, "'");
      }
      if (name == folder + "constants.pkl" || name.compare(folder.size(), 5, "code/") == 0) {
        return error(Errc::unsupported_format, "a TorchScript archive (a program), not a checkpoint; ", kSaveStateDict);
      }
    }
    for (std::size_t i = 0; i < archive_.size(); ++i) SEGFACE_RETURN_IF_ERROR(archive_.require_stored(i));
    return {};
  }

  // A zip archive that torch.save did not write may be a downloaded folder with a checkpoint inside.
  Status not_a_checkpoint() const {
    constexpr std::string_view kEndings[] = {".pt", ".pth", ".ckpt", ".bin", ".safetensors"};
    for (std::size_t i = 0; i < archive_.size(); ++i) {
      const std::string_view name = archive_[i].name;
      for (const std::string_view ending : kEndings) {
        if (name.size() <= ending.size() || name.substr(name.size() - ending.size()) != ending) continue;
        return error(Errc::unsupported_format, "a zip archive that holds '", name,
                     "', not a checkpoint itself; unpack it and take that file");
      }
    }
    return error(Errc::unsupported_format, "a zip archive without NAME/data.pkl, not a PyTorch checkpoint");
  }

  // Format versions 1 to 10, little-endian. Files of the first versions have no byteorder: they are little-endian.
  Status check_version(const std::string& folder) const {
    std::string version, byteorder = "little";
    SEGFACE_RETURN_IF_ERROR(read_word(folder + "version", version));
    SEGFACE_RETURN_IF_ERROR(read_word(folder + "byteorder", byteorder));
    const bool known = (version.size() == 1 && version[0] >= '1' && version[0] <= '9') || version == "10";
    if (!known) return error(Errc::unsupported_format, "format version '", version, "', expected 1 to 10");
    if (byteorder != "little") {
      return error(Errc::unsupported_format, "byte order '", byteorder, "', expected 'little'; ", kSaveAgain);
    }
    return {};
  }

  // The content of a tiny entry without its end of line; `word` stays as it is where there is none.
  Status read_word(const std::string& entry, std::string& word) const {
    const auto record = archive_.find(entry);
    if (!record) return {};
    std::uint8_t bytes[16];
    const std::uint64_t size = archive_[*record].size;
    if (size > sizeof bytes) return error(Errc::bad_format, "'", entry, "' has ", size, " bytes, expected one word");
    SEGFACE_RETURN_IF_ERROR(archive_.read(*record, bytes));
    word.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    while (!word.empty() && (word.back() == '\n' || word.back() == '\r')) word.pop_back();
    return {};
  }

  // --- The pickle --------------------------------------------------------------------------------------------

  static Status check_globals(const Pickle& pickle) noexcept {
    for (const Id id : pickle.globals()) {
      if (!is_known(pickle.module(id), pickle.name(id))) {
        return error(Errc::unsupported_global, "data.pkl refers to ", pickle.module(id), ".", pickle.name(id),
                     ", which strict reading refuses anywhere in the file");
      }
    }
    return {};
  }

  // Names that stand for data: tensors, and the containers that optimizers and schedulers are saved in.
  static bool is_known(std::string_view module, std::string_view name) noexcept {
    constexpr std::string_view kKnown[][2] = {
        {"collections", "OrderedDict"},
        {"collections", "Counter"},
        {"collections", "defaultdict"},
        {"torch._utils", "_rebuild_tensor"},
        {"torch._utils", "_rebuild_tensor_v2"},
        {"torch._utils", "_rebuild_tensor_v3"},
        {"torch._utils", "_rebuild_parameter"},
        {"torch._utils", "_rebuild_parameter_with_state"},
        {"torch.storage", "UntypedStorage"},
        {"torch", "Size"},
        {"torch", "device"},
        {"builtins", "set"},
        {"__builtin__", "set"},
    };
    const auto is_row = [&](const std::string_view(&row)[2]) { return row[0] == module && row[1] == name; };
    const auto is_dtype = [&](const DTypeRow& row) { return name == row.storage || name == row.dtype; };
    return std::any_of(std::begin(kKnown), std::end(kKnown), is_row) ||
           (module == "torch" && std::any_of(std::begin(kDTypes), std::end(kDTypes), is_dtype));
  }

  // A call that makes a tensor, or seems to.
  static bool is_tensor(const Pickle& pickle, Id id) noexcept {
    return pickle.is(id, Kind::object) && pickle.module(id) == "torch._utils";
  }

  Status find_state_dict(const Pickle& pickle, Id& state_dict) {
    const Id root = pickle.root();
    if (is_tensor(pickle, root)) return error(Errc::missing_tensor, "one bare tensor, expected a state dict");
    if (pickle.is(root, Kind::object)) return refuse_object(pickle, root, "the file");
    if (!pickle.is(root, Kind::dict)) return error(Errc::missing_tensor, "no dictionary, expected a state dict");

    bool has_tensor = false;
    std::size_t nearest = kNoRank;
    for (auto item = pickle.items(root).begin(); item != pickle.items(root).end(); ++item) {
      const Id key = *item;
      const Id value = *++item;
      has_tensor = has_tensor || is_tensor(pickle, value);
      if (!pickle.is(key, Kind::text)) continue;
      if (top_level_.size() < kMaxTopLevel) top_level_.emplace_back(pickle.text(key).substr(0, kMaxNameBytes));
      const std::size_t rank = rank_of(pickle, pickle.text(key), value);
      if (rank < nearest) {
        nearest = rank;
        state_dict = value;
      }
    }
    if (nearest == kNoRank) {
      state_dict = root;
      return has_tensor ? Status() : no_state_dict();
    }
    if (pickle.is(state_dict, Kind::dict)) return {};
    return refuse_object(pickle, state_dict, kStateDictKeys[nearest % std::size(kStateDictKeys)]);
  }

  // The place of an entry of the top level among those that may be the state dict: dictionaries first, then objects.
  static std::size_t rank_of(const Pickle& pickle, std::string_view key, Id value) noexcept {
    constexpr std::size_t kKeys = std::size(kStateDictKeys);
    const auto at = static_cast<std::size_t>(std::find(kStateDictKeys, kStateDictKeys + kKeys, key) - kStateDictKeys);
    if (at == kKeys) return kNoRank;
    if (pickle.is(value, Kind::dict)) return at;
    return pickle.is(value, Kind::object) && !is_tensor(pickle, value) ? kKeys + at : kNoRank;
  }

  static Status refuse_object(const Pickle& pickle, Id object, std::string_view where) noexcept {
    return error(Errc::unsupported_format, where, " holds an object of ", pickle.module(object), ".",
                 pickle.name(object), " instead of a state dict; ", kSaveStateDict);
  }

  Status no_state_dict() const noexcept {
    Message found;
    for (std::size_t i = 0; i < top_level_.size(); ++i) {
      append_parts(found, i == 0 ? "" : ", ", std::string_view(top_level_[i]).substr(0, 40));
    }
    if (top_level_.size() == kMaxTopLevel) found.append(", ...");
    Message expected;
    for (const std::string_view key : kStateDictKeys) append_parts(expected, key, ", ");
    return error(Errc::missing_tensor, "no state dict: expected a dictionary under one of ", expected.view(),
                 "or tensors at the top level, found {", found.view(), "}");
  }

  Status load_state_dict(const Pickle& pickle, Id state_dict, const std::string& folder) {
    std::size_t entries = 0, bytes = 0;
    for (auto item = pickle.items(state_dict).begin(); item != pickle.items(state_dict).end(); ++item) {
      const Id key = *item;
      const Id value = *++item;
      if (!pickle.is(key, Kind::text)) return error(Errc::bad_format, "a name in the state dict is no text");
      // A name that is remembered costs an entry a few bytes in the file, so each is measured before it is copied.
      if (++entries > kMaxTensors) return too_many("entries in the state dict", kMaxTensors);
      if (pickle.size(key) > kMaxNameBytes) return too_many("bytes in the name of a tensor", kMaxNameBytes);
      const std::string name(pickle.text(key));
      if (pickle.kind(value) < Kind::global) {
        skipped_.push_back(name);
        continue;
      }
      TensorInfo info;
      View view;
      info.name = name;
      SEGFACE_RETURN_IF_ERROR(in_context(parse_tensor(pickle, value, folder, info, view), "tensor '", name, "'"));
      if (info.bytes() > PTRDIFF_MAX - bytes) return error(Errc::overflow, "the tensors do not fit in memory");
      bytes += info.bytes();
      infos_.push_back(std::move(info));
      views_.push_back(view);
    }
    if (infos_.empty()) return no_state_dict();
    SEGFACE_RETURN_IF_ERROR(check_names());
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < archive_.size(); ++i) held += archive_[i].size;
    if (bytes <= held || bytes - held <= kMaxSharedBytes) return {};
    return error(Errc::limit_exceeded, "the tensors have ", bytes, " bytes, the file holds ", held,
                 "; tensors that share or repeat more than ", kMaxSharedBytes,
                 " bytes are not read; save clones of them");
  }

  static Status too_many(const char* what, std::size_t limit) noexcept {
    return error(Errc::limit_exceeded, "more than ", limit, " ", what);
  }

  Status check_names() const {
    std::vector<std::string_view> names;
    for (const TensorInfo& info : infos_) names.push_back(info.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    return twice == names.end() ? Status()
                                : error(Errc::duplicate_tensor, "the state dict has '", *twice, "' more than once");
  }

  // --- A tensor ----------------------------------------------------------------------------------------------

  // _rebuild_parameter(tensor, ...), or _rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks
  // [, metadata]); _rebuild_tensor ends after the strides, _rebuild_tensor_v3 has a dtype before the metadata.
  Status parse_tensor(const Pickle& pickle, Id value, const std::string& folder, TensorInfo& info, View& view) const {
    Id call = value;
    Id arguments[8] = {};
    std::size_t count = open_call(pickle, call, arguments);
    if (is_call_of(pickle, call, "_rebuild_parameter") || is_call_of(pickle, call, "_rebuild_parameter_with_state")) {
      if (count == 0) return error(Errc::bad_format, "a parameter without its tensor");
      call = arguments[0];
      count = open_call(pickle, call, arguments);
    }
    const bool v3 = is_call_of(pickle, call, "_rebuild_tensor_v3");
    const std::size_t fixed = is_call_of(pickle, call, "_rebuild_tensor") ? 4 : v3 ? 7 : 6;
    if (fixed == 6 && !is_call_of(pickle, call, "_rebuild_tensor_v2")) return refuse_call(pickle, call);
    if (count < fixed || count > (fixed == 4 ? 4 : fixed + 1)) {
      return error(Errc::bad_format, pickle.name(call), " has ", count, " arguments, expected ", fixed);
    }
    if (count > fixed && pickle.kind(arguments[fixed]) != Kind::none && pickle.size(arguments[fixed]) != 0) {
      return error(Errc::unsupported_dtype, "a conjugated or negated view; save tensor.resolve_conj().resolve_neg()");
    }

    Storage storage;
    SEGFACE_RETURN_IF_ERROR(parse_storage(pickle, arguments[0], folder, storage));
    if (v3) {
      SEGFACE_RETURN_IF_ERROR(find_dtype(pickle, arguments[6], &DTypeRow::dtype, storage.dtype));
    } else if (!storage.typed) {
      return error(Errc::unsupported_dtype, "an untyped storage without a dtype");
    }
    info.dtype = storage.dtype;
    SEGFACE_RETURN_IF_ERROR(parse_layout(pickle, arguments, view.where));
    info.shape = view.where.shape;
    return check_view(storage, info, view);
  }

  static std::size_t open_call(const Pickle& pickle, Id call, Id (&arguments)[8]) noexcept {
    return pickle.is(call, Kind::object) ? pickle.unpack(pickle.arguments(call), arguments, 8) : 0;
  }
  static bool is_call_of(const Pickle& pickle, Id id, std::string_view function) noexcept {
    return is_tensor(pickle, id) && pickle.name(id) == function;
  }

  static Status refuse_call(const Pickle& pickle, Id id) noexcept {
    if (is_tensor(pickle, id)) {
      return error(Errc::unsupported_dtype, "made by ", pickle.name(id),
                   "; only plain dense tensors are read, not sparse, quantized, complex or meta ones");
    }
    if (pickle.module(id).empty()) return error(Errc::bad_format, "neither a tensor nor plain data");
    return error(Errc::unsupported_global, "refers to ", pickle.module(id), ".", pickle.name(id),
                 " where a tensor belongs; nothing was run. If the file is to be trusted, ", kSaveStateDict);
  }

  // ('storage', torch.FloatStorage, '17', 'cuda:0', 1000): type, record, device, elements.
  Status parse_storage(const Pickle& pickle, Id id, const std::string& folder, Storage& storage) const {
    Id tuple = 0;
    Id parts[5] = {};
    if (!pickle.is(id, Kind::persistent) || pickle.unpack(id, &tuple, 1) != 1 || !pickle.is(tuple, Kind::tuple) ||
        pickle.unpack(tuple, parts, 5) != 5 || !pickle.is(parts[0], Kind::text) || pickle.text(parts[0]) != "storage" ||
        !pickle.is(parts[1], Kind::global) || !pickle.is(parts[2], Kind::text)) {
      return error(Errc::bad_format, "its storage is not ('storage', type, key, device, elements)");
    }
    storage.typed = !pickle.is_global(parts[1], "torch.storage", "UntypedStorage");
    if (storage.typed) {
      SEGFACE_RETURN_IF_ERROR(find_dtype(pickle, parts[1], &DTypeRow::storage, storage.dtype));
    }
    const std::string_view key = pickle.text(parts[2]);
    const auto record = archive_.find(folder + std::string(key));
    if (!record) return error(Errc::bad_format, "its record '", key, "' is missing from the archive");
    storage.record = *record;
    return whole_number(pickle, parts[4], "the storage's size", storage.numel);
  }

  static Status find_dtype(const Pickle& pickle, Id id, const char* DTypeRow::*column, DType& dtype) noexcept {
    for (const DTypeRow& row : kDTypes) {
      if (pickle.is_global(id, "torch", row.*column)) {
        dtype = row.type;
        return {};
      }
    }
    if (pickle.module(id) != "torch") {
      return error(Errc::unsupported_global, "refers to ", pickle.module(id), ".", pickle.name(id),
                   " where a number format belongs; nothing was run");
    }
    return error(Errc::unsupported_dtype, "holds torch.", pickle.name(id),
                 ", expected float16, bfloat16, float32, float64, an integer type or bool");
  }

  static Status whole_number(const Pickle& pickle, Id id, const char* what, std::uint64_t& value) noexcept {
    if (pickle.is(id, Kind::big_integer)) return error(Errc::overflow, what, " does not fit into 64 bits");
    if (!pickle.is(id, Kind::integer)) return error(Errc::bad_format, what, " is no whole number");
    if (pickle.integer(id) < 0) return error(Errc::bad_layout, what, " is negative: ", pickle.integer(id));
    value = static_cast<std::uint64_t>(pickle.integer(id));
    return {};
  }

  // A number of elements; where it does not fit, as many as no storage has. Traps: std::size_t may have 32 bits.
  static std::size_t in_memory(std::uint64_t number) noexcept {
    return static_cast<std::size_t>(std::min<std::uint64_t>(number, SIZE_MAX));
  }

  // Arguments 1 to 3 of a rebuild: offset, sizes, strides.
  static Status parse_layout(const Pickle& pickle, const Id* arguments, StridedView& where) noexcept {
    std::uint64_t number = 0;
    SEGFACE_RETURN_IF_ERROR(whole_number(pickle, arguments[1], "the offset", number));
    where.offset = in_memory(number);
    Id sizes[Shape::kMaxRank];
    Id strides[Shape::kMaxRank];
    if (!pickle.is(arguments[2], Kind::tuple) || !pickle.is(arguments[3], Kind::tuple)) {
      return error(Errc::bad_format, "its sizes and strides are not tuples");
    }
    const std::size_t rank = pickle.unpack(arguments[2], sizes, Shape::kMaxRank);
    if (pickle.unpack(arguments[3], strides, Shape::kMaxRank) != rank) {
      return error(Errc::bad_layout, "it has ", rank, " sizes and ", pickle.size(arguments[3]), " strides");
    }
    if (rank > Shape::kMaxRank) {
      return error(Errc::limit_exceeded, "it has ", rank, " dimensions, at most ", Shape::kMaxRank, " are read");
    }
    where.shape.rank = static_cast<int>(rank);
    for (std::size_t i = 0; i < rank; ++i) {
      SEGFACE_RETURN_IF_ERROR(whole_number(pickle, sizes[i], "a size", number));
      if (number > PTRDIFF_MAX) return error(Errc::overflow, "a size of ", number, " does not fit in memory");
      where.shape.dims[i] = static_cast<Index>(number);
      SEGFACE_RETURN_IF_ERROR(whole_number(pickle, strides[i], "a stride", number));
      where.strides[i] = in_memory(number);
    }
    return {};
  }

  // Storage against record, and view against storage: after this, no element can lie outside.
  Status check_view(const Storage& storage, const TensorInfo& info, View& view) const noexcept {
    const std::size_t item = bytes_of(info.dtype);
    const std::uint64_t record_bytes = archive_[storage.record].size;
    const std::uint64_t unit = storage.typed ? item : 1;
    if (storage.numel > record_bytes || storage.numel * unit != record_bytes) {
      return error(Errc::bad_layout, "its storage of ", storage.numel, " elements of ", unit, " bytes lies in '",
                   archive_[storage.record].name, "', which has ", record_bytes, " bytes");
    }
    view.record = storage.record;
    view.elements = in_memory(record_bytes / item);

    if (!view.where.fits_in_memory(item)) {
      return error(Errc::overflow, "its shape ", info.shape, " does not fit in memory");
    }
    if (!view.where.fits_in(view.elements)) {
      return error(Errc::bad_layout, "its shape ", info.shape, " from element ", view.where.offset,
                   " leaves its storage of ", view.elements, " elements");
    }
    if (view.where.interlocks()) return error(Errc::bad_layout, "its rows lie over or between each other");
    return {};
  }

  // --- Reading -----------------------------------------------------------------------------------------------

  Status read_view(std::size_t index, std::uint8_t* out) const noexcept {
    const View& view = views_[index];
    const std::size_t item = bytes_of(infos_[index].dtype);
    const std::size_t count = view.where.shape.count();
    const bool contiguous = view.where.is_contiguous();
    if (contiguous && count * item == archive_[view.record].size) return archive_.read(view.record, out);
    if (count == 0) return {};
    const auto fetch = [&](std::size_t first, std::size_t number, std::uint8_t* to) {
      return archive_.read_at(view.record, std::uint64_t{first} * item, to, number * item);
    };
    SEGFACE_RETURN_IF_ERROR(archive_.verify(view.record));
    return contiguous ? fetch(view.where.offset, count, out) : view.where.gather(item, view.elements, fetch, out);
  }

  std::string name_;
  ZipArchive archive_;
  std::vector<TensorInfo> infos_;
  std::vector<View> views_;  // one for each of infos_
  std::vector<std::string> top_level_;
  std::vector<std::string> skipped_;
};

SEGFACE_END_CORE
