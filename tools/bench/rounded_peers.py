"""The networks of other engines with products of bytes, made from an ONNX file as each engine's own guide says.

ONNX Runtime: static for convolutional networks, dynamic for transformers, weights by channel. OpenVINO: NNCF, which takes
networks as transformers (model_type), activations asymmetric where that helps (the preset "mixed").
"""
import pathlib

import numpy as np


def quantise_onnxruntime(onnx: pathlib.Path, out: pathlib.Path, pictures: list[np.ndarray], transformer: bool) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(onnx), str(prepared), skip_symbolic_shape=True)
    if transformer:
        quantization.quantize_dynamic(str(prepared), str(out), per_channel=True)
    else:

        class Pictures(quantization.CalibrationDataReader):
            def __init__(self):
                self.left = iter(pictures)

            def get_next(self):
                picture = next(self.left, None)
                return None if picture is None else {"image": picture}

        quantization.quantize_static(str(prepared), str(out), Pictures(), per_channel=True)
    prepared.unlink()


def quantise_openvino(onnx: pathlib.Path, out: pathlib.Path, pictures: list[np.ndarray]) -> None:
    import nncf
    import openvino

    model = openvino.Core().read_model(onnx)
    data = nncf.Dataset([{"image": picture} for picture in pictures])
    quantised = nncf.quantize(model, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(pictures),
                              model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantised, out, compress_to_fp16=False)


def quantise(engine: str, onnx: pathlib.Path, pictures: list[np.ndarray], transformer: bool) -> pathlib.Path:
    """The file for ONNX Runtime or OpenVINO in int8, beside the ONNX file, made where it is missing."""
    if engine.startswith("onnxruntime"):
        out = onnx.with_name(onnx.stem + "_int8.onnx")
        if not out.exists():
            quantise_onnxruntime(onnx, out, pictures, transformer)
    else:
        out = onnx.with_name(onnx.stem + "_int8.xml")
        if not out.exists():
            quantise_openvino(onnx, out, pictures)
    return out
