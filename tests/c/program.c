// libsegface called from C99: what it answers to NULL everywhere, to sizes of older and newer programs and to numbers that
// mean nothing, and that a photo is parsed into memory of the caller's. Run under AddressSanitizer by the preset asan.
//   segface_c_program WEIGHTS_FOLDER IMAGES_FOLDER
#include <segface/c/segface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                          \
  do {                                                            \
    if (!(condition)) {                                           \
      printf("program.c:%d: failed: %s\n", __LINE__, #condition); \
      printf("  last error: %s\n", segface_last_error());         \
      ++failures;                                                 \
    }                                                             \
  } while (0)
#define REFUSED(call) CHECK((call) == SEGFACE_INVALID_ARGUMENT)

static segface_parser* parser;
static segface_picture* picture;
static segface_image photo;
static uint8_t* labels;  // of the photo
static size_t pixels;

static void loads(const char* weights, const char* images) {
  char network[1024], finder[1024], path[1024];
  segface_options options = {.size = sizeof options, .self_test = 1};
  sprintf(network, "%.900s/demo.safetensors", weights);
  sprintf(finder, "%.900s/finder.safetensors", weights);
  sprintf(path, "%.900s/astronaut_256x256.png", images);
  CHECK(segface_load(network, finder, &options, &parser) == SEGFACE_OK);
  CHECK(segface_picture_read(path, &picture) == SEGFACE_OK);
  CHECK(segface_picture_view(picture, &photo) == SEGFACE_OK);
  pixels = (size_t)photo.width * (size_t)photo.height;
  labels = malloc(pixels);
}

static void tells_what_it_is(void) {
  segface_info info = {.size = sizeof info};
  segface_info start = {.size = 3 * sizeof(size_t)};
  CHECK(segface_version() == SEGFACE_VERSION);
  CHECK(strcmp(segface_status_name(SEGFACE_OK), "ok") == 0);
  CHECK(strcmp(segface_status_name(SEGFACE_INTERNAL), "internal") == 0);
  CHECK(strcmp(segface_status_name(-1), "unknown") == 0);
  CHECK(strcmp(segface_status_name(SEGFACE_INTERNAL + 1), "unknown") == 0);
  CHECK(segface_get_info(parser, &info) == SEGFACE_OK);
  CHECK(strcmp(info.backbone, "mobilenet") == 0);
  CHECK(info.dataset == SEGFACE_CELEB && info.classes == 19 && info.resolution == 256 && info.needs_landmarks == 0);
  CHECK(info.logits_height == 256 && info.logits_width == 256 && info.threads >= 1);
  CHECK(strstr(info.finder_origin, "YuNet") != NULL && strstr(info.finder_terms, "WIDER FACE") != NULL);
  // A program that knows of two fields gets these, and nothing is written behind them.
  CHECK(segface_get_info(parser, &start) == SEGFACE_OK);
  CHECK(strcmp(start.backbone, "mobilenet") == 0 && strlen(start.source_digest) == strlen(info.source_digest));
  CHECK(start.finder_origin == NULL && start.classes == 0);
}

static void answers_null(void) {
  segface_parser* none = parser;
  segface_picture* no_picture = picture;
  segface_workspace *workspace = NULL, *no_workspace = NULL;
  segface_tracker *tracker = NULL, *no_tracker = NULL;
  segface_face found[2];
  segface_faces faces = {.size = sizeof faces, .found = found, .found_room = 2};
  segface_photo_results nothing = {.size = sizeof nothing};
  segface_crop_results crop = {.size = sizeof crop};
  segface_image view;
  uint8_t table[256];

  REFUSED(segface_load(NULL, NULL, NULL, &none));
  CHECK(none == NULL);
  CHECK(strstr(segface_last_error(), "neither a network nor a finder") != NULL);
  REFUSED(segface_load("a", "b", NULL, NULL));
  CHECK(segface_load("/does/not/exist", NULL, NULL, &none) == SEGFACE_IO);
  CHECK(segface_load(NULL, "/does/not/exist", NULL, &none) == SEGFACE_IO);
  CHECK(strstr(segface_last_error(), "/does/not/exist") != NULL);
  REFUSED(segface_load_memory(NULL, 9, NULL, 9, NULL, &none));
  REFUSED(segface_load_memory(table, 0, NULL, 0, NULL, NULL));
  CHECK(segface_load_memory(table, 0, NULL, 0, NULL, &none) == SEGFACE_TRUNCATED);
  segface_free(NULL);
  segface_workspace_free(NULL);
  segface_picture_free(NULL);

  REFUSED(segface_get_info(NULL, NULL));
  REFUSED(segface_get_info(parser, NULL));
  REFUSED(segface_find(NULL, &photo, NULL, &faces));
  REFUSED(segface_find(parser, NULL, NULL, &faces));
  REFUSED(segface_find(parser, &photo, NULL, NULL));
  REFUSED(segface_parse_photo(NULL, &photo, NULL, &nothing));
  REFUSED(segface_parse_photo(parser, NULL, NULL, &nothing));
  REFUSED(segface_parse_photo(parser, &photo, NULL, NULL));
  CHECK(segface_parse_photo(parser, &photo, NULL, &nothing) == SEGFACE_OK);  // nothing is wanted
  REFUSED(segface_workspace_new(NULL, &no_workspace));
  REFUSED(segface_workspace_new(parser, NULL));
  CHECK(segface_workspace_new(parser, &workspace) == SEGFACE_OK);
  REFUSED(segface_parse_crop(NULL, &photo, NULL, &crop));
  REFUSED(segface_parse_crop(workspace, NULL, NULL, &crop));
  REFUSED(segface_parse_crop(workspace, &photo, NULL, NULL));
  REFUSED(segface_parse_crop(workspace, &photo, NULL, &crop));  // nothing is wanted
  segface_workspace_free(workspace);
  segface_tracker_free(NULL);
  REFUSED(segface_tracker_new(NULL, NULL, &no_tracker));
  CHECK(no_tracker == NULL);
  REFUSED(segface_tracker_new(parser, NULL, NULL));
  CHECK(segface_tracker_new(parser, NULL, &tracker) == SEGFACE_OK);
  REFUSED(segface_tracker_next(NULL, &photo, &nothing));
  REFUSED(segface_tracker_next(tracker, NULL, &nothing));
  REFUSED(segface_tracker_next(tracker, &photo, NULL));
  CHECK(segface_tracker_next(tracker, &photo, &nothing) == SEGFACE_OK);  // nothing is wanted
  segface_tracker_free(tracker);
  REFUSED(segface_numbering(SEGFACE_CELEB, SEGFACE_AS_LAPA, NULL));
  REFUSED(segface_picture_read(NULL, &no_picture));
  CHECK(no_picture == NULL);
  REFUSED(segface_picture_read("x.png", NULL));
  REFUSED(segface_picture_decode(NULL, 5, &no_picture));
  CHECK(segface_picture_decode(table, 0, &no_picture) == SEGFACE_UNSUPPORTED_IMAGE);
  REFUSED(segface_picture_view(NULL, &view));
  REFUSED(segface_picture_view(picture, NULL));
  REFUSED(segface_overlay(NULL, labels, SEGFACE_CELEB, 0.5, labels));
  REFUSED(segface_overlay(&photo, NULL, SEGFACE_CELEB, 0.5, labels));
  REFUSED(segface_overlay(&photo, labels, SEGFACE_CELEB, 0.5, NULL));
  REFUSED(segface_save_picture(NULL, &photo));
  REFUSED(segface_save_picture("x.png", NULL));
  REFUSED(segface_save_labels(NULL, labels, 1, 1, SEGFACE_CELEB));
  REFUSED(segface_save_labels("x.png", NULL, 1, 1, SEGFACE_CELEB));
}

static void refuses_what_means_nothing(void) {
  segface_image bad;
  segface_parser* none = NULL;
  segface_face found[1];
  segface_faces faces = {.size = sizeof faces, .found = found, .found_room = 1};
  segface_find_options find = {.size = sizeof find};
  segface_options options = {.size = sizeof options, .threads = -1};
  uint8_t table[256];
  const float alpha = 1;
  bad = photo, bad.order = 0;
  REFUSED(segface_find(parser, &bad, NULL, &faces));
  CHECK(strstr(segface_last_error(), "SEGFACE_RGB") != NULL);
  bad = photo, bad.order = SEGFACE_GRAY + 1;
  REFUSED(segface_find(parser, &bad, NULL, &faces));
  bad = photo, bad.pixels = NULL;
  REFUSED(segface_find(parser, &bad, NULL, &faces));
  bad = photo, bad.stride = -photo.stride;
  REFUSED(segface_find(parser, &bad, NULL, &faces));
  bad = photo, bad.height = 0;
  REFUSED(segface_find(parser, &bad, NULL, &faces));
  find.turns = 3;
  REFUSED(segface_find(parser, &photo, &find, &faces));
  find.turns = 0, find.threshold = 2;
  REFUSED(segface_find(parser, &photo, &find, &faces));
  REFUSED(segface_load("a", NULL, &options, &none));
  REFUSED(segface_overlay(&photo, labels, 3, 0.5, labels));
  REFUSED(segface_save_labels("x.png", labels, 0, 4, SEGFACE_CELEB));
  REFUSED(segface_cutout(&photo, NULL, labels));
  REFUSED(segface_cutout(&photo, &alpha, NULL));
  REFUSED(segface_cutout(NULL, &alpha, labels));
  REFUSED(segface_numbering(-1, SEGFACE_AS_CELEB, table));
  REFUSED(segface_numbering(SEGFACE_CELEB, 4, table));
  CHECK(segface_class_name(3, 0, SEGFACE_NAME) == NULL && segface_class_name(SEGFACE_CELEB, 19, SEGFACE_NAME) == NULL);
  CHECK(segface_class_name(SEGFACE_CELEB, -1, SEGFACE_NAME) == NULL && segface_class_name(SEGFACE_CELEB, 0, 3) == NULL);
  CHECK(segface_class_color(SEGFACE_CELEB, 19) == 0 && segface_group_labels(SEGFACE_CELEB, 8) == 0);
}

static void refuses_regions_that_are_none(void) {
  const double mirrored[] = {248, 102, 205, 101, 226, 122, 206, 143, 242, 144};
  double many[136] = {0};
  segface_region regions[2] = {{.size = sizeof regions[0]}, {.size = sizeof regions[1], .landmarks = mirrored}};
  segface_face known[1];
  segface_photo_options options = {.size = sizeof options, .regions = regions, .region_count = 1};
  segface_photo_results results = {.size = sizeof results, .labels = labels};
  CHECK(segface_parse_photo(parser, &photo, &options, &results) == SEGFACE_OK);  // all of the photo
  options.known = known;
  REFUSED(segface_parse_photo(parser, &photo, &options, &results));
  CHECK(strstr(segface_last_error(), "leave one out") != NULL);
  options.known = NULL, options.region_count = 2;
  REFUSED(segface_parse_photo(parser, &photo, &options, &results));  // landmarks of one of them
  options.region_count = 1;
  regions[0].kind = SEGFACE_REGION_BOX;
  REFUSED(segface_parse_photo(parser, &photo, &options, &results));
  CHECK(strstr(segface_last_error(), "region 1: box: 0 x 0 pixels") != NULL);
  regions[0].x = 256, regions[0].width = regions[0].height = 9;
  REFUSED(segface_parse_photo(parser, &photo, &options, &results));
  for (regions[0].kind = SEGFACE_REGION_CELEBA; regions[0].kind <= SEGFACE_REGION_HELEN; ++regions[0].kind) {
    regions[0].landmarks = NULL;
    REFUSED(segface_parse_photo(parser, &photo, &options, &results));
    CHECK(strstr(segface_last_error(), "is a null pointer") != NULL);
    many[135] = 1e300;
    regions[0].landmarks = regions[0].kind == SEGFACE_REGION_HELEN ? many : mirrored;
    REFUSED(segface_parse_photo(parser, &photo, &options, &results));
  }
  regions[0].kind = SEGFACE_REGION_HELEN + 1;
  REFUSED(segface_parse_photo(parser, &photo, &options, &results));
  CHECK(strstr(segface_last_error(), "SEGFACE_REGION_WHOLE") != NULL);
  regions[0].size = 0;
  REFUSED(segface_parse_photo(parser, &photo, &options, &results));
}

static void reads_structures_of_any_size(void) {
  struct {
    segface_find_options known;
    double unknown;
  } newer = {.known = {.size = sizeof newer}};
  segface_find_options options = {.turns = 77};  // which a program of one field does not know of
  segface_face found[1];
  segface_faces faces = {.size = sizeof faces, .found = found, .found_room = 1};
  struct {
    size_t size;
    segface_face* found;
    size_t room, count;
  } first_version = {sizeof first_version, found, 1, 9};

  options.size = 0;
  REFUSED(segface_find(parser, &photo, &options, &faces));
  CHECK(strstr(segface_last_error(), "segface_find_options: its size is 0") != NULL);
  options.size = sizeof(size_t) + 1;
  REFUSED(segface_find(parser, &photo, &options, &faces));
  options.size = (size_t)-8;
  REFUSED(segface_find(parser, &photo, &options, &faces));
  options.size = sizeof(size_t);
  CHECK(segface_find(parser, &photo, &options, &faces) == SEGFACE_OK);
  CHECK(faces.found_count == 1);
  // A newer program that asks for nothing new is served, another one is told.
  CHECK(segface_find(parser, &photo, &newer.known, &faces) == SEGFACE_OK);
  newer.unknown = 1;
  REFUSED(segface_find(parser, &photo, &newer.known, &faces));
  CHECK(strstr(segface_last_error(), "does not know") != NULL);
  // Nothing is written behind a shorter structure (the sanitizer would see it).
  CHECK(segface_find(parser, &photo, NULL, (segface_faces*)(void*)&first_version) == SEGFACE_OK);
  CHECK(first_version.count == 1);
}

// An older program's options end before the precision; its segface_options has as many bytes as this.
struct old_options {
  size_t size;
  int32_t threads, self_test;
};

static void loads_with_a_precision(const char* weights) {
  char network[1024];
  segface_options options = {.size = sizeof options, .self_test = 1};
  struct old_options old = {.size = sizeof old, .self_test = 1};
  segface_parser* other = NULL;
  segface_info info = {.size = sizeof info};
  int32_t precision;
  sprintf(network, "%.900s/demo.safetensors", weights);
  CHECK(segface_get_info(parser, &info) == SEGFACE_OK && info.precision == SEGFACE_FLOAT32);
  for (precision = SEGFACE_FLOAT32; precision <= SEGFACE_AUTO; ++precision) {
    options.precision = precision;
    CHECK(segface_load(network, NULL, &options, &other) == SEGFACE_OK);
    CHECK(segface_get_info(other, &info) == SEGFACE_OK);
    CHECK(precision != SEGFACE_FLOAT32 || info.precision == SEGFACE_FLOAT32);
    CHECK(precision != SEGFACE_BF16 || info.precision == SEGFACE_BF16 || info.precision == SEGFACE_FLOAT32);
    CHECK(precision != SEGFACE_INT8 || info.precision == SEGFACE_INT8);
    CHECK(info.precision <= SEGFACE_INT8);
    segface_free(other);
  }
  CHECK(segface_load(network, NULL, (const segface_options*)(const void*)&old, &other) == SEGFACE_OK);
  CHECK(segface_get_info(other, &info) == SEGFACE_OK && info.precision == SEGFACE_FLOAT32);
  segface_free(other);
  for (precision = -1; precision <= SEGFACE_AUTO + 1; precision += SEGFACE_AUTO + 2) {
    options.precision = precision;
    REFUSED(segface_load(network, NULL, &options, &other));
    CHECK(strstr(segface_last_error(), "SEGFACE_AUTO") != NULL);
  }
}

static int stop_at_half(double share, void* context) {
  *(double*)context = share;
  return share < 0.5;
}

static void parses(void) {
  segface_face found[4];
  segface_faces faces = {.size = sizeof faces, .found = found, .found_room = 4};
  segface_photo_results results = {.size = sizeof results, .labels = labels, .faces = &faces};
  segface_photo_options options = {.size = sizeof options, .progress = stop_at_half};
  segface_crop_options crop_options = {.size = sizeof crop_options, .progress = stop_at_half};
  segface_crop_results crop = {.size = sizeof crop, .labels = labels};
  segface_workspace* workspace = NULL;
  segface_tracker* tracker = NULL;
  double share = 0;
  float logit;
  size_t i, hair = 0, known = 0;
  uint8_t* rgb = malloc(3 * pixels);

  CHECK(segface_parse_photo(parser, &photo, NULL, &results) == SEGFACE_OK);
  CHECK(faces.found_count == 1 && found[0].score > 0.5 && found[0].confidence > 0.5 && found[0].width > 30);
  for (i = 0; i < pixels; ++i) hair += segface_group_labels(SEGFACE_CELEB, SEGFACE_GROUP_HAIR) >> labels[i] & 1;
  CHECK(hair > 1000);
  CHECK(segface_overlay(&photo, labels, SEGFACE_CELEB, 1, rgb) == SEGFACE_OK);
  for (i = 0; i < pixels; ++i) {
    const uint32_t color = (uint32_t)rgb[3 * i] << 16 | (uint32_t)rgb[3 * i + 1] << 8 | rgb[3 * i + 2];
    known += labels[i] == 0 || color == segface_class_color(SEGFACE_CELEB, labels[i]);
  }
  CHECK(known == pixels);
  free(rgb);

  // Known faces need as much room; without a face nothing is labelled.
  options.progress = NULL, options.known = found, options.known_count = 2, faces.found_room = 1;
  found[1] = found[0];
  CHECK(segface_parse_photo(parser, &photo, &options, &results) == SEGFACE_BUFFER_TOO_SMALL);
  options.known_count = 0;
  CHECK(segface_parse_photo(parser, &photo, &options, &results) == SEGFACE_OK);
  CHECK(faces.found_count == 0 && memchr(labels, 14, pixels) == NULL);
  faces.found_room = 0;
  CHECK(segface_find(parser, &photo, NULL, &faces) == SEGFACE_BUFFER_TOO_SMALL);
  CHECK(segface_parse_photo(parser, &photo, NULL, &results) == SEGFACE_BUFFER_TOO_SMALL);
  results.faces = NULL;

  options.known = NULL, options.progress = stop_at_half, options.context = &share;
  CHECK(segface_parse_photo(parser, &photo, &options, &results) == SEGFACE_CANCELLED);
  CHECK(share >= 0.5);
  CHECK(segface_workspace_new(parser, &workspace) == SEGFACE_OK);
  share = 0, crop_options.context = &share;
  CHECK(segface_parse_crop(workspace, &photo, &crop_options, &crop) == SEGFACE_CANCELLED);
  CHECK(share >= 0.5);
  CHECK(segface_parse_crop(workspace, &photo, NULL, &crop) == SEGFACE_OK);  // the callback was of one call
  crop.logits = &logit;
  CHECK(segface_parse_crop(workspace, &photo, NULL, &crop) == SEGFACE_BUFFER_TOO_SMALL);
  crop.logits_room = 1;
  CHECK(segface_parse_crop(workspace, &photo, NULL, &crop) == SEGFACE_BUFFER_TOO_SMALL);
  CHECK(strstr(segface_last_error(), "1245184") != NULL);
  CHECK(segface_tracker_new(parser, NULL, &tracker) == SEGFACE_OK);
  segface_free(parser);
  crop.logits = NULL;
  CHECK(segface_parse_crop(workspace, &photo, NULL, &crop) == SEGFACE_OK);  // a workspace outlives its parser
  segface_workspace_free(workspace);
  CHECK(segface_tracker_next(tracker, &photo, &results) == SEGFACE_OK);  // and so does a tracker
  segface_tracker_free(tracker);
}

#define REFUSES_OPTION(name)                                              \
  do {                                                                    \
    REFUSED(segface_tracker_new(parser, &options, &tracker));             \
    CHECK(strstr(segface_last_error(), name) != NULL && tracker == NULL); \
  } while (0)

static void refuses_trackers_that_mean_nothing(const char* weights) {
  segface_parser* alone = NULL;
  segface_tracker* tracker = NULL;
  segface_find_options find = {.size = sizeof find, .turns = 3};
  segface_photo_options of_frame = {.size = sizeof of_frame};
  segface_track_options options = {.size = sizeof options, .photo = &of_frame};
  segface_face found[2];
  segface_region region = {.size = sizeof region};
  segface_faces faces = {.size = sizeof faces, .found = found, .found_room = 1};
  segface_photo_results results = {.size = sizeof results, .faces = &faces};
  int64_t tracks[2];
  char path[1024];
  options.every = -1;
  REFUSES_OPTION("every: -1");
  options.every = 0, options.smooth = 11;
  REFUSES_OPTION("smooth");
  options.smooth = -0.5;
  REFUSES_OPTION("smooth");
  options.smooth = 0, options.rate = 1e9;
  REFUSES_OPTION("rate");
  options.rate = 0, options.most = 256;
  REFUSES_OPTION("most: 256");
  options.most = -1;
  REFUSES_OPTION("most: -1");
  options.most = 2, of_frame.known = found;
  REFUSES_OPTION("`known`");
  of_frame.known = NULL, of_frame.regions = &region;
  REFUSES_OPTION("`regions`");
  of_frame.regions = NULL, of_frame.find = &find;
  REFUSES_OPTION("turns: 3");
  of_frame.find = NULL, of_frame.size = 3;
  REFUSES_OPTION("segface_photo_options: its size is 3");
  of_frame.size = sizeof of_frame;
  sprintf(path, "%.900s/demo.safetensors", weights);
  CHECK(segface_load(path, NULL, NULL, &alone) == SEGFACE_OK);
  REFUSED(segface_tracker_new(alone, NULL, &tracker));
  CHECK(strstr(segface_last_error(), "finder") != NULL);
  segface_free(alone);

  CHECK(segface_tracker_new(parser, &options, &tracker) == SEGFACE_OK);
  CHECK(segface_tracker_next(tracker, &photo, &results) == SEGFACE_BUFFER_TOO_SMALL);
  CHECK(strstr(segface_last_error(), "room for 1 faces, but the tracker may follow 2") != NULL);
  results.faces = NULL, results.tracks = tracks;
  REFUSED(segface_tracker_next(tracker, &photo, &results));
  CHECK(strstr(segface_last_error(), "`tracks`") != NULL);
  results.faces = &faces, faces.found_room = 2;
  CHECK(segface_tracker_next(tracker, &photo, &results) == SEGFACE_OK);
  CHECK(faces.found_count == 1 && tracks[0] == 1);
  segface_tracker_free(tracker);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  loads(argv[1], argv[2]);
  if (failures == 0) {
    tells_what_it_is();
    loads_with_a_precision(argv[1]);
    answers_null();
    refuses_what_means_nothing();
    refuses_regions_that_are_none();
    refuses_trackers_that_mean_nothing(argv[1]);
    reads_structures_of_any_size();
    parses();
  }
  free(labels);
  segface_picture_free(picture);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
