// Labels of a photo by libsegface of this machine, to compare a browser's with.
//   labels NETWORK FINDER PHOTO PIXELS LABELS     PIXELS: RGBA, LABELS: a byte a pixel; prints width, height, and the
//   processor time of a call in seconds
#include <segface/c/segface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int failed(void) {
  return fprintf(stderr, "%s\n", segface_last_error()), 1;
}

static int write_file(const char* path, const void* bytes, size_t size) {
  FILE* const file = fopen(path, "wb");
  if (file == NULL) return 1;
  const int written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) != 0 || !written;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  segface_picture* picture = NULL;
  segface_image view;
  if (segface_picture_read(argv[3], &picture) || segface_picture_view(picture, &view)) return failed();
  const size_t pixels = (size_t)(view.width * view.height);
  uint8_t *rgba = malloc(4 * pixels), *labels = malloc(pixels);
  if (rgba == NULL || labels == NULL) return 1;
  for (size_t i = 0; i < pixels; ++i) {
    memcpy(rgba + 4 * i, view.pixels + 3 * i, 3);
    rgba[4 * i + 3] = 255;
  }
  segface_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.threads = 1;
  segface_parser* parser = NULL;
  if (segface_load(argv[1], argv[2], &options, &parser)) return failed();
  segface_photo_options look;
  memset(&look, 0, sizeof look);
  look.size = sizeof look;
  look.surroundings = 1;
  segface_photo_results results;
  memset(&results, 0, sizeof results);
  results.size = sizeof results;
  results.labels = labels;
  double fastest = 1e9;
  for (int i = 0; i < 5; ++i) {
    const clock_t begin = clock();
    if (segface_parse_photo(parser, &view, &look, &results)) return failed();
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds < fastest) fastest = seconds;
  }
  printf("%d %d %.4f\n", (int)view.width, (int)view.height, fastest);
  segface_free(parser);
  segface_picture_free(picture);
  const int bad = write_file(argv[4], rgba, 4 * pixels) || write_file(argv[5], labels, pixels);
  free(rgba);
  free(labels);
  return bad;
}
