#include "segface/tensors/pickle.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tensors/torch_writer.hpp"

using segface::Errc;
using segface::Result;
using segface::core::Pickle;
using Kind = Pickle::Kind;
using namespace std::string_literals;

namespace {

// Holds the program for as long as its Pickle.
struct Program {
  explicit Program(std::string bytes)
      : code(std::move(bytes)),
        pickle(Pickle::parse({reinterpret_cast<const std::uint8_t*>(code.data()), code.size()})) {}
  std::string code;
  Result<Pickle> pickle;

  const Pickle* operator->() const { return &*pickle; }
  Pickle::Id root() const { return pickle->root(); }
  std::vector<Pickle::Id> items(Pickle::Id id) const {
    std::vector<Pickle::Id> result;
    for (const Pickle::Id item : pickle->items(id)) result.push_back(item);
    return result;
  }
};

// A program of protocol 2 with `body` before STOP.
Program run(const std::string& body) {
  return Program("\x80\x02"s + body + ".");
}
Errc failure(const std::string& body) {
  return run(body).pickle.error().code();
}

}  // namespace

TEST_CASE("constants of every width") {
  const std::pair<std::string, std::int64_t> kIntegers[] = {
      {"K\xff"s, 255},
      {"M\x34\x12"s, 0x1234},
      {"J\xff\xff\xff\xff"s, -1},
      {"J\xff\xff\xff\x7f"s, 0x7fffffff},
      {"\x8a\x00"s, 0},
      {"\x8a\x01\xff"s, -1},
      {"\x8a\x02\xff\x00"s, 255},
      {"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"s, INT64_MIN},
      {"\x8b\x03\x00\x00\x00\x01\x02\x03"s, 0x030201},
  };
  for (const auto& row : kIntegers) {
    const Program program = run(row.first);
    REQUIRE(program.pickle.ok());
    CHECK(program->is(program.root(), Kind::integer));
    CHECK(program->integer(program.root()) == row.second);
  }
  CHECK(run("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"s)->is(0, Kind::big_integer));
  CHECK(run("N")->is(0, Kind::none));
  CHECK(run("\x88")->integer(0) == 1);
  CHECK(run("\x89")->integer(0) == 0);
  CHECK(run("G\x3f\xf0\x00\x00\x00\x00\x00\x00"s)->is(0, Kind::real));
  for (const std::string& text : {"X\x02\x00\x00\x00hi"s, "\x8c\x02hi"s, "\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi"s,
                                  "U\x02hi"s, "T\x02\x00\x00\x00hi"s}) {
    const Program program = run(text);
    REQUIRE(program.pickle.ok());
    CHECK(program->is(0, Kind::text));
    CHECK(program->text(0) == "hi");
  }
  for (const std::string& bytes : {"B\x02\x00\x00\x00hi"s, "C\x02hi"s, "\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi"s}) {
    CHECK(run(bytes)->is(0, Kind::bytes));
  }
}

TEST_CASE("containers, the memo and the stack") {
  const Program dict = run("}q\x00(U\x01"s + "aK\x01U\x01" + "b]q\x01(K\x02K\x03" + "eu");
  REQUIRE(dict.pickle.ok());
  const auto items = dict.items(dict.root());
  REQUIRE(items.size() == 4);
  CHECK(dict->text(items[0]) == "a");
  CHECK(dict->integer(items[1]) == 1);
  CHECK(dict->text(items[2]) == "b");
  CHECK(dict.items(items[3]).size() == 2);

  const Program tuples = run("(K\x01\x85K\x02K\x03\x86)K\x01K\x02K\x03\x87t"s);
  REQUIRE(tuples.pickle.ok());
  CHECK(tuples->size(tuples.root()) == 4);
  CHECK(tuples->size(tuples.items(tuples.root())[3]) == 3);

  CHECK(run("(K\x01l")->is(run("(K\x01l").root(), Kind::list));
  CHECK(run("(K\x01K\x02"
            "d")
            ->size(run("(K\x01K\x02"
                       "d")
                       .root()) == 2);
  CHECK(run("\x8f(K\x01\x90")->size(0) == 1);
  CHECK(run("K\x01"
            "2\x86")
            ->size(1) == 2);  // DUP
  CHECK(run("K\x01(K\x02K\x03"
            "1")
            .pickle.ok());  // POP_MARK
  CHECK(run("K\x01K\x02"
            "0")
            .pickle.ok());            // POP
  CHECK(run("K\x01(0").pickle.ok());  // POP of a mark
  CHECK(run("K\x07r\x00\x01\x00\x00"
            "0j\x00\x01\x00\x00"s)
            ->integer(0) == 7);
  CHECK(run("K\x07q\x00"
            "0K\x08q\x00"
            "0h\x00"s)
            ->integer(run("K\x07q\x00"
                          "0K\x08q\x00"
                          "0h\x00"s)
                          .root()) == 8);
  // MEMOIZE takes the next free number, whatever was overwritten.
  CHECK(run("K\x07q\x00q\x00\x94"
            "0h\x01"s)
            .pickle.ok());
}

TEST_CASE("protocol 4 frames and names from the stack") {
  const Program program("\x80\x04\x95\x16\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94)R."s);
  REQUIRE(program.pickle.ok());
  CHECK(program->is(program.root(), Kind::object));
  CHECK(program->module(program.root()) == "posix");
  CHECK(program->name(program.root()) == "system");
  CHECK(program->globals().size() == 1);
}

TEST_CASE("code is inert: calls become names") {
  for (const std::string& body :
       {"cos\nsystem\nU\x04"
        "ls /\x85R"s,
        "cbuiltins\neval\n)\x81"s, "cnumpy.core._internal.sys\nmodules.x\n)}\x92"s, "cos\nsystem\n)R}U\x01xK\x01sb"s,
        "cos\nsystem\n)RU\x01xK\x01s"s, "cos\nsystem\n)R(U\x01xK\x01u"s,
        "cos\nsystem\n)RK\x01"
        "a"s,
        "cos\nsystem\n)R)R"s}) {
    const Program program = run(body);
    REQUIRE(program.pickle.ok());
    CHECK(program->is(program.root(), Kind::object));
    CHECK(program->globals().size() == 1);
  }
  const Program call =
      run("cos\nsystem\nU\x04"
          "ls /\x85R"s);
  CHECK(call->module(call.root()) == "os");
  CHECK(call->size(call->arguments(call.root())) == 1);
  const Program long_name = run("c" + std::string(1 << 20, 'a') + "\nb\n");
  CHECK(long_name->module(long_name.root()).size() == 1 << 20);
}

TEST_CASE("an OrderedDict is a dict, with or without attributes") {
  const Program program =
      run("ccollections\nOrderedDict\n)R(U\x01"
          "aK\x01u}U\x09_metadataNsb"s);
  REQUIRE(program.pickle.ok());
  CHECK(program->is(program.root(), Kind::dict));
  CHECK(program->size(program.root()) == 2);
}

TEST_CASE("malformed programs are refused with their place") {
  const std::pair<std::string, Errc> kRows[] = {
      {"", Errc::bad_format},    // nothing on the stack
      {"NN", Errc::bad_format},  // two values
      {"N(", Errc::bad_format},  // an open mark
      {"a", Errc::bad_format},   // APPEND without anything
      {"]a", Errc::bad_format},  // APPEND without an item
      {"K\x01K\x02"
       "a",
       Errc::bad_format},  // APPEND to a number
      {"}K\x01"
       "a",
       Errc::bad_format},                  // APPEND to a dict
      {"]K\x01K\x02s", Errc::bad_format},  // SETITEM on a list
      {")K\x01K\x02s", Errc::bad_format},  // SETITEM on a tuple
      {"}(K\x01u", Errc::bad_format},      // a key without a value
      {"(K\x01"
       "d",
       Errc::bad_format},                 // the same for DICT
      {"]u", Errc::bad_format},           // no mark
      {"t", Errc::bad_format},            // no mark
      {"(\x85", Errc::bad_format},        // TUPLE1 across a mark
      {"K\x01(\x85t", Errc::bad_format},  // the same with a value below the mark
      {"K\x01(0"
       "0",
       Errc::bad_format},            // POP of nothing
      {"\x85", Errc::bad_format},    // underflow
      {"R", Errc::bad_format},       // underflow
      {"NNR", Errc::bad_format},     // arguments that are no tuple
      {"b", Errc::bad_format},       // underflow
      {"Q", Errc::bad_format},       // underflow
      {"2", Errc::bad_format},       // underflow
      {"q\x01"s, Errc::bad_format},  // PUT of nothing
      {"Nq\x01"
       "0h\x02"s,
       Errc::bad_format},                         // GET of a value to come
      {"Nq\x05"s + "0h\x02", Errc::bad_format},   // GET of a number left out
      {"h\x05", Errc::bad_format},                // GET of nothing
      {"cos\n", Errc::bad_format},                // GLOBAL without a name
      {"K\x01K\x02\x93", Errc::bad_format},       // a global named by numbers
      {"X\xff\xff\xff\xffN"s, Errc::bad_format},  // 4 GB of text in a few bytes
      {"\x8d\xff\xff\xff\xff\xff\xff\xff\xffN"s, Errc::bad_format},
      {"\x8b\xff\xff\xff\xffN"s, Errc::bad_format},
      {"\x95\xff\x00\x00\x00\x00\x00\x00\x00N"s, Errc::bad_format},              // a frame that leaves the file
      {"Nr\xff\xff\xff\xff"s, Errc::limit_exceeded},                             // a memo of four billion
      {"ctorch._utils\n_rebuild_tensor_v2\n)RU\x01xK\x01s"s, Errc::bad_format},  // SETITEM on a tensor
      {"S'text'\n", Errc::unsupported_opcode},
      {"(ios\nsystem\n", Errc::unsupported_opcode},   // INST
      {"(cos\nsystem\no", Errc::unsupported_opcode},  // OBJ
      {"\x82\x01", Errc::unsupported_opcode},         // EXT1
      {"Pid\n", Errc::unsupported_opcode},            // PERSID
      {"\x97", Errc::unsupported_opcode},             // NEXT_BUFFER
      {"\xff", Errc::unsupported_opcode},
  };
  for (const auto& row : kRows) {
    const Program program = run(row.first);
    CAPTURE(program.code);
    CHECK(program.pickle.error().code() == row.second);
    CHECK(std::string(program.pickle.error().message()).find("byte ") == 0);
  }
  CHECK(std::string(run("NN\xff").pickle.error().message()).find("byte 4 ") == 0);
  CHECK(Program("").pickle.error().code() == Errc::bad_format);
  CHECK(Program("N.").pickle.error().code() == Errc::bad_format);
  CHECK(Program("\x80\x01N.").pickle.error().code() == Errc::bad_format);
  CHECK(Program("\x80\x06N.").pickle.error().code() == Errc::bad_format);
  CHECK(Program("\x80\x02N.N").pickle.error().code() == Errc::bad_format);
  CHECK(Program("\x80\x02N.").pickle.ok());
}

TEST_CASE("limits: nesting, marks, values, instructions") {
  const auto repeated = [](const std::string& what, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += what;
    return text;
  };
  CHECK(failure(")" + repeated("\x85", 200)) == Errc::ok);
  CHECK(failure(")" + repeated("\x85", 1000000)) == Errc::limit_exceeded);
  CHECK(failure(repeated("]", 1000) + repeated("a", 999)) == Errc::limit_exceeded);
  CHECK(failure(repeated("(", 1000)) == Errc::limit_exceeded);
  CHECK(failure(repeated("N0", 600000)) == Errc::limit_exceeded);
  CHECK(failure("(" + repeated("cA\nB\n", 400000) + "t") == Errc::limit_exceeded);
}

TEST_CASE("a graph that doubles at every level stays as small as its program, and cycles are no trouble") {
  std::string doubling = "]q\x00"s;
  for (char i = 0; i < 40; ++i) doubling += "]q"s + static_cast<char>(i + 1) + "h"s + i + "ah"s + i + "a"s;
  doubling += std::string("]") + "(";
  for (char i = 0; i <= 40; ++i) doubling += "h"s + i;
  doubling += "e";
  const Program bomb(std::string("\x80\x02(", 3) + doubling + "t.");
  CHECK(bomb.pickle.ok());

  const Program cycle =
      run("]q\x00h\x00"
          "a"s);
  REQUIRE(cycle.pickle.ok());
  CHECK(cycle.items(cycle.root())[0] == cycle.root());
}

TEST_CASE("every prefix of a whole checkpoint's pickle is refused") {
  torch_writer::PickleWriter writer;
  writer.begin_dict();
  writer.text("state_dict_backbone");
  writer.ordered_dict();
  writer.out += '(';
  writer.text("weight");
  writer.tensor(segface::DType::f32, {3, 4, 1, 1}, "0");
  writer.end_dict();
  writer.text("scale");
  writer.real(0.5);
  writer.end_dict();
  const std::string code = writer.out + ".";
  CHECK(Program(code).pickle.ok());
  for (std::size_t size = 0; size < code.size(); ++size) {
    CHECK(Program(code.substr(0, size)).pickle.error().code() == Errc::bad_format);
  }
}
