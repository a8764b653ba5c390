// In C: every face of a photo, its labels, and these laid over the photo.
//   05_c NETWORK.safetensors FINDER.safetensors PHOTO LABELS.png OVERLAY.png
#include <segface/c/segface.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 16 };

int main(int argc, char** argv) {
  segface_parser* parser = NULL;
  segface_picture* picture = NULL;
  segface_image photo;
  segface_face found[MOST];
  segface_faces faces = {.size = sizeof faces, .found = found, .found_room = MOST};
  segface_photo_results results = {.size = sizeof results, .faces = &faces};
  segface_info info = {.size = sizeof info};
  uint8_t* rgb = NULL;
  size_t pixels, i;
  segface_status status;
  if (argc != 6) {
    fputs("usage: 05_c NETWORK.safetensors FINDER.safetensors PHOTO LABELS.png OVERLAY.png\n", stderr);
    return 2;
  }
  status = segface_load(argv[1], argv[2], NULL, &parser);
  if (status == SEGFACE_OK) status = segface_get_info(parser, &info);
  if (status == SEGFACE_OK) status = segface_picture_read(argv[3], &picture);
  if (status == SEGFACE_OK) status = segface_picture_view(picture, &photo);
  if (status == SEGFACE_OK) {
    pixels = (size_t)photo.width * (size_t)photo.height;
    results.labels = malloc(pixels);
    rgb = malloc(3 * pixels);
    status = segface_parse_photo(parser, &photo, NULL, &results);
  }
  if (status == SEGFACE_OK) {
    for (i = 0; i < faces.found_count; ++i) {
      printf("face %u: %.0f x %.0f pixels at %.0f, %.0f, turned by %.0f degrees\n", (unsigned)i + 1, found[i].width,
             found[i].height, found[i].x, found[i].y, found[i].roll);
    }
    status = segface_save_labels(argv[4], results.labels, photo.width, photo.height, info.dataset);
  }
  if (status == SEGFACE_OK) status = segface_overlay(&photo, results.labels, info.dataset, 0.5, rgb);
  if (status == SEGFACE_OK) {
    const segface_image overlay = {rgb, photo.width, photo.height, 0, SEGFACE_RGB};
    status = segface_save_picture(argv[5], &overlay);
  }
  if (status != SEGFACE_OK) fprintf(stderr, "%s: %s\n", segface_status_name(status), segface_last_error());
  free(rgb);
  free(results.labels);
  segface_picture_free(picture);
  segface_free(parser);
  return status == SEGFACE_OK ? 0 : 1;
}
