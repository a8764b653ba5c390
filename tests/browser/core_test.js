// The WebAssembly of segface in node: its labels, against those of this machine's baseline kernels; its errors; its speed.
//   node core_test.js SITE PIXELS WIDTH HEIGHT LABELS SECONDS     SECONDS: processor time of a call, natively
"use strict";
const assert = require("assert");
const fs = require("fs");
const path = require("path");

const [site, pixels, width, height, labels, native] = process.argv.slice(2);
const { Core } = require(path.resolve(site, "segface-worker.js"));
const read = (file) => new Uint8Array(fs.readFileSync(file));
const inSite = (file) => path.resolve(site, file);
const network = read(inSite("demo.safetensors")), finder = read(inSite("finder.safetensors"));
const photo = { data: read(pixels), width: Number(width), height: Number(height) };
const expected = read(labels);

function refused(call, status, words) {
  assert.throws(call, (error) => error.status === status && error.message.includes(words));
}

async function check(name, threads) {
  const create = require(inSite(`${name}.js`));
  const settings = { wasmBinary: read(inSite(`${name}.wasm`)), locateFile: inSite, poolSize: threads - 1 };
  const core = await Core.create(create, { ...settings }, network, finder, threads);
  assert.equal(core.info.threads, threads);
  assert.equal(core.info.classes.length, 19);
  assert.deepEqual(core.info.classes[14], { label: 14, name: "hair", color: core.info.classes[14].color });
  assert.ok(core.info.finderTerms.length > 0);

  const mattes = [core.info.classes.map((known) => known.label).slice(1)];
  const parsing = core.parse(photo, { mattes });
  const differing = expected.reduce((count, label, i) => count + (label !== parsing.labels[i]), 0);
  console.log(`${name}: ${parsing.faces.length} faces, ${differing} of ${expected.length} labels differ`);
  assert.ok(parsing.faces.length === 1 && parsing.faces[0].score > 0.8);
  assert.ok(differing <= expected.length * 1e-4);
  const share = parsing.mattes[0].reduce((sum, part) => sum + part, 0) / expected.reduce((sum, label) => sum + (label > 0), 0);
  assert.ok(share > 0.95 && share < 1.05, `the matte is ${share} of the labels`);
  const cut = core.cutout(photo, parsing.mattes[0]);
  assert.ok(cut.data.every((value, i) => i % 4 < 3 || Math.abs(value - 255 * parsing.mattes[0][(i - 3) / 4]) <= 1));

  assert.equal(core.parse({ data: new Uint8Array(64 * 64 * 4), width: 64, height: 64 }).faces.length, 0);
  refused(() => core.parse({ data: new Uint8Array(5), width: 2, height: 2 }), "invalid_argument", "16 bytes");
  refused(() => core.parse({ data: new Uint8Array(0), width: 0, height: 2 }), "invalid_argument", "0");
  const take = core.module._malloc;
  core.module._malloc = () => 0;
  refused(() => core.parse(photo), "out_of_memory", "refused");
  core.module._malloc = take;
  await assert.rejects(Core.create(create, { ...settings }, network.slice(0, 5000), finder, threads), (error) => error.status === "truncated");
  await assert.rejects(Core.create(create, { ...settings }, finder, network, threads), (error) => error.status !== "ok" && error.message.length > 20);

  let fastest = Infinity;
  for (let i = 0; i < 5; ++i) {
    const begin = process.cpuUsage();
    core.parse(photo);
    fastest = Math.min(fastest, process.cpuUsage(begin).user / 1e6);
  }
  console.log(`${name}: ${fastest.toFixed(3)} s of processor time a photo, natively ${native} s: ${(native / fastest).toFixed(2)} times as fast`);
}

(async () => {
  await check("segface-one-thread", 1);
  await check("segface-threads", 2);
  process.exit(0);  // pthreads wait for work
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
