// Pickle: what a pickle describes, as inert data.
//
// A pickle is a program for a stack machine whose instructions build a value, and in Python two of them call
// whatever function the file names. Here nothing can be called: there is no table of functions. A GLOBAL becomes a
// node that holds a name, a REDUCE a node that holds the name and the arguments. The caller recognises the few
// calls it knows how to read and treats every other one as what it is, a name.
//
// Values live in an arena and refer to each other by number, so depth and cycles cost nothing to build or destroy.
// Texts are views of the caller's bytes. Time and memory are linear in the number of instructions, which is capped.
// Covers what torch.save emits by default (protocol 2) and protocols 3 to 5 without out-of-band buffers. Format:
// CPython's pickletools.py.
//
// Trap: an OrderedDict arrives as a call of collections.OrderedDict with no arguments, filled afterwards; that one
// call yields a dict here. Attributes set on a dict (the `_metadata` of a state dict) are dropped.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

class Pickle {
 public:
  using Id = std::uint32_t;  // a node's number

  static constexpr std::size_t kMaxInstructions = std::size_t{1} << 20;
  static constexpr std::size_t kMaxNodes = std::size_t{1} << 20;
  static constexpr std::size_t kMaxMemo = std::size_t{1} << 20;
  static constexpr std::size_t kMaxDepth = 256;

  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    big_integer,  // does not fit into 64 bits; its value is not kept
    real,         // its value is not kept
    text,
    bytes,
    tuple,
    list,
    set,
    dict,        // items alternate: key, value
    global,      // items: module, name
    object,      // what a call would have made; items: callee, arguments
    persistent,  // a reference to something outside the pickle; item: its identification
  };

  // Runs the program in `bytes`, which must outlive the Pickle.
  // Errors: bad_format; unsupported_opcode; limit_exceeded.
  static Result<Pickle> parse(Bytes bytes) noexcept {
    return guarded([&]() -> Result<Pickle> {
      Pickle pickle(bytes);
      SEGFACE_RETURN_IF_ERROR(pickle.run());
      pickle.stack_ = {};
      pickle.memo_ = {};
      return Result<Pickle>(std::move(pickle));
    });
  }

  Id root() const noexcept { return root_; }
  Kind kind(Id id) const noexcept { return nodes_[id].kind; }
  bool is(Id id, Kind kind) const noexcept { return nodes_[id].kind == kind; }

  // Of a boolean or an integer.
  std::int64_t integer(Id id) const noexcept { return nodes_[id].value; }
  // Of a text or bytes.
  std::string_view text(Id id) const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()) + nodes_[id].value, nodes_[id].size};
  }
  // Number of items; a dict has two for each entry.
  std::size_t size(Id id) const noexcept { return nodes_[id].size; }

  // The items of a container, for range-based for.
  class Iterator {
   public:
    Iterator(const Pickle* pickle, std::uint32_t cell) noexcept : pickle_(pickle), cell_(cell) {}
    Id operator*() const noexcept { return pickle_->cells_[cell_].item; }
    Iterator& operator++() noexcept {
      cell_ = pickle_->cells_[cell_].next;
      return *this;
    }
    bool operator!=(const Iterator& other) const noexcept { return cell_ != other.cell_; }

   private:
    const Pickle* pickle_;
    std::uint32_t cell_;
  };
  struct Items {
    Iterator first, last;
    Iterator begin() const noexcept { return first; }
    Iterator end() const noexcept { return last; }
  };
  Items items(Id id) const noexcept { return {{this, nodes_[id].first}, {this, kNoCell}}; }

  // Copies the first items of a container to `out`, at most `count`, and returns how many it has in all.
  std::size_t unpack(Id id, Id* out, std::size_t count) const noexcept {
    std::size_t i = 0;
    for (const Id item : items(id)) {
      if (i == count) break;
      out[i++] = item;
    }
    return size(id);
  }

  // A global's parts, or those of the function that would have made an object; the module of anything else is "".
  std::string_view module(Id id) const noexcept { return part(id, 0); }
  std::string_view name(Id id) const noexcept { return part(id, 1); }
  bool is_global(Id id, std::string_view wanted_module, std::string_view wanted_name) const noexcept {
    return is(id, Kind::global) && module(id) == wanted_module && name(id) == wanted_name;
  }
  // An object's arguments.
  Id arguments(Id object) const noexcept { return cells_[nodes_[object].last].item; }

  // Every global the program names, in order.
  const std::vector<Id>& globals() const noexcept { return globals_; }

 private:
  static constexpr std::uint32_t kNoCell = 0xFFFFFFFF;
  static constexpr Id kNoNode = 0xFFFFFFFF;

  struct Node {
    Kind kind = Kind::none;
    std::uint16_t depth = 1;        // nodes on the longest way down, as far as known when it was filled
    std::uint32_t size = 0;         // items, or bytes of text
    std::uint32_t first = kNoCell;  // the chain of cells with the items
    std::uint32_t last = kNoCell;
    std::int64_t value = 0;  // the integer, or where the text begins
  };
  struct Cell {
    Id item;
    std::uint32_t next;
  };

  explicit Pickle(Bytes bytes) noexcept : bytes_(bytes) {}

  std::string_view part(Id id, std::size_t index) const noexcept {
    if (is(id, Kind::object)) id = *items(id).begin();
    Id parts[2] = {};
    return is(id, Kind::global) ? (unpack(id, parts, 2), text(parts[index])) : std::string_view();
  }

  template <class... Parts>
  Status bad(const Parts&... parts) const noexcept {
    return error(Errc::bad_format, "byte ", opcode_at_, " of the pickle: ", parts...);
  }
  Status too_much(const char* what, std::size_t limit) const noexcept {
    return error(Errc::limit_exceeded, "byte ", opcode_at_, " of the pickle: more than ", limit, " ", what);
  }

  // --- Reading the program -----------------------------------------------------------------------------------

  std::size_t left() const noexcept { return bytes_.size() - at_; }

  // The unsigned number in the next sizeof(T) bytes.
  template <class T>
  Status number(T& value) noexcept {
    if (left() < sizeof(T)) return bad("the instruction is cut short");
    value = little<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return {};
  }

  // Skips `size` bytes and says where they begin.
  Status skip(std::uint64_t size, std::size_t& begin) noexcept {
    if (size > left()) return bad("needs ", size, " bytes, ", left(), " are left");
    begin = at_;
    at_ += static_cast<std::size_t>(size);
    return {};
  }

  // --- Building values ---------------------------------------------------------------------------------------

  Status push(Id id) {
    stack_.push_back(id);
    return {};
  }
  Status push_node(Kind kind, std::int64_t value = 0, std::uint32_t size = 0) {
    Node node;
    node.kind = kind;
    node.value = value;
    node.size = size;
    if (nodes_.size() == kMaxNodes) return too_much("values", kMaxNodes);
    nodes_.push_back(node);
    return push(static_cast<Id>(nodes_.size() - 1));
  }

  // How many values lie above the innermost mark, or in all without one.
  std::size_t available() const noexcept { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  Status need(std::size_t count) const noexcept {
    return available() >= count ? Status() : bad("needs ", count, " values on the stack, found ", available());
  }
  Id pop() noexcept {
    const Id id = stack_.back();
    stack_.pop_back();
    return id;
  }
  // Removes the innermost mark and says how many values lay above it.
  Status pop_mark(std::size_t& count) noexcept {
    if (marks_.empty()) return bad("no mark on the stack");
    count = available();
    marks_.pop_back();
    return {};
  }

  // Moves the top `count` values, in order, into container `id`.
  Status append(Id id, std::size_t count) {
    Node& node = nodes_[id];
    for (std::size_t i = stack_.size() - count; i < stack_.size(); ++i) {
      const auto cell = static_cast<std::uint32_t>(cells_.size());
      cells_.push_back({stack_[i], kNoCell});
      (node.first == kNoCell ? node.first : cells_[node.last].next) = cell;
      node.last = cell;
      node.depth = std::max<std::uint16_t>(node.depth, static_cast<std::uint16_t>(nodes_[stack_[i]].depth + 1));
    }
    node.size += static_cast<std::uint32_t>(count);
    stack_.resize(stack_.size() - count);
    return node.depth > kMaxDepth ? too_much("values inside each other", kMaxDepth) : Status();
  }
  // Replaces the top `count` values by a container of them.
  Status collect(Kind kind, std::size_t count) {
    SEGFACE_RETURN_IF_ERROR(push_node(kind));
    const Id id = pop();
    SEGFACE_RETURN_IF_ERROR(append(id, count));
    return push(id);
  }
  Status collect_marked(Kind kind) {
    std::size_t count = 0;
    SEGFACE_RETURN_IF_ERROR(pop_mark(count));
    if (kind == Kind::dict && count % 2 != 0) return bad("a key without a value");
    return collect(kind, count);
  }

  // Adds the top `count` values to the container below them.
  Status extend(Kind kind, std::size_t count) {
    if (available() < count + 1) return bad("no container below the items");
    const Id target = stack_[stack_.size() - count - 1];
    if (is(target, Kind::object) && module(target) != "torch._utils") {
      stack_.resize(stack_.size() - count);  // e.g. a defaultdict: opaque, so its content is dropped
      return {};
    }
    if (!is(target, kind)) return bad("items for a container that is none, or of another kind");
    if (kind == Kind::dict && count % 2 != 0) return bad("a key without a value");
    return append(target, count);
  }
  Status extend_marked(Kind kind) {
    std::size_t count = 0;
    SEGFACE_RETURN_IF_ERROR(pop_mark(count));
    return extend(kind, count);
  }

  template <class Length>
  Status string(Kind kind) {
    Length length = 0;
    std::size_t begin = 0;
    SEGFACE_RETURN_IF_ERROR(number(length));
    SEGFACE_RETURN_IF_ERROR(skip(length, begin));
    if (length > 0xFFFFFFFFu) return too_much("bytes in one string", 0xFFFFFFFFu);
    return push_node(kind, static_cast<std::int64_t>(begin), static_cast<std::uint32_t>(length));
  }

  // A two's complement integer of `size` bytes.
  template <class Length>
  Status long_integer() {
    Length size = 0;
    std::size_t begin = 0;
    SEGFACE_RETURN_IF_ERROR(number(size));
    SEGFACE_RETURN_IF_ERROR(skip(size, begin));
    if (size > sizeof(std::int64_t)) return push_node(Kind::big_integer);
    const bool negative = size != 0 && (bytes_[begin + size - 1] & 0x80u) != 0;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i-- != 0;) value = value << 8 | bytes_[begin + i];
    return push_node(Kind::integer, static_cast<std::int64_t>(value));
  }

  // The rest of a line, without its end.
  Status line() {
    const std::size_t begin = at_;
    while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
    if (at_ == bytes_.size()) return bad("a name without its end of line");
    const std::size_t size = at_++ - begin;
    if (size > 0xFFFFFFFFu) return too_much("bytes in one name", 0xFFFFFFFFu);
    return push_node(Kind::text, static_cast<std::int64_t>(begin), static_cast<std::uint32_t>(size));
  }
  // Names the global whose module and name are on the stack.
  Status global() {
    SEGFACE_RETURN_IF_ERROR(need(2));
    if (!is(stack_[stack_.size() - 2], Kind::text) || !is(stack_.back(), Kind::text)) {
      return bad("a module or a name that is no text");
    }
    SEGFACE_RETURN_IF_ERROR(collect(Kind::global, 2));
    globals_.push_back(stack_.back());
    return {};
  }

  // What calling the second value from the top with the top one would have made.
  Status call() {
    SEGFACE_RETURN_IF_ERROR(need(2));
    const Id callee = stack_[stack_.size() - 2];
    const Id arguments = stack_.back();
    if (!is(arguments, Kind::tuple)) return bad("arguments that are no tuple");
    if (size(arguments) == 0 && is_global(callee, "collections", "OrderedDict")) {
      stack_.resize(stack_.size() - 2);
      return push_node(Kind::dict);
    }
    return collect(Kind::object, 2);
  }

  Status put(std::size_t index) {
    SEGFACE_RETURN_IF_ERROR(need(1));
    if (index >= kMaxMemo) return too_much("remembered values", kMaxMemo);
    if (index >= memo_.size()) memo_.resize(index + 1, kNoNode);
    if (memo_[index] == kNoNode) ++remembered_;
    memo_[index] = stack_.back();
    return {};
  }
  template <class Index>
  Status put_numbered() {
    Index index = 0;
    SEGFACE_RETURN_IF_ERROR(number(index));
    return put(index);
  }
  template <class Index>
  Status get_numbered() {
    Index index = 0;
    SEGFACE_RETURN_IF_ERROR(number(index));
    if (index >= memo_.size() || memo_[index] == kNoNode) return bad("value ", index, " was never remembered");
    return push(memo_[index]);
  }

  // --- The machine -------------------------------------------------------------------------------------------

  Status run() {
    std::uint8_t opcode = 0;
    std::uint8_t protocol = 0;
    if (!number(opcode).ok() || opcode != 0x80 || !number(protocol).ok()) {
      return bad("a pickle of protocol 2 or later begins with byte 128 and its protocol");
    }
    if (protocol < 2 || protocol > 5) return bad("protocol ", protocol, ", expected 2 to 5");
    for (std::size_t executed = 0;; ++executed) {
      opcode_at_ = at_;
      if (executed == kMaxInstructions) return too_much("instructions", kMaxInstructions);
      if (left() == 0) return bad("the pickle ends without STOP");
      opcode = bytes_[at_++];
      if (opcode == '.') break;
      SEGFACE_RETURN_IF_ERROR(execute(opcode));
    }
    if (stack_.size() != 1 || !marks_.empty()) return bad("STOP with ", stack_.size(), " values, expected one");
    if (left() != 0) return bad(left(), " bytes after STOP");
    root_ = stack_.back();
    return {};
  }

  Status execute(std::uint8_t opcode) {
    std::size_t count = 0;
    switch (opcode) {
      // Constants.
      case 'N':  // NONE
        return push_node(Kind::none);
      case 0x88:  // NEWTRUE
        return push_node(Kind::boolean, 1);
      case 0x89:  // NEWFALSE
        return push_node(Kind::boolean, 0);
      case 'K': {  // BININT1
        std::uint8_t value = 0;
        SEGFACE_RETURN_IF_ERROR(number(value));
        return push_node(Kind::integer, value);
      }
      case 'M': {  // BININT2
        std::uint16_t value = 0;
        SEGFACE_RETURN_IF_ERROR(number(value));
        return push_node(Kind::integer, value);
      }
      case 'J': {  // BININT
        std::uint32_t value = 0;
        SEGFACE_RETURN_IF_ERROR(number(value));
        return push_node(Kind::integer, static_cast<std::int32_t>(value));
      }
      case 0x8a:  // LONG1
        return long_integer<std::uint8_t>();
      case 0x8b:  // LONG4
        return long_integer<std::uint32_t>();
      case 'G':  // BINFLOAT
        SEGFACE_RETURN_IF_ERROR(skip(sizeof(double), count));
        return push_node(Kind::real);
      case 'X':  // BINUNICODE
        return string<std::uint32_t>(Kind::text);
      case 0x8c:  // SHORT_BINUNICODE
        return string<std::uint8_t>(Kind::text);
      case 0x8d:  // BINUNICODE8
        return string<std::uint64_t>(Kind::text);
      case 'T':  // BINSTRING, what Python 2 wrote for str
        return string<std::uint32_t>(Kind::text);
      case 'U':  // SHORT_BINSTRING
        return string<std::uint8_t>(Kind::text);
      case 'B':  // BINBYTES
        return string<std::uint32_t>(Kind::bytes);
      case 'C':  // SHORT_BINBYTES
        return string<std::uint8_t>(Kind::bytes);
      case 0x8e:  // BINBYTES8
      case 0x96:  // BYTEARRAY8
        return string<std::uint64_t>(Kind::bytes);

      // Containers.
      case ')':  // EMPTY_TUPLE
        return push_node(Kind::tuple);
      case ']':  // EMPTY_LIST
        return push_node(Kind::list);
      case '}':  // EMPTY_DICT
        return push_node(Kind::dict);
      case 0x8f:  // EMPTY_SET
        return push_node(Kind::set);
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        count = opcode - std::size_t{0x84};
        SEGFACE_RETURN_IF_ERROR(need(count));
        return collect(Kind::tuple, count);
      case 't':  // TUPLE
        return collect_marked(Kind::tuple);
      case 'l':  // LIST
        return collect_marked(Kind::list);
      case 'd':  // DICT
        return collect_marked(Kind::dict);
      case 0x91:  // FROZENSET
        return collect_marked(Kind::set);
      case 'a':  // APPEND
        return extend(Kind::list, 1);
      case 's':  // SETITEM
        return extend(Kind::dict, 2);
      case 'e':  // APPENDS
        return extend_marked(Kind::list);
      case 'u':  // SETITEMS
        return extend_marked(Kind::dict);
      case 0x90:  // ADDITEMS
        return extend_marked(Kind::set);

      // What would be code in Python.
      case 'c':  // GLOBAL
        SEGFACE_RETURN_IF_ERROR(line());
        SEGFACE_RETURN_IF_ERROR(line());
        return global();
      case 0x93:  // STACK_GLOBAL
        return global();
      case 'R':   // REDUCE
      case 0x81:  // NEWOBJ
        return call();
      case 0x92:  // NEWOBJ_EX: class, arguments, keyword arguments
        SEGFACE_RETURN_IF_ERROR(need(3));
        stack_.pop_back();
        return call();
      case 'b':  // BUILD: attributes for the value below, which nobody asks for
        SEGFACE_RETURN_IF_ERROR(need(2));
        stack_.pop_back();
        return {};
      case 'Q':  // BINPERSID
        SEGFACE_RETURN_IF_ERROR(need(1));
        return collect(Kind::persistent, 1);

      // Stack and memo.
      case '(':  // MARK
        if (marks_.size() == kMaxDepth) return too_much("open marks", kMaxDepth);
        marks_.push_back(stack_.size());
        return {};
      case '0':  // POP
        if (!marks_.empty() && available() == 0) {
          marks_.pop_back();
          return {};
        }
        SEGFACE_RETURN_IF_ERROR(need(1));
        stack_.pop_back();
        return {};
      case '1':  // POP_MARK
        SEGFACE_RETURN_IF_ERROR(pop_mark(count));
        stack_.resize(stack_.size() - count);
        return {};
      case '2':  // DUP
        SEGFACE_RETURN_IF_ERROR(need(1));
        return push(stack_.back());
      case 'q':  // BINPUT
        return put_numbered<std::uint8_t>();
      case 'r':  // LONG_BINPUT
        return put_numbered<std::uint32_t>();
      case 0x94:  // MEMOIZE
        return put(remembered_);
      case 'h':  // BINGET
        return get_numbered<std::uint8_t>();
      case 'j':  // LONG_BINGET
        return get_numbered<std::uint32_t>();
      case 0x95: {  // FRAME: a hint on how much to read at once
        std::uint64_t length = 0;
        SEGFACE_RETURN_IF_ERROR(number(length));
        return length <= left() ? Status() : bad("a frame of ", length, " bytes, ", left(), " are left");
      }
      default:
        return error(Errc::unsupported_opcode, "byte ", opcode_at_, " of the pickle: instruction ", opcode,
                     " is not read here; save the checkpoint again with a current PyTorch");
    }
  }

  Bytes bytes_;
  std::size_t at_ = 0;         // of the next byte to read
  std::size_t opcode_at_ = 0;  // of the instruction being executed
  std::vector<Node> nodes_;
  std::vector<Cell> cells_;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;  // the stack's height when each mark was set
  std::vector<Id> memo_;
  std::size_t remembered_ = 0;  // entries of the memo in use
  std::vector<Id> globals_;
  Id root_ = 0;
};

SEGFACE_END_CORE
