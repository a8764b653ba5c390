/** Bytes of a weight file, or where they are. */
export type WeightSource = string | URL | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /** The network that parses; default: demo.safetensors beside the module. */
  network?: WeightSource;
  /** The network that finds faces; default: finder.safetensors beside the module. */
  finder?: WeightSource;
  /** At most 8; default: as many as the machine has. One where the page is not cross-origin isolated. */
  threads?: number;
  /** Called with the share of the weights that has arrived, 0 to 1. */
  progress?: (share: number) => void;
}

/** A class of the network, its name with the picture's sides, its colour as #rrggbb. */
export interface ClassInfo { label: number; name: string; color: string }

export interface Info {
  backbone: string;
  /** Side of the square that a face is resized to. */
  resolution: number;
  threads: number;
  classes: ClassInfo[];
  /** Who trained the finder on what, and on which terms it may be used. */
  finderOrigin: string;
  finderTerms: string;
}

export interface ParseOptions {
  /** Sets of classes, by name or label, for each of which a matte is made. */
  mattes?: (string | number | (string | number)[])[];
  /** Looks around each face too, for hair and clothes whole, in twice the time; default: true. */
  surroundings?: boolean;
  /** Redraws labels along the photo's edges; default: false. */
  refine?: boolean;
  /** 4: heads turned any way; 1: within 60 degrees of upright, in less time; default: 4. */
  turns?: 1 | 4;
  /** Looks for faces smaller than a fiftieth of the photo's longer side too; default: false. */
  smallFaces?: boolean;
}

/** In pixels of the picture: lengths from the outer edge of its first pixel, points from its middle. */
export interface Face {
  x: number; y: number; width: number; height: number;
  /** The subject's right eye, left eye, nose, right and left corner of the mouth. */
  landmarks: [number, number][];
  score: number;
  /** Degrees that the head is turned by, clockwise in the picture. */
  roll: number;
  /** Mean probability of its labels. */
  confidence: number;
}

/** Maps have an entry a pixel, rows from the top down. */
export interface Parsing {
  width: number; height: number;
  /** Classes; 0: background, or that nobody looked. */
  labels: Uint8Array;
  /** Whose label it is: 1 for the first face and so on; 0 where the label is. */
  numbers: Uint8Array;
  /** 255 in a face's own part, 128 in its surroundings, 0 where nobody looked. */
  coverage: Uint8Array;
  /** Of each set asked for: how much of each pixel is of it, 0 to 1. */
  mattes: Float32Array[];
  /** The largest first. */
  faces: Face[];
}

/** What went wrong. status: as segface_status of include/segface/c/segface.h, in small letters. */
export class SegfaceError extends Error { readonly status: string }

export class Segface {
  /** Fetches the weights and starts a worker. */
  static load(options?: LoadOptions): Promise<Segface>;
  readonly info: Info;
  /** Finds and parses every face of a picture. */
  parse(picture: ImageData, options?: ParseOptions): Promise<Parsing>;
  /** The picture where a matte is above 0, its colours those of what is cut out alone. */
  cutout(picture: ImageData, matte: Float32Array): Promise<ImageData>;
  /** Ends the worker; calls that wait are cancelled. */
  close(): void;
}
