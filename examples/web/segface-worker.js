// Runs segface's WebAssembly in a worker, so that a page never waits; segface.js talks to it. The structures of
// include/segface/c/segface.h are written into the module's memory by hand: pointers and sizes have 32 bits there.
"use strict";

const STATUS = ["ok", "invalid_argument", "buffer_too_small", "busy", "cancelled", "io", "not_regular_file", "truncated",
  "corrupt", "bad_format", "bad_layout", "overflow", "duplicate_tensor", "missing_tensor", "unexpected_tensor",
  "shape_mismatch", "unsupported_dtype", "unsupported_image", "unsupported_format", "unsupported_global",
  "unsupported_opcode", "unsupported_cpu", "non_finite", "limit_exceeded", "out_of_memory", "output", "no_device",
  "mismatch", "internal"];
const RGBA = 3;
const MOST_FACES = 255;
const FACE_BYTES = 18 * 8;  // segface_face: doubles

class ParsingError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// One call's memory: all of it is given back at its end.
class Memory {
  constructor(module) {
    this.module = module;
    this.taken = [];
  }
  take(bytes) {
    const at = this.module._malloc(Math.max(bytes, 1)) >>> 0;
    if (at === 0) {
      throw new ParsingError("out_of_memory", `out of memory: ${bytes} bytes were refused; close other pages, or give a `
        + "smaller photo");
    }
    this.taken.push(at);
    return at;
  }
  // A copy of bytes.
  put(bytes) {
    const at = this.take(bytes.length);
    this.module.HEAPU8.set(bytes, at);
    return at;
  }
  // 32-bit numbers one after the other.
  words(...values) {
    const at = this.take(4 * values.length);
    this.module.HEAP32.set(values, at / 4);
    return at;
  }
  bytes(at, length) { return this.module.HEAPU8.slice(at, at + length); }
  floats(at, length) { return this.module.HEAPF32.slice(at / 4, at / 4 + length); }
  word(at) { return this.module.HEAP32[at / 4]; }
  double(at) { return this.module.HEAPF64[at / 8]; }
  free() {
    for (const at of this.taken) this.module._free(at);
  }
}

class Core {
  // createModule: of Emscripten; network, finder: bytes (Uint8Array) of weight files.
  static async create(createModule, settings, network, finder, threads) {
    const core = new Core();
    core.module = await createModule(settings);
    core.withMemory((memory) => {
      const handle = memory.words(0);
      const options = memory.words(16, threads, 1, 0);
      core.check(core.module._segface_load_memory(memory.put(network), network.length, memory.put(finder), finder.length,
        options, handle));
      core.parser = memory.word(handle);
      const info = memory.words(52, ...new Array(12).fill(0));
      core.check(core.module._segface_get_info(core.parser, info));
      const text = (at) => core.module.UTF8ToString(memory.word(info + at));
      const number = (at) => memory.word(info + at);
      const dataset = number(20);
      core.info = {
        backbone: text(4), resolution: number(28), threads: number(44),
        finderOrigin: text(12), finderTerms: text(16),
        classes: Array.from({ length: number(24) }, (_, label) => ({
          label,
          name: core.module.UTF8ToString(core.module._segface_class_name(dataset, label, 0)),
          color: "#" + core.module._segface_class_color(dataset, label).toString(16).padStart(6, "0"),
        })),
      };
    });
    return core;
  }

  withMemory(use) {
    const memory = new Memory(this.module);
    try {
      return use(memory);
    } finally {
      memory.free();
    }
  }
  check(status) {
    if (status === 0) return;
    throw new ParsingError(STATUS[status] || "unknown", this.module.UTF8ToString(this.module._segface_last_error()));
  }

  // picture: {data, width, height} in RGBA; options: as in segface.d.ts.
  parse({ data, width, height }, options = {}) {
    const { mattes = [], surroundings = true, refine = false, turns = 4, smallFaces = false } = options;
    if (data.length !== 4 * width * height) {
      throw new ParsingError("invalid_argument", `${width} x ${height} pixels take ${4 * width * height} bytes; `
        + `${data.length} were given`);
    }
    const pixels = width * height;
    return this.withMemory((memory) => {
      const image = memory.words(memory.put(data), width, height, 0, RGBA);
      const find = memory.take(40);
      this.module.HEAPU8.fill(0, find, find + 40);
      this.module.HEAP32[find / 4] = 40;
      this.module.HEAP32[find / 4 + 8] = turns;
      this.module.HEAP32[find / 4 + 9] = smallFaces ? 1 : 0;
      const bits = mattes.map((labels) => labels.reduce((set, label) => set | (1 << label), 0));
      const sets = bits.length > 0 ? memory.words(...bits) : 0;
      const wanted = memory.words(48, find, 0, 0, surroundings ? 1 : 0, 0, 0, 0, 0, sets, mattes.length, refine ? 1 : 0);
      const found = memory.take(MOST_FACES * FACE_BYTES);
      const faces = memory.words(28, found, MOST_FACES, 0, 0, 0, 0);
      const labels = memory.take(pixels), numbers = memory.take(pixels), coverage = memory.take(pixels);
      const shares = mattes.length > 0 ? memory.take(4 * pixels * mattes.length) : 0;
      const results = memory.words(28, labels, numbers, coverage, 0, faces, shares);
      this.check(this.module._segface_parse_photo(this.parser, image, wanted, results));
      return {
        width, height,
        labels: memory.bytes(labels, pixels),
        numbers: memory.bytes(numbers, pixels),
        coverage: memory.bytes(coverage, pixels),
        mattes: mattes.map((_, i) => memory.floats(shares + 4 * pixels * i, pixels)),
        faces: Array.from({ length: memory.word(faces + 12) }, (_, i) => {
          const number = (at) => memory.double(found + i * FACE_BYTES + 8 * at);
          return {
            x: number(0), y: number(1), width: number(2), height: number(3),
            landmarks: Array.from({ length: 5 }, (__, p) => [number(4 + 2 * p), number(5 + 2 * p)]),
            score: number(14), roll: number(16), confidence: number(17),
          };
        }),
      };
    });
  }

  // The picture in RGBA where the matte is above 0, with the colours of what is cut out alone.
  cutout({ data, width, height }, matte) {
    return this.withMemory((memory) => {
      const image = memory.words(memory.put(data), width, height, 0, RGBA);
      const out = memory.take(4 * width * height);
      const shares = memory.put(new Uint8Array(matte.buffer, matte.byteOffset, matte.byteLength));
      this.check(this.module._segface_cutout(image, shares, out));
      return { width, height, data: memory.bytes(out, 4 * width * height) };
    });
  }
}

if (typeof importScripts === "function") {
  let core;
  const calls = {
    async load({ script, threads, network, finder }) {
      importScripts(script);
      const folder = script.slice(0, script.lastIndexOf("/") + 1);
      const settings = { mainScriptUrlOrBlob: script, locateFile: (name) => folder + name, poolSize: threads - 1 };
      core = await Core.create(createSegface, settings, network, finder, threads);
      return core.info;
    },
    parse: ({ picture, options }) => core.parse(picture, options),
    cutout: ({ picture, matte }) => core.cutout(picture, matte),
  };
  const buffers = (result) => [result.labels, result.numbers, result.coverage, result.data, ...(result.mattes || [])]
    .filter((array) => array && array.buffer).map((array) => array.buffer);
  onmessage = async ({ data: { id, call, values } }) => {
    try {
      const result = await calls[call](values);
      postMessage({ id, result }, buffers(result));
    } catch (error) {
      const status = error.status || (error instanceof RangeError ? "out_of_memory" : "internal");
      postMessage({ id, error: { status, message: String(error.message || error) } });
    }
  };
} else {
  module.exports = { Core };
}
