// Face parsing in the browser. See segface.d.ts for what each call takes and gives.
//
//   import { Segface } from "./segface.js";
//   const segface = await Segface.load();
//   const { labels, faces } = await segface.parse(context.getImageData(0, 0, width, height));

// A function of one SIMD instruction.
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

export class SegfaceError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "SegfaceError";
    this.status = status;
  }
}

export class Segface {
  #worker;
  #waiting = new Map();
  #calls = 0;

  static async load({
    network = new URL("demo.safetensors", import.meta.url), finder = new URL("finder.safetensors", import.meta.url),
    threads = navigator.hardwareConcurrency || 1, progress = () => {},
  } = {}) {
    if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD)) {
      throw new SegfaceError("unsupported_cpu", "this browser has no WebAssembly SIMD; Chrome and Edge have it from 91 on, "
        + "Firefox from 89, Safari from 16.4");
    }
    // Threads share memory, which browsers allow pages that are isolated from others.
    const most = globalThis.crossOriginIsolated ? Math.max(1, Math.min(threads, 8)) : 1;
    const shares = [0, 0];
    const told = (i) => (share) => { shares[i] = share; progress(0.9 * shares[0] + 0.1 * shares[1]); };
    const [networkBytes, finderBytes] = await Promise.all([bytesOf(network, told(0)), bytesOf(finder, told(1))]);
    const segface = new Segface();
    segface.#worker = new Worker(new URL("segface-worker.js", import.meta.url));
    segface.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = segface.#waiting.get(id);
      segface.#waiting.delete(id);
      if (error) reject(new SegfaceError(error.status, error.message)); else resolve(result);
    };
    segface.#worker.onerror = (event) => segface.#fail("internal", event.message || "segface-worker.js cannot be loaded");
    const script = new URL(most > 1 ? "segface-threads.js" : "segface-one-thread.js", import.meta.url).href;
    try {
      const values = { script, threads: most, network: networkBytes, finder: finderBytes };
      segface.info = await segface.#call("load", values, [networkBytes.buffer, finderBytes.buffer]);
    } catch (error) {
      segface.close();
      throw error;
    }
    return segface;
  }

  parse(imageData, options = {}) {
    const mattes = (options.mattes || []).map((names) => [].concat(names).map((name) => this.#label(name)));
    return this.#call("parse", { picture: pictureOf(imageData), options: { ...options, mattes } });
  }
  cutout(imageData, matte) {
    return this.#call("cutout", { picture: pictureOf(imageData), matte })
      .then(({ data, width, height }) => new ImageData(new Uint8ClampedArray(data.buffer), width, height));
  }
  close() {
    this.#worker.terminate();
    this.#fail("cancelled", "segface was closed");
  }

  #label(name) {
    const found = this.info.classes.find((known) => known.name === name || known.label === name);
    if (!found) {
      const names = this.info.classes.map((known) => known.name).join(", ");
      throw new SegfaceError("invalid_argument", `no class is called '${name}'; there are ${names}`);
    }
    return found.label;
  }
  #call(call, values, moved = []) {
    return new Promise((resolve, reject) => {
      const id = ++this.#calls;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, values }, moved);
    });
  }
  #fail(status, message) {
    for (const { reject } of this.#waiting.values()) reject(new SegfaceError(status, message));
    this.#waiting.clear();
  }
}

const pictureOf = ({ data, width, height }) => ({ data, width, height });

// The bytes themselves, or those at an address.
async function bytesOf(source, progress) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
  let response;
  try {
    response = await fetch(source);
  } catch (error) {
    throw new SegfaceError("io", `${source} cannot be fetched: ${error.message}`);
  }
  if (!response.ok) {
    throw new SegfaceError("io", `${source} cannot be fetched: the server answers ${response.status}`);
  }
  const expected = Number(response.headers.get("Content-Length")) || 0;
  const parts = [];
  let length = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (expected > 0) progress(Math.min(1, length / expected));
  }
  progress(1);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
