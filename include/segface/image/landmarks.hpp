// Five points of a face, in pixels of the photo.
#pragma once

#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE

// A place in a photo: x to the right, y down; (0, 0) is the upper left corner of the upper left pixel's square.
struct Point {
  double x = 0, y = 0;
};

// Left and right are the image's: left_eye is the eye further left in the picture, the subject's right one.
struct Landmarks {
  Point left_eye, right_eye, nose, left_mouth, right_mouth;
};

SEGFACE_END_NAMESPACE
