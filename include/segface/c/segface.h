// The C interface: finds and parses faces, for C and for every language that can call C. libsegface is behind it.
//
//   segface_parser* parser = NULL;
//   segface_image photo = {pixels, width, height, 0, SEGFACE_RGB};
//   segface_photo_results results = {.size = sizeof results, .labels = labels};  // width x height bytes of yours
//   segface_status status = segface_load("demo.safetensors", "finder.safetensors", NULL, &parser);
//   if (status == SEGFACE_OK) status = segface_parse_photo(parser, &photo, NULL, &results);
//   if (status != SEGFACE_OK) puts(segface_last_error());
//   segface_free(parser);
//
// Results go to memory of the caller's; what that holds after an error is not said. A pointer that may be NULL is said to
// be; any other NULL, and a number that is none of its list, is answered with SEGFACE_INVALID_ARGUMENT.
//
// Structures that begin with `size` may grow: set it to their sizeof, and all that you do not name to 0, which is the
// default of every field. So a program runs with a libsegface of another version that has the same soname.
//
// Any number of threads use a parser at a time, a workspace and a tracker serve one call at a time. After a fork the child
// may go on with all of them, on one thread, and may free them.
#ifndef SEGFACE_C_SEGFACE_H
#define SEGFACE_C_SEGFACE_H

#include <stddef.h>
#include <stdint.h>

// 1000000 major + 1000 minor + patch, of this header.
#define SEGFACE_VERSION 2000

#if defined(SEGFACE_C_BUILD) && defined(_WIN32)
#define SEGFACE_C __declspec(dllexport)
#elif defined(SEGFACE_C_BUILD) && defined(__GNUC__)
#define SEGFACE_C __attribute__((visibility("default")))
#else
#define SEGFACE_C
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---- What is told and asked -----------------------------------------------------------------------------------

// How a call ended. New ones are appended.
typedef int32_t segface_status;
enum {
  SEGFACE_OK,
  SEGFACE_INVALID_ARGUMENT,    // the caller's values make no sense
  SEGFACE_BUFFER_TOO_SMALL,    // the message names the size needed
  SEGFACE_BUSY,                // the workspace or tracker is in a call of another thread
  SEGFACE_CANCELLED,           // a progress callback said so
  SEGFACE_IO,                  // the operating system refused
  SEGFACE_NOT_REGULAR_FILE,    // a folder, pipe or device where a file belongs
  SEGFACE_TRUNCATED,           // the data ends too early
  SEGFACE_CORRUPT,             // a checksum does not match
  SEGFACE_BAD_FORMAT,          // the bytes are not what the format says
  SEGFACE_BAD_LAYOUT,          // offsets and sizes contradict each other
  SEGFACE_OVERFLOW,            // a product of sizes does not fit
  SEGFACE_DUPLICATE_TENSOR,    // one name twice
  SEGFACE_MISSING_TENSOR,      // the network needs what the file lacks
  SEGFACE_UNEXPECTED_TENSOR,   // the file holds what the network does not know
  SEGFACE_SHAPE_MISMATCH,      // right name, wrong shape
  SEGFACE_UNSUPPORTED_DTYPE,   // a number format that is not read here
  SEGFACE_UNSUPPORTED_IMAGE,   // not a PNG or JPEG that is read here
  SEGFACE_UNSUPPORTED_FORMAT,  // a known format that is not read here
  SEGFACE_UNSUPPORTED_GLOBAL,  // a checkpoint refers to code
  SEGFACE_UNSUPPORTED_OPCODE,  // a checkpoint's instruction that is not read here
  SEGFACE_UNSUPPORTED_CPU,     // the processor lacks the instructions asked for
  SEGFACE_NON_FINITE,          // NaN or infinity where a number belongs
  SEGFACE_LIMIT_EXCEEDED,      // larger than the limits allow
  SEGFACE_OUT_OF_MEMORY,
  SEGFACE_OUTPUT,     // a result could not be written
  SEGFACE_NO_DEVICE,  // no accelerator
  SEGFACE_MISMATCH,   // a self-test does not agree
  SEGFACE_INTERNAL    // a bug in the library
};

// The order of the channels has no default: a face with red and blue exchanged still looks like one. Alpha is dropped.
enum { SEGFACE_RGB = 1, SEGFACE_BGR, SEGFACE_RGBA, SEGFACE_BGRA, SEGFACE_GRAY };

// Somebody's pixels, 8 bits a channel, rows from the top down. This structure does not grow.
typedef struct segface_image {
  const uint8_t* pixels;
  ptrdiff_t width, height;
  ptrdiff_t stride;  // bytes from a row to the next; 0: rows without padding
  int32_t order;     // SEGFACE_RGB ...
} segface_image;

// A found face, in pixels of the photo: lengths count from the outer edge of its first pixel, points from its middle.
// This structure does not grow.
typedef struct segface_face {
  double x, y, width, height;  // of its box, which may reach outside the photo
  // x and y of the subject's right eye, left eye, nose, right and left corner of the mouth. Upright, the right eye is at
  // the left of the picture.
  double landmarks[10];
  double score;        // of the network that finds, 0 to 1
  double probability;  // that it is a face, says the network that places the points, 0 to 1
  double roll;         // degrees that the head is turned by, clockwise in the picture
  double confidence;   // mean probability of its labels, 0 to 1; 0 where it was not parsed
} segface_face;

// Why a face was left out.
enum { SEGFACE_UNCERTAIN, SEGFACE_SMALL, SEGFACE_SMALLER_SHARE, SEGFACE_BEYOND_MOST };
// This structure does not grow.
typedef struct segface_skipped_face {
  double x, y, width, height, score;
  int32_t reason;  // SEGFACE_UNCERTAIN ...
} segface_skipped_face;

// Room for faces, the largest first, and how many of them came. Of more faces than there is room for the largest are
// taken; the others are skipped ones.
typedef struct segface_faces {
  size_t size;
  segface_face* found;  // may be NULL
  size_t found_room, found_count;
  segface_skipped_face* skipped;  // may be NULL
  size_t skipped_room, skipped_count;
} segface_faces;

// ---- Versions and errors --------------------------------------------------------------------------------------

// SEGFACE_VERSION of the library that runs.
SEGFACE_C uint32_t segface_version(void);
// What, where, expected, found, and what to do, of this thread's last call that failed; valid until the next one that
// does. Empty where none did.
SEGFACE_C const char* segface_last_error(void);
// "invalid_argument" and so on, for logs; "unknown" for what is no status.
SEGFACE_C const char* segface_status_name(segface_status status);

// ---- Networks -------------------------------------------------------------------------------------------------

// What is loaded: a network that parses, a finder, or both. Immutable.
typedef struct segface_parser segface_parser;

// What products are of: exact floats, unless said otherwise; of 16 bits; of bytes; or as low as the weight file's recipe
// allows and this processor is fast with. Labels change where two classes are about equal. A processor without
// instructions for SEGFACE_BF16 computes float32, one without those for SEGFACE_INT8 the same labels as others, slowly.
enum { SEGFACE_FLOAT32, SEGFACE_BF16, SEGFACE_INT8, SEGFACE_AUTO };

typedef struct segface_options {
  size_t size;
  int32_t threads;    // that all calls share; 0: as many as this process may keep busy
  int32_t self_test;  // not 0: replays the files' self-tests after loading (about 20 ms)
  int32_t precision;  // SEGFACE_FLOAT32 ..., of the network that parses
} segface_options;

// From the files of both, in UTF-8. Either may be NULL: without a finder faces are known, or a photo is parsed whole;
// without a network they are only found. `options` may be NULL. `*parser` is NULL after an error.
SEGFACE_C segface_status segface_load(const char* network, const char* finder, const segface_options* options,
                                      segface_parser** parser);
// The same from their bytes, which are not needed afterwards.
SEGFACE_C segface_status segface_load_memory(const void* network, size_t network_size, const void* finder,
                                             size_t finder_size, const segface_options* options,
                                             segface_parser** parser);
// NULL is left alone. What was freed must not be given again, as with free().
SEGFACE_C void segface_free(segface_parser* parser);

enum { SEGFACE_CELEB, SEGFACE_LAPA, SEGFACE_HELEN };

// Texts are the parser's, and empty where it has not what they are about.
typedef struct segface_info {
  size_t size;
  const char* backbone;
  const char* source_digest;                     // of the checkpoint that the network was converted from
  const char* finder_origin;                     // who trained the finder on what
  const char* finder_terms;                      // on which terms it may be used
  int32_t dataset;                               // SEGFACE_CELEB ...; -1 without a network
  int32_t classes;                               // labels are less
  int32_t resolution;                            // side of the square that a picture is resized to
  int32_t needs_landmarks;                       // not 0: segface_parse_crop does
  int32_t logits_height, logits_width, threads;  // threads: of a call that is alone
  int32_t precision;                             // SEGFACE_FLOAT32, or the lowest that products have here
} segface_info;
SEGFACE_C segface_status segface_get_info(const segface_parser* parser, segface_info* info);

// ---- Photos ---------------------------------------------------------------------------------------------------

typedef struct segface_find_options {
  size_t size;
  double smallest;        // face: its longer side in pixels of the photo
  double smallest_share;  // the same in parts of the largest face, 0 to 1
  double threshold;       // score from which a face counts, above 0 and at most 1; 0: 0.6
  int32_t turns;          // 0 or 4: heads turned any way; 1: within 60 degrees of upright, in less time
  int32_t small_faces;    // not 0: looks for faces smaller than a fiftieth of the photo's longer side too
} segface_find_options;

// The faces of a photo. None is an answer, not an error. `options` may be NULL.
SEGFACE_C segface_status segface_find(const segface_parser* parser, const segface_image* photo,
                                      const segface_find_options* options, segface_faces* faces);

// Called by the calling thread with the share done, 0 to 1; 0 cancels the call.
typedef int (*segface_progress)(double share, void* context);

// A part of a photo that is picked by hand: all of it; a box, which may reach outside; the square that CelebA-HQ would cut
// around five points, turned with the face; the square that Helen's networks look at.
enum { SEGFACE_REGION_WHOLE, SEGFACE_REGION_BOX, SEGFACE_REGION_CELEBA, SEGFACE_REGION_HELEN };
typedef struct segface_region {
  size_t size;
  int32_t kind;                 // SEGFACE_REGION_WHOLE ...
  int32_t x, y, width, height;  // of a box
  // x and y, in pixels of the photo: 10 numbers as of segface_face; of Helen's square 136, the 68 points that Helen has.
  // NULL where neither the kind nor the network needs any.
  const double* landmarks;
} segface_region;

typedef struct segface_photo_options {
  size_t size;
  const segface_find_options* find;  // may be NULL
  const segface_face* known;         // instead of finding faces: those whose landmarks are known; or NULL
  size_t known_count;                //
  int32_t surroundings;              // not 0: looks around each face too, for hair and clothes whole, in twice the time
  segface_progress progress;         // may be NULL
  void* context;                     // for it
  const segface_region* regions;     // instead of faces: parts picked by hand, all with landmarks or none; or NULL
  size_t region_count;               //
  const uint32_t* mattes;            // sets of labels that mattes are made of, bit `label` each; or NULL
  size_t matte_count;                //
  int32_t refine;                    // not 0: labels are redrawn along the photo's edges
} segface_photo_options;

// Each may be NULL; maps are [height, width] of the photo, without padding, and no part of it: they are written while it is
// still read.
typedef struct segface_photo_results {
  size_t size;
  uint8_t* labels;       // 0: background, or that nobody looked
  uint8_t* numbers;      // whose label it is: 1 for the first face or region and so on, 0 where the label is
  uint8_t* coverage;     // 255 in a face's own part or a region, 128 in a face's surroundings, 0 where nobody looked
  float* confidence;     // of each label, 0 to 1
  segface_faces* faces;  // room for known ones has to suffice for them; of regions none are told
  // [matte_count, height, width]: how much of each pixel is of the set, 0 to 1, along edges of the photo.
  float* mattes;
  // Of each face of a tracker's frame, with room as `faces` has: a number from 1 on that it keeps for as long as it is
  // followed.
  int64_t* tracks;
} segface_photo_results;

// Finds every face of a photo (255 at most, the largest), parses each, and puts the labels back. `options` may be NULL.
SEGFACE_C segface_status segface_parse_photo(const segface_parser* parser, const segface_image* photo,
                                             const segface_photo_options* options, segface_photo_results* results);

// ---- Videos ---------------------------------------------------------------------------------------------------

// The frames of one video, each parsed as a photo, with faces and labels that hold still: faces are looked for in every few
// frames and followed in between; a face that is new or jumps, and all of them where the scene changes, begin anew. What is
// told of a frame depends on the frames before it alone. It outlives its parser.
typedef struct segface_tracker segface_tracker;

enum { SEGFACE_UNSMOOTHED = -1 };
typedef struct segface_track_options {
  size_t size;
  const segface_photo_options* photo;  // of each frame, without known faces and regions; or NULL
  double smooth;  // above 0 to 10; 0: 1, forgets in a third of a second; SEGFACE_UNSMOOTHED: nothing
  double rate;    // frames a second, 0.01 to 10000; 0: 30
  int32_t every;  // faces are looked for in every so many frames; 0: 5
  int32_t most;   // faces at a time, the largest, 1 to 255; 0: 255
} segface_track_options;

// Of a parser with a network and a finder. `options` may be NULL, and is not needed afterwards.
SEGFACE_C segface_status segface_tracker_new(const segface_parser* parser, const segface_track_options* options,
                                             segface_tracker** tracker);
// The next frame; one of another size than the last begins another scene, and so does that after one that failed. Faces are
// told in the order in which they appeared; room for them has to suffice for `most`.
SEGFACE_C segface_status segface_tracker_next(segface_tracker* tracker, const segface_image* frame,
                                              segface_photo_results* results);
SEGFACE_C void segface_tracker_free(segface_tracker* tracker);

// ---- A crop of one face ---------------------------------------------------------------------------------------

// What one caller needs between calls: parsing one size again and again allocates nothing. It outlives its parser.
typedef struct segface_workspace segface_workspace;
SEGFACE_C segface_status segface_workspace_new(const segface_parser* parser, segface_workspace** workspace);
SEGFACE_C void segface_workspace_free(segface_workspace* workspace);

typedef struct segface_crop_options {
  size_t size;
  const double* landmarks;    // 10 numbers as of segface_face, or NULL, if the network needs none
  segface_progress progress;  // may be NULL
  void* context;              // for it
} segface_crop_options;

typedef struct segface_crop_results {
  size_t size;
  uint8_t* labels;     // [height, width] of the picture, or NULL, if logits are wanted
  float* confidence;   // [height, width], of each label, 0 to 1; may be NULL, and is without labels
  float* logits;       // [classes, logits_height, logits_width] as segface_info has them; may be NULL
  size_t logits_room;  // floats
} segface_crop_results;

// A picture that one face fills, as networks were trained on, is resized to the network's square, whole.
SEGFACE_C segface_status segface_parse_crop(segface_workspace* workspace, const segface_image* crop,
                                            const segface_crop_options* options, const segface_crop_results* results);

// ---- What labels mean -----------------------------------------------------------------------------------------

// Full words with the picture's sides; as the data set's publishers write it; full words with the person's sides.
enum { SEGFACE_NAME, SEGFACE_OFFICIAL_NAME, SEGFACE_SUBJECT_NAME };
// Of a label of a data set; NULL where there is none.
SEGFACE_C const char* segface_class_name(int32_t dataset, int32_t label, int32_t which);
// Red, green, blue as 0xRRGGBB; 0 where there is none.
SEGFACE_C uint32_t segface_class_color(int32_t dataset, int32_t label);

// Labels that are often wanted together: all bare skin; the face without ears; ...; the lips; these and what is between
// them; the hair.
enum {
  SEGFACE_GROUP_SKIN,
  SEGFACE_GROUP_FACE,
  SEGFACE_GROUP_BROWS,
  SEGFACE_GROUP_EYES,
  SEGFACE_GROUP_EARS,
  SEGFACE_GROUP_LIPS,
  SEGFACE_GROUP_MOUTH,
  SEGFACE_GROUP_HAIR
};
// Bit `label` is set where the label is in the group; 0 where there is none.
SEGFACE_C uint32_t segface_group_labels(int32_t dataset, int32_t group);

// Label numbers of other programs: ours for CelebAMask-HQ, for LaPa and Helen; CelebAMask-HQ's own; BiSeNet's.
enum { SEGFACE_AS_CELEB, SEGFACE_AS_LAPA, SEGFACE_AS_CELEBAMASK, SEGFACE_AS_BISENET };
// table[label] is the number of the label's class there, 0 where it has none. 256 bytes.
SEGFACE_C segface_status segface_numbering(int32_t dataset, int32_t numbering, uint8_t* table);

// ---- Pictures -------------------------------------------------------------------------------------------------

// A PNG or JPEG, upright as its EXIF says, in RGB.
typedef struct segface_picture segface_picture;
SEGFACE_C segface_status segface_picture_read(const char* path, segface_picture** picture);
SEGFACE_C segface_status segface_picture_decode(const void* file, size_t size, segface_picture** picture);
// Its pixels, for as long as it lives.
SEGFACE_C segface_status segface_picture_view(const segface_picture* picture, segface_image* view);
SEGFACE_C void segface_picture_free(segface_picture* picture);

// The photo mixed with the colours of its labels, (1 - alpha) photo + alpha colour: RGB, [height, width, 3], without
// padding. `labels` as of segface_photo_results.
SEGFACE_C segface_status segface_overlay(const segface_image* photo, const uint8_t* labels, int32_t dataset,
                                         double alpha, uint8_t* rgb);
// The photo where a matte is above 0: RGBA, [height, width, 4], without padding and not premultiplied; alpha is the matte's,
// [height, width], colours are those of what is cut out alone.
SEGFACE_C segface_status segface_cutout(const segface_image* photo, const float* matte, uint8_t* rgba);
// Writes a PNG, in place of a file that is there: a picture, whose alpha is kept; labels with the colours of their classes.
SEGFACE_C segface_status segface_save_picture(const char* path, const segface_image* picture);
SEGFACE_C segface_status segface_save_labels(const char* path, const uint8_t* labels, ptrdiff_t width, ptrdiff_t height,
                                             int32_t dataset);

#ifdef __cplusplus
}
#endif
#endif
