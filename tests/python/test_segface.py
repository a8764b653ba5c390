"""The Python package as it is installed: python -m unittest test_segface, beside nothing but NumPy."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import unittest
from pathlib import Path

import numpy as np

import segface

IMAGES = Path(os.environ["SEGFACE_TEST_DATA"]) / "images"
PORTRAIT = IMAGES / "astronaut.png"
DEMO = Path(segface.__file__).parent / "share/segface/demo.safetensors"

PARSER = segface.load()
PHOTO = segface.read(PORTRAIT)
EXPECTED = PARSER.parse(PHOTO, "rgb")


def labels_of(parser: segface.Parser) -> bytes:
    return parser.parse(PORTRAIT).labels.tobytes()


def inherited_labels(_: int) -> bytes:
    return labels_of(PARSER)


class Case(unittest.TestCase):
    def refuses(self, words: str, code: str = "invalid_argument"):
        """Checks that a block raises segface.Error of a code, whose text has some words."""
        case = self

        @contextlib.contextmanager
        def block():
            with case.assertRaisesRegex(segface.Error, words) as caught:
                yield
            case.assertEqual(caught.exception.code, code)

        return block()

    def same(self, mask: segface.Mask) -> None:
        np.testing.assert_array_equal(mask.labels, EXPECTED.labels)


class Pictures(Case):
    def test_the_labels_are_those_of_the_command_line(self):
        five = np.array([[205, 101], [248, 102], [226, 122], [206, 143], [242, 144]])
        helen = np.array([(180 + 1.25 * i, 80 + i * 7 % 90) for i in range(68)])
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours, points = Path(folder, "theirs.png"), Path(folder, "ours.png"), Path(folder, "points.txt")
            points.write_text(" ".join(map(str, (2 * helen).ravel())) + " astronaut\n")
            said = ["--landmarks", " ".join(f"{x},{y}" for x, y in five)]
            seen = set()
            for options, asked in (
                ([], {}),
                (["--whole"], {"whole": True}),
                (["--box", "120,-30,300,250"], {"box": (120, -30, 300, 250)}),
                (said, {"landmarks": five}),
                (["--box", "120,30,300,250", *said], {"box": np.array([120, 30, 300, 250]), "landmarks": five}),
                ([*said, "--align", "celeba"], {"landmarks": five.ravel(), "align": "celeba"}),
                (["--landmarks", str(points), "--align", "helen"], {"landmarks": helen, "align": "helen"}),
            ):
                command = [sys.executable, "-m", "segface", "parse", str(PORTRAIT), "-q", "--force", *options]
                subprocess.run([*command, "--mask", str(theirs), "--overlay", os.devnull], check=True)
                mask = segface.parse(PORTRAIT, confidence=False, **asked)
                mask.save(ours)
                self.assertEqual(theirs.read_bytes(), ours.read_bytes(), options)
                self.assertEqual(len(mask.faces), 0 if asked else 1)
                seen.add(mask.labels.tobytes())
            self.assertEqual(len(seen), 6)  # five points alone tell this network nothing

    def test_a_part_that_is_none_is_refused(self):
        five = EXPECTED.faces[0].landmarks
        for asked, words in (
            ({"whole": True, "box": (0, 0, 9, 9)}, "leave all but one out"),
            ({"box": (0, 0, 9, 9), "landmarks": five, "align": "celeba"}, "leave all but one out"),
            ({"align": "celeba"}, "needs landmarks"),
            ({"align": "lapa"}, "align is 'lapa'"),
            ({"align": "helen", "landmarks": five}, "68 points"),
            ({"landmarks": five[:4]}, "five points"),
            ({"landmarks": (five[1], five[0], *five[2:]), "align": "celeba"}, "region 1: landmarks: .* mirrored"),
            ({"box": EXPECTED.faces[0].box}, "whole pixels"),
            ({"box": (0, 0, 9)}, "whole pixels"),
            ({"box": 5}, "whole pixels"),
            ({"box": (2**40, 0, 9, 9)}, "whole pixels"),
            ({"box": (512, 0, 9, 9)}, "lies outside the photo"),
            ({"whole": True, "faces": EXPECTED.faces}, "leave one out"),
            ({"whole": True, "surroundings": True}, "leave one out"),
        ):
            with self.refuses(words):
                PARSER.parse(PHOTO, "rgb", **asked)

    def test_labels_are_written_where_they_are_wanted_while_a_photo_is_parsed(self):
        two, out = np.concatenate([PHOTO, PHOTO], 1), np.full((512, 1024), 77, np.uint8)
        halves = []
        watch = lambda share: halves.append([int(half.max()) for half in np.split(out, 2, 1)])
        mask = PARSER.parse(two, "rgb", out=out, progress=watch)
        self.assertIs(mask.labels, out)
        self.assertIn([0, 0], halves)
        self.assertTrue(any(min(half) == 0 < max(half) < 19 for half in halves), halves[-1])

    def test_every_order_of_colours_gives_the_same_labels(self):
        alpha = np.full((512, 512, 1), 77, np.uint8)
        bgr = np.ascontiguousarray(PHOTO[..., ::-1])
        self.same(PARSER.parse(bgr, "bgr"))
        self.same(PARSER.parse(np.concatenate([PHOTO, alpha], 2), "rgba"))
        self.same(PARSER.parse(np.concatenate([bgr, alpha], 2), "bgra"))
        self.same(PARSER.parse(str(PORTRAIT)))
        self.assertLess((PARSER.parse(bgr, "rgb").labels == EXPECTED.labels).mean(), 1)
        gray = PHOTO[..., 1].copy()
        expected = PARSER.parse(np.repeat(gray[:, :, None], 3, 2), "rgb").labels
        for picture in (gray, gray[:, :, None]):
            np.testing.assert_array_equal(PARSER.parse(picture, "gray").labels, expected)
        np.testing.assert_array_equal(PARSER.parse(gray).labels, expected)

    def test_views_are_parsed_without_a_copy(self):
        large = np.zeros((700, 640, 3), np.uint8)
        large[100:612, 50:562] = PHOTO
        view = large[100:612, 50:562]
        self.same(PARSER.parse(view, "rgb"))
        frozen = PHOTO.copy()
        frozen.flags.writeable = False
        self.same(PARSER.parse(frozen, "rgb"))
        every_second = np.repeat(PHOTO, 2, axis=0)[::2]
        self.same(PARSER.parse(every_second, "rgb"))
        one_row = PARSER.parse_crop(PHOTO[:1], "rgb")
        self.assertEqual(one_row.labels.shape, (1, 512))
        out = np.empty((512, 512), np.uint8)
        PARSER.parse_crop(view, "rgb", out=out, confidence=False)
        tracemalloc.start()
        mask = PARSER.parse_crop(view, "rgb", out=out, confidence=False)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertIs(mask.labels, out)
        self.assertLess(peak, 50_000)

    def test_tensors_of_other_libraries(self):
        class Tensor:
            def __array__(self, dtype=None, copy=None):
                return PHOTO

        class Exchanged:
            def __dlpack__(self, **options):
                return PHOTO.copy().__dlpack__()

            def __dlpack_device__(self):
                return PHOTO.__dlpack_device__()

        class OnGpu:
            def __array__(self, dtype=None, copy=None):
                raise TypeError("can't convert cuda:0 device type tensor to numpy")

        class Described:
            __array_interface__ = PHOTO.__array_interface__

        self.same(PARSER.parse(Tensor(), "rgb"))
        self.same(PARSER.parse(Described(), "rgb"))
        self.same(PARSER.parse(Exchanged(), "rgb"))
        with self.refuses("OnGpu is no array in this process's memory: can't convert cuda"):
            PARSER.parse(OnGpu(), "rgb")

    def test_pillow(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("no Pillow")
        photo = Image.open(PORTRAIT)
        self.same(segface.parse(photo.convert("RGB")))
        self.same(segface.parse(photo.convert("RGBA")))
        self.assertEqual(segface.parse(photo.convert("CMYK")).labels.shape, (512, 512))
        self.assertEqual(segface.parse(photo.convert("L")).labels.shape, (512, 512))
        with self.refuses("mode RGB is 'rgb', not 'bgr'"):
            segface.parse(photo.convert("RGB"), "bgr")

    def test_what_is_no_picture_is_refused_with_words(self):
        p = PARSER.parse
        with self.refuses("the order of colours is not said"):
            p(PHOTO)
        with self.refuses("'RGB' is unknown; known are rgb, bgr"):
            p(PHOTO, "RGB")
        with self.refuses(r"shape is \(512, 512, 3\); expected \(height, width, 4\)"):
            p(PHOTO, "rgba")
        with self.refuses("channels come last"):
            p(np.ascontiguousarray(PHOTO.transpose(2, 0, 1)), "rgb")
        with self.refuses("pixels are float32; expected uint8"):
            p(PHOTO.astype(np.float32), "rgb")
        with self.refuses("list is no picture"):
            p([[1, 2], [3, 4]], "gray")
        with self.refuses("NoneType is no picture"):
            p(None)
        for strange in (PHOTO[::-1], PHOTO[:, ::-1], PHOTO[..., ::-1], PHOTO[:, ::2], PHOTO.transpose(1, 0, 2)):
            with self.refuses("np.ascontiguousarray"):
                p(strange, "rgb")
        for empty in (PHOTO[:0], PHOTO[:, :0], PHOTO[0, 0]):
            with self.refuses("the shape is"):
                p(empty, "rgb")
        with self.refuses("/no/such.png", "io"):
            p("/no/such.png")
        with self.refuses("zero byte"):
            p("a\0b.png")
        with self.refuses("photos are read from PNG and JPEG", "unsupported_image"):
            p(__file__)
        with self.refuses("leave it out"):
            p(PORTRAIT, "bgr")

    def test_what_cannot_take_labels_is_refused(self):
        frozen = np.zeros((512, 512), np.uint8)
        frozen.flags.writeable = False
        gaps = np.zeros((512, 1024), np.uint8)[:, ::2]
        for out, words in (
            (frozen, "read-only"),
            (gaps, "gaps"),
            (np.zeros((512, 511), np.uint8), r"\(512, 511\); expected an array of uint8 \(512, 512\)"),
            (np.zeros((512, 512), np.int32), "int32"),
            ([], "list"),
        ):
            for parse in (PARSER.parse, PARSER.parse_crop):
                with self.refuses(words):
                    parse(PHOTO, "rgb", out=out)
        gray = PHOTO[..., 1].copy()
        with self.refuses("out is memory of the photo"):
            PARSER.parse(gray, out=gray)


class Results(Case):
    def test_a_mask_tells_where_classes_and_groups_are(self):
        hair = EXPECTED["hair"]
        self.assertEqual(hair.dtype, np.bool_)
        self.assertGreater(hair.sum(), 5000)
        np.testing.assert_array_equal(hair, EXPECTED.labels == 14)
        np.testing.assert_array_equal(EXPECTED[14], hair)
        np.testing.assert_array_equal(EXPECTED["image-left eye"], EXPECTED["l_eye"])
        np.testing.assert_array_equal(EXPECTED["l_eye"], EXPECTED["subject's right eye"])
        np.testing.assert_array_equal(EXPECTED.group("lips"), EXPECTED["lower lip"] | EXPECTED["upper lip"])
        self.assertEqual(EXPECTED.names[0], "background")
        self.assertEqual(len(EXPECTED.names), 19)
        self.assertEqual(segface.class_colors("celeb").shape, (19, 3))
        with self.refuses("did you mean 'glasses'"):
            EXPECTED["glases"]
        with self.refuses(r"group\('lips'\)"):
            EXPECTED["lips"]
        with self.refuses("group 'head' is unknown"):
            EXPECTED.group("head")
        with self.refuses("data set 'ffhq' is unknown"):
            segface.class_names("ffhq")

    def test_other_numberings(self):
        as_bisenet = EXPECTED.as_classes("bisenet")
        np.testing.assert_array_equal(as_bisenet == 17, EXPECTED["hair"])
        np.testing.assert_array_equal(as_bisenet == 1, EXPECTED["skin"])
        np.testing.assert_array_equal(EXPECTED.as_classes("celeb"), EXPECTED.labels)
        with self.refuses("did you mean 'bisenet'"):
            EXPECTED.as_classes("bisnet")

    def test_an_overlay_is_the_photo_and_the_colours(self):
        all_colour = EXPECTED.overlay(alpha=1)
        seen = EXPECTED.labels > 0
        np.testing.assert_array_equal(all_colour[seen], segface.class_colors("celeb")[EXPECTED.labels[seen]])
        np.testing.assert_array_equal(all_colour[~seen], PHOTO[~seen])
        bgr = np.ascontiguousarray(PHOTO[..., ::-1])
        np.testing.assert_array_equal(EXPECTED.overlay(bgr, "bgr"), EXPECTED.overlay())
        as_numbers = dataclasses.replace(EXPECTED, labels=EXPECTED.labels.astype(np.int64))
        np.testing.assert_array_equal(as_numbers.overlay(), EXPECTED.overlay())
        with self.refuses("does not belong to labels"):
            EXPECTED.overlay(PHOTO[:100], "rgb")
        with self.refuses("alpha"):
            EXPECTED.overlay(alpha=2)

    def test_faces_are_told_and_taken(self):
        (face,) = EXPECTED.faces
        self.assertEqual(PARSER.find(PHOTO, "rgb")[0].landmarks, face.landmarks)
        self.assertGreater(face.confidence, 0.5)
        self.same(PARSER.parse(PHOTO, "rgb", faces=[face]))
        self.same(PARSER.parse(PHOTO, "rgb", faces=[segface.Face((0, 0, 0, 0), face.landmarks)]))
        nobody = PARSER.parse(PHOTO, "rgb", faces=[])
        self.assertEqual((nobody.labels.max(), nobody.coverage.max(), nobody.faces), (0, 0, []))
        left_out = PARSER.parse(PHOTO, "rgb", smallest=400)
        self.assertEqual(left_out.faces, [])
        self.assertIn("small", [skipped.reason for skipped in left_out.skipped])
        two = np.concatenate([PHOTO, PHOTO], 1)
        self.assertEqual(len(PARSER.find(two, "rgb")), 2)
        one = PARSER.parse(two, "rgb", most=1)
        self.assertEqual(len(one.faces), 1)
        self.assertIn("beyond the most that were asked for", [skipped.reason for skipped in one.skipped])
        self.assertEqual(set(np.unique(PARSER.parse(two, "rgb").numbers)), {0, 1, 2})
        wide = PARSER.parse(PHOTO, "rgb", surroundings=True, confidence=False)
        self.assertIn(128, wide.coverage)
        self.assertIsNone(wide.confidence)
        for bad in ({"most": 0}, {"most": 256}, {"turns": 3}, {"turns": 0}, {"threshold": 0}, {"threshold": 2}):
            with self.refuses("expected"):
                PARSER.find(PHOTO, "rgb", **bad)
        with self.refuses("five points"):
            PARSER.parse(PHOTO, "rgb", faces=[segface.Face((0, 0, 0, 0), ((1, 2), (3, 4)))])

    def test_mattes_are_those_of_the_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "segface", "parse", str(PORTRAIT), "-q"]
            subprocess.run([*command, "--matte", "hair,skin,face", "--cutout", "hair", "-o", folder], check=True)
            mask = PARSER.parse(PHOTO, "rgb", mattes=["hair", "skin", "face", "hair"])
            self.assertEqual(list(mask.mattes), ["hair", "skin", "face"])
            for name, matte in mask.mattes.items():
                self.assertEqual((matte.dtype, matte.shape), (np.float32, (512, 512)))
                theirs = segface.read(Path(folder, f"astronaut_matte_{name}.png"))[..., 0]
                np.testing.assert_array_equal((matte * np.float32(255) + np.float32(0.5)).astype(np.uint8), theirs)
            cut = mask.cutout("hair")
            self.assertEqual(cut.shape, (512, 512, 4))
            np.testing.assert_array_equal(cut[..., :3], segface.read(Path(folder, "astronaut_cutout.png")))
            np.testing.assert_array_equal(cut, mask.cutout("hair", PHOTO[..., ::-1].copy(), "bgr"))
            np.testing.assert_array_equal(cut, pickle.loads(pickle.dumps(mask)).cutout("hair", PHOTO, "rgb"))
        self.same(mask)
        self.assertEqual(EXPECTED.mattes, {})
        refined = PARSER.parse(PHOTO, "rgb", refine=True)
        changed = (refined.labels != EXPECTED.labels).sum()
        self.assertTrue(100 < changed < 5000, changed)
        for asked, words in (
            ({"mattes": "hair"}, r"expected a list: \['hair'\]"),
            ({"mattes": ["hairs"]}, "'hairs' is unknown; did you mean 'hair'.*groups skin, face"),
            ({"mattes": [14]}, "14 is unknown"),
        ):
            with self.refuses(words):
                PARSER.parse(PHOTO, "rgb", **asked)
        with self.refuses(r"no matte 'face'.*mattes=\['face'\]"):
            EXPECTED.cutout("face")
        both = mask.cutout(mask.mattes["hair"] + mask.mattes["face"])
        self.assertGreater((both[..., 3] == 255).sum(), (cut[..., 3] == 255).sum() + 1000)
        with self.refuses("came without its photo"):
            pickle.loads(pickle.dumps(mask)).cutout("hair")
        with self.refuses("a matte of shape"):
            mask.cutout(np.zeros((5, 5), np.float32))
        with self.refuses("does not belong"):
            mask.cutout("hair", PHOTO[1:], "rgb")

    def test_a_crop(self):
        crop = segface.read(IMAGES / "astronaut_256x256.png")
        mask = PARSER.parse_crop(crop, "rgb", logits=True)
        self.assertEqual(mask.logits.shape, (19, 256, 256))
        self.assertGreater((mask.logits.argmax(0) == mask.labels).mean(), 0.999)
        self.assertTrue(((mask.confidence > 0) & (mask.confidence <= 1)).all())
        again = PARSER.parse_crop(crop, "rgb", landmarks=[(1, 1)] and np.array(PARSER.find(crop, "rgb")[0].landmarks))
        np.testing.assert_array_equal(again.labels, PARSER.parse_crop(crop, "rgb").labels)
        with self.refuses("five points"):
            PARSER.parse_crop(crop, "rgb", landmarks=[(1, 2)])
        with self.refuses("landmarks"):
            PARSER.parse_crop(crop, "rgb", landmarks=np.zeros((5, 2)))

    def test_what_is_told_can_be_pickled(self):
        mask = pickle.loads(pickle.dumps(EXPECTED))
        self.same(mask)
        self.assertEqual(mask.faces, EXPECTED.faces)
        with self.refuses("came without its photo"):
            mask.overlay()
        error = pickle.loads(pickle.dumps(segface.Error("words", "io")))
        self.assertEqual((str(error), error.code), ("words", "io"))

    def test_the_examples_of_the_page(self):
        page = Path(os.environ["SEGFACE_TEST_DATA"], "../../tools/python/README.md").read_text()
        blocks = re.findall(r"```python\n(.*?)```", page, re.S)
        self.assertGreater(len(blocks), 3)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(IMAGES.parent / "finder/group_1.jpg", Path(folder, "photo.jpg"))
            names = {}
            os.chdir(folder)
            try:
                for block in blocks:
                    exec(block, names)
            finally:
                os.chdir(before)
        self.assertEqual(len(names["faces"]), 7)
        self.assertEqual(names["logits"].shape[0], 19)


class Videos(Case):
    FRAMES = [np.ascontiguousarray(PHOTO[8 * i : 400 + 8 * i, 60 : 440 + 4 * i][:, :380]) for i in range(7)]

    def test_frames_are_those_of_the_command_line(self):
        stream = b"".join(b"P6\n380 400\n255\n" + frame.tobytes() for frame in self.FRAMES)
        for options, asked in (
            ([], {}),
            (["--every", "2", "--smooth", "0.5", "--fps", "12.5"], {"every": 2, "smooth": 0.5, "rate": 12.5}),
            (["--every", "1", "--smooth", "0"], {"every": 1, "smooth": 0}),
        ):
            command = [sys.executable, "-m", "segface", "video", "-q", "--labels", "-o", "-", *options]
            theirs = subprocess.run(command, input=stream, stdout=subprocess.PIPE, check=True).stdout
            tracker = segface.Tracker(PARSER, mattes=["hair"], **asked)
            ours = [tracker.next(frame, "rgb") for frame in self.FRAMES]
            self.assertEqual(theirs, b"".join(b"P5\n380 400\n255\n" + mask.labels.tobytes() for mask in ours))
            self.assertEqual([[face.track for face in mask.faces] for mask in ours], [[1]] * 7)
        for frame, mask in zip(self.FRAMES, ours):
            alone = PARSER.parse(frame, "rgb", mattes=["hair"])
            for name in ("labels", "confidence", "numbers", "coverage"):
                np.testing.assert_array_equal(getattr(mask, name), getattr(alone, name))
            np.testing.assert_array_equal(mask.mattes["hair"], alone.mattes["hair"])
            self.assertEqual([dataclasses.replace(face, track=0) for face in mask.faces], alone.faces)
        np.testing.assert_array_equal(mask.overlay(), alone.overlay())

    def test_a_tracker_takes_what_parse_takes(self):
        tracker = segface.Tracker()
        bgr, out = np.ascontiguousarray(PHOTO[..., ::-1]), np.empty((512, 512), np.uint8)
        self.assertIs(tracker.next(bgr, "bgr", out=out).labels, out)
        self.same(segface.Tracker(PARSER, every=1, smooth=0, confidence=False).next(PORTRAIT))
        wide = segface.Tracker(PARSER, surroundings=True, confidence=False, refine=True).next(PHOTO, "rgb")
        self.assertIn(128, wide.coverage)
        self.assertIsNone(wide.confidence)
        two = np.concatenate([PHOTO, PHOTO], 1)
        self.assertEqual([face.track for face in segface.Tracker(PARSER).next(two, "rgb").faces], [1, 2])
        one = segface.Tracker(PARSER, most=1).next(two, "rgb")
        self.assertEqual((len(one.faces), one.faces[0].track), (1, 1))
        self.assertIn("beyond the most that were asked for", [skipped.reason for skipped in one.skipped])

    def test_what_means_nothing_is_refused(self):
        for bad in ({"every": 0}, {"every": -1}, {"every": 2**40}, {"smooth": -1}, {"smooth": 11}, {"smooth": float("nan")},
                    {"rate": 0}, {"rate": 1e5}, {"most": 0}, {"threshold": 0}, {"turns": 3}):
            with self.refuses(f"{next(iter(bad))}.*expected"):
                segface.Tracker(PARSER, **bad)
        with self.refuses("unknown"):
            segface.Tracker(PARSER, mattes=["hairs"])
        with self.refuses("finder"):
            segface.Tracker(segface.load(finder=False))
        tracker = segface.Tracker(PARSER)
        with self.refuses("order of colours"):
            tracker.next(PHOTO)
        with self.refuses("cannot be pickled"):
            pickle.dumps(tracker)

    def test_progress_cancels_and_raises_and_the_next_frame_begins_anew(self):
        answers = [True, False, 1 / 3]
        watch = lambda share: answers[0] if answers[0] != 1 / 3 else 1 / 0
        tracker, alone = segface.Tracker(PARSER, progress=watch), segface.Tracker(PARSER)
        tracker.next(PHOTO, "rgb")
        answers.pop(0)
        with self.refuses("cancel", "cancelled"):
            tracker.next(PHOTO, "rgb")
        answers.pop(0)
        with self.assertRaises(ZeroDivisionError):
            tracker.next(PHOTO, "rgb")
        answers[0] = True
        again, fresh = tracker.next(PHOTO, "rgb"), alone.next(PHOTO, "rgb")
        np.testing.assert_array_equal(again.labels, fresh.labels)
        self.assertEqual(again.faces[0].track, 3)  # the frame that raised had begun one


class Parsers(Case):
    def test_networks_from_files_and_bytes(self):
        finder = DEMO.with_name("finder.safetensors")
        self.same(segface.load(DEMO.read_bytes()).parse(PHOTO, "rgb"))
        self.same(segface.load(str(DEMO), finder.read_bytes(), threads=1, self_test=True).parse(PHOTO, "rgb"))
        alone = segface.load(DEMO, False)
        self.assertEqual((alone.finder_terms, alone.dataset, alone.resolution), ("", "celeb", 256))
        self.assertIn("WIDER FACE", PARSER.finder_terms)
        with self.refuses("finder"):
            alone.parse(PHOTO, "rgb")
        self.same(alone.parse(PHOTO, "rgb", faces=EXPECTED.faces))
        with self.refuses("/no/such", "io"):
            segface.load("/no/such")
        with self.refuses("/no/such", "io"):
            segface.load(DEMO.read_bytes(), "/no/such")
        with self.refuses("header", "truncated"):
            segface.load(b"")
        with self.refuses("threads"):
            segface.load(threads=-1)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder, "model.pt")
            checkpoint.write_bytes(b"PK\3\4 a checkpoint")
            with self.assertRaisesRegex(segface.Error, "python -m segface convert .*model.pt -o model.safetensors"):
                segface.load(checkpoint)
            other = Path(folder, "other.safetensors")
            other.write_bytes(DEMO.read_bytes().replace(b'"format_version":"1"', b'"format_version":"7"'))
            with self.refuses("other.safetensors: format_version is '7', expected 1; .* newer segface", "bad_format"):
                segface.load(other)
            newer = finder.read_bytes().replace(b'"format_version":"1"', b'"format_version":"7"')
            with self.refuses("format_version is '7', expected 1", "bad_format"):
                segface.load(DEMO, newer)

    def test_precision(self):
        self.assertEqual(PARSER.precision, "float32")
        for precision in ("float32", "bf16", "int8", "auto"):
            parser = segface.load(DEMO, precision=precision, self_test=True)
            possible = {"bf16": ("bf16", "float32"), "auto": ("int8", "bf16", "float32")}.get(precision, (precision,))
            self.assertIn(parser.precision, possible)
            labels = parser.parse(PHOTO, "rgb").labels
            self.assertGreater(np.mean(labels == EXPECTED.labels), 0.995)
            self.assertEqual(np.array_equal(labels, EXPECTED.labels), parser.precision == "float32")
        self.assertEqual(pickle.loads(pickle.dumps(segface.load(DEMO, precision="int8"))).precision, "int8")
        with self.refuses("precision is 'f16'; expected one of 'float32', 'bf16', 'int8', 'auto'"):
            segface.load(precision="f16")

    def test_a_closed_parser_says_so_and_calls_under_way_end(self):
        with segface.load() as parser:
            self.same(parser.parse(PHOTO, "rgb", progress=lambda share: parser.close()))
        with self.refuses("this parser is closed"):
            parser.parse(PHOTO, "rgb")
        with self.refuses("this parser is closed"):
            parser.parse_crop(PHOTO, "rgb")
        with self.refuses("this parser is closed"):
            parser.find(PHOTO, "rgb")

    def test_progress_cancels_and_raises(self):
        shares = []
        self.same(PARSER.parse(PHOTO, "rgb", progress=shares.append))
        self.assertEqual(shares, sorted(shares))
        self.assertAlmostEqual(shares[-1], 1)
        for parse in (PARSER.parse, PARSER.parse_crop):
            with self.refuses("cancel", "cancelled"):
                parse(PHOTO, "rgb", progress=lambda share: share < 0.5)
            with self.assertRaises(ZeroDivisionError):
                parse(PHOTO, "rgb", progress=lambda share: 1 / 0)

    def test_two_threads_are_in_a_call_at_a_time_and_a_third_goes_on(self):
        both = threading.Barrier(2, timeout=60)
        met = []

        def once():
            waited = []
            meet = lambda share: waited or waited.append(both.wait())
            self.same(PARSER.parse(PHOTO, "rgb", progress=meet))
            met.append(len(waited))

        threads = [threading.Thread(target=once) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(met, [1, 1])

        wide, done = np.concatenate([PHOTO] * 4, 1), threading.Event()

        def work():
            PARSER.parse(wide, "rgb")
            done.set()

        thread = threading.Thread(target=work)
        times = [time.perf_counter()]
        thread.start()
        while not done.is_set():
            times.append(time.perf_counter())
        times.append(time.perf_counter())
        thread.join()
        longest = max(after - before for before, after in zip(times, times[1:]))
        self.assertLess(longest, (times[-1] - times[0]) / 2)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork")
    def test_a_forked_child_goes_on(self):
        child = os.fork()
        if child == 0:
            os._exit(0 if labels_of(PARSER) == EXPECTED.labels.tobytes() else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork")
    def test_a_child_that_is_forked_while_another_thread_loads_has_a_parser_of_its_own(self):
        with segface._parser._own_lock:
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                os._exit(0 if segface.parse(PORTRAIT).labels.tobytes() == EXPECTED.labels.tobytes() else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_processes(self):
        methods = [method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()]
        for method in methods:
            with multiprocessing.get_context(method).Pool(2) as pool:
                self.assertEqual(pool.map_async(labels_of, [PARSER] * 3).get(120), [EXPECTED.labels.tobytes()] * 3)
                self.assertEqual(pool.map_async(inherited_labels, range(2)).get(120), [EXPECTED.labels.tobytes()] * 2)
        again = pickle.loads(pickle.dumps(segface.load(DEMO, threads=1)))
        self.assertEqual(again.threads, 1)
        with self.refuses("cannot be pickled"):
            pickle.dumps(segface.load(DEMO.read_bytes()))


class Package(Case):
    def run_python(self, program: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env={**os.environ, **variables},
            timeout=120,
        )

    def test_an_import_that_cannot_work_names_the_machine(self):
        package = Path(segface.__file__).parent
        (library,) = package.glob("lib/libsegface*")
        content = library.read_bytes()
        newest = sorted(set(re.findall(rb"GLIBC_2\.(\d\d)\0", content)))[-1]
        kinds = {
            f"GLIBC_2.{99}": content.replace(b"GLIBC_2." + newest + b"\0", b"GLIBC_2.99\0"),  # an old glibc
            "ELFCLASS32": content[:4] + b"\1" + content[5:],
            "too short": content[:30],
        }
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(package, Path(folder, "segface"), ignore=shutil.ignore_patterns("share", "bin"))
            copied = Path(folder, "segface/lib", library.name)
            for words, bytes_ in kinds.items():
                copied.write_bytes(bytes_)
                failed = self.run_python("import segface", PYTHONPATH=folder)
                self.assertEqual(failed.returncode, 1)
                self.assertIn(
                    "ImportError: segface: its library was built for another machine than this one (64 bits",
                    failed.stderr,
                )
                self.assertIn(words, failed.stderr)
                self.assertIn("pip install .", failed.stderr)
            copied.unlink()
            self.assertRegex(
                self.run_python("import segface", PYTHONPATH=folder).stderr,
                "ImportError: segface: .* has no libsegface",
            )

    def test_the_command_line_comes_along(self):
        for command in ([sys.executable, "-m", "segface"], [str(Path(sys.executable).with_name("segface"))]):
            said = subprocess.run([*command, "--version"], capture_output=True, text=True)
            self.assertIn(f"segface {segface.__version__}", said.stdout)
            self.assertEqual(subprocess.run([*command, "nonsense"], capture_output=True).returncode, 2)

    def test_weights_by_the_environment(self):
        program = "import segface; segface.parse('x.png')"
        self.assertIn(
            "segface.Error: /no/such.safetensors",
            self.run_python(program, SEGFACE_WEIGHTS="/no/such.safetensors").stderr,
        )

    def test_the_notices_come_along(self):
        names = {path.name: path for path in importlib.metadata.files("segface-cpu") or ()}
        for name in ("LICENSE", "LICENSE.libfacedetection", "LICENSE.facenet-pytorch", "README.md", "py.typed"):
            self.assertIn(name, names)
        terms = [
            str(path.locate()) for path in importlib.metadata.files("segface-cpu") or () if "licenses" in str(path)
        ]
        self.assertIn("WIDER FACE is offered for academic research", " ".join(Path(path).read_text() for path in terms))
        self.assertEqual(importlib.metadata.version("segface-cpu"), segface.__version__)


if __name__ == "__main__":
    unittest.main()
