// Another file of the program that decodes photos.
#include "segface/image/file.hpp"

bool refuses_no_photo() {
  return !segface::load_image("no such photo").ok();
}
