// The page: a photo or the camera goes into segface, what is picked is drawn.
import { Segface } from "./segface.js";

const MOST_PIXELS = 12e6;   // a larger photo is made smaller: browsers give a page little memory
const CAMERA_WIDTH = 480;
const $ = (id) => document.getElementById(id);
const canvas = $("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });
const hidden = document.createElement("canvas"), reader = hidden.getContext("2d", { willReadFrequently: true });

let segface;
let photo = null;      // ImageData
let parsing = null;    // of photo
let background = null; // ImageBitmap
let stream = null;     // of the camera
let picked = new Set();

const say = (text, isError = false) => {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
};
const busy = (share) => {
  $("progress").hidden = share === null;
  if (share === undefined) $("progress").removeAttribute("value"); else if (share !== null) $("progress").value = share;
};

// ---- Photos in ---------------------------------------------------------------------------------------------------

async function open(blob) {
  stopCamera();
  busy();
  try {
    const whole = await createImageBitmap(blob, { imageOrientation: "from-image" }).catch(() => {
      throw new Error(`${blob.name || "this"} is no picture that this browser reads`);
    });
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (whole.width * whole.height)));
    take(whole, Math.max(1, Math.round(whole.width * scale)), Math.max(1, Math.round(whole.height * scale)));
    draw();
    const smaller = scale < 1 ? ` It was made smaller from ${whole.width} x ${whole.height}.` : "";
    const began = performance.now();
    say("Looking for faces.");
    await parse({});
    say(told(parsing.faces.length, performance.now() - began) + smaller);
  } catch (error) {
    say(error.message, true);
  } finally {
    busy(null);
  }
}

const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
const told = (faces, time) => faces === 0
  ? "No face was found. Faces should be larger than a fiftieth of the photo's longer side."
  : `${counted(faces, "face")} in ${(time / 1000).toFixed(2)} s, on ${counted(segface.info.threads, "thread")}.`;

function take(source, width, height) {
  [hidden.width, hidden.height] = [width, height];
  reader.drawImage(source, 0, 0, width, height);
  photo = reader.getImageData(0, 0, width, height);
  parsing = null;
  $("picture").classList.add("full");
}

async function parse(options) {
  const foreground = segface.info.classes.map((known) => known.label).filter((label) => label > 0);
  const mattes = { labels: [], photo: [], cutout: [[...picked]] }[$("show").value] || [foreground];
  parsing = await segface.parse(photo, { ...options, mattes });
  $("save").disabled = false;
  count();
  await draw();
}

// ---- The camera --------------------------------------------------------------------------------------------------

async function toggleCamera() {
  if (stream) return stopCamera();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 640 } } });
  } catch (error) {
    const reasons = {
      NotAllowedError: "it was not allowed; allow it in the browser's settings for this page",
      NotFoundError: "there is none",
      NotReadableError: "another program uses it",
    };
    return say(`The camera cannot be used: ${reasons[error.name] || error.message}.`, true);
  }
  $("camera").setAttribute("aria-pressed", "true");
  $("camera").textContent = "Stop";
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  while (stream) {
    const began = performance.now();
    const scale = Math.min(1, CAMERA_WIDTH / video.videoWidth);
    take(video, Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
    try {
      await parse({ surroundings: false, turns: 1 });
    } catch (error) {
      stopCamera();
      return say(error.message, true);
    }
    const rate = 1000 / (performance.now() - began);
    say(`${counted(parsing.faces.length, "face")}, ${rate.toFixed(1)} pictures a second.`);
    await new Promise(requestAnimationFrame);
  }
}

function stopCamera() {
  if (!stream) return;
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  $("camera").setAttribute("aria-pressed", "false");
  $("camera").textContent = "Camera";
}

// ---- What is shown -----------------------------------------------------------------------------------------------

async function draw() {
  const how = $("show").value;
  $("behind").hidden = $("behind-photo").hidden = how !== "replace";
  if (!photo) return;
  const { width, height } = photo;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  if (how === "photo" || !parsing) {
    context.putImageData(photo, 0, 0);
  } else if (how === "labels") {
    context.putImageData(overlay(), 0, 0);
  } else if (parsing.mattes.length > 0) {
    const front = await createImageBitmap(await segface.cutout(photo, parsing.mattes[0]));
    context.clearRect(0, 0, width, height);
    if (how === "blur") {
      context.putImageData(photo, 0, 0);  // blurred edges let it shine through
      context.filter = `blur(${Math.max(3, Math.round(Math.max(width, height) / 60))}px)`;
      context.drawImage(await createImageBitmap(photo), 0, 0);
      context.filter = "none";
    } else if (how === "replace" && background) {
      const scale = Math.max(width / background.width, height / background.height);
      const [w, h] = [background.width * scale, background.height * scale];
      context.drawImage(background, (width - w) / 2, (height - h) / 2, w, h);
    } else if (how === "replace") {
      context.fillStyle = $("color").value;
      context.fillRect(0, 0, width, height);
    }
    context.drawImage(front, 0, 0);
  }
  if (!parsing) return;
  const seen = segface.info.classes.filter(({ label }) => label > 0 && parsing.labels.includes(label));
  const names = seen.map(({ name }) => name).join(", ");
  canvas.setAttribute("aria-label", seen.length === 0 ? "A photo without a face" : `A photo with ${names}`);
}

// Half the photo, half the colours of the classes that are picked.
function overlay() {
  const colors = segface.info.classes.map(({ color }) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  const out = new ImageData(new Uint8ClampedArray(photo.data), photo.width, photo.height);
  parsing.labels.forEach((label, i) => {
    if (label === 0 || !picked.has(label)) return;
    for (let c = 0; c < 3; ++c) out.data[4 * i + c] = (out.data[4 * i + c] + colors[label][c]) / 2;
  });
  return out;
}

// Beside each class its share of what was parsed.
function count() {
  const counts = new Array(segface.info.classes.length).fill(0);
  for (const label of parsing.labels) ++counts[label];
  const all = counts.reduce((sum, value, label) => sum + (label > 0 ? value : 0), 0);
  for (const output of document.querySelectorAll("#classes output")) {
    const share = all > 0 ? counts[output.dataset.label] / all : 0;
    output.textContent = share === 0 ? "" : share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`;
  }
}

function listClasses() {
  for (const { label, name, color } of segface.info.classes.slice(1)) {
    const row = document.createElement("label");
    row.innerHTML = `<input type="checkbox" checked value="${label}"><i style="background: ${color}"></i>${name}
      <output data-label="${label}"></output>`;
    $("classes").append(row);
  }
  const boxes = [...document.querySelectorAll("#classes input")];
  const changed = async () => {
    picked = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.value)));
    if ($("show").value === "cutout") await again(); else await draw();
  };
  $("classes").onchange = changed;
  const set = (checked) => () => {
    for (const box of boxes) box.checked = checked;
    changed();
  };
  $("all").onclick = set(true);
  $("none").onclick = set(false);
  picked = new Set(boxes.map((box) => Number(box.value)));
}

// The photo that is there, parsed once more, for other mattes.
async function again() {
  if (!photo || stream) return draw();
  busy();
  try {
    await parse({});
  } catch (error) {
    say(error.message, true);
  } finally {
    busy(null);
  }
}

// ---- The page ----------------------------------------------------------------------------------------------------

function listen() {
  $("file").onchange = () => $("file").files[0] && open($("file").files[0]);
  $("camera").onclick = toggleCamera;
  $("show").onchange = again;
  $("color").oninput = () => { background = null; draw(); };
  $("background").onchange = async () => {
    background = await createImageBitmap($("background").files[0]).catch(() => null);
    if (!background) say("The background is no picture that this browser reads.", true);
    draw();
  };
  $("save").onclick = () => canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `segface-${$("show").value}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const place = $("picture");
  place.ondragover = (event) => { event.preventDefault(); place.classList.add("over"); };
  place.ondragleave = () => place.classList.remove("over");
  place.ondrop = (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  };
  document.onpaste = (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file) open(file);
  };
}

listen();
navigator.serviceWorker?.register("offline.js").catch(() => {});
try {
  segface = await Segface.load({ progress: busy });
  listClasses();
  for (const id of ["file", "camera"]) $(id).disabled = false;
  say("Open a photo, drop one, paste one, or use the camera.");
} catch (error) {
  say(error.message, true);
}
busy(null);
