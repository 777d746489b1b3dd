"""Runs the plugin as protoc would, over small proto trees."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

PLUGIN = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PLUGIN))

Compile = Callable[..., CodeGeneratorRequest]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write testdata/<language> anew")


@pytest.fixture
def compile_tree(tmp_path: Path) -> Compile:
    """Makes a request of testdata/proto, after replacing text in some of its files."""

    def compile_(*edits: tuple[str, str, str], parameter: str = "") -> CodeGeneratorRequest:
        tree = tmp_path / "proto"
        shutil.copytree(PLUGIN / "testdata" / "proto", tree, dirs_exist_ok=True)
        for name, old, new in edits:
            file = tree / "oaktreemodel" / "v1" / f"{name}.proto"
            text = file.read_text()
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}.proto"
            file.write_text(text.replace(old, new))
        names = sorted(str(one.relative_to(tree)) for one in tree.rglob("*.proto"))
        image = tmp_path / "image.binpb"
        wellknown = resources.files("grpc_tools").joinpath("_proto")
        code = protoc.main(
            [
                "protoc",
                f"-I{tree}",
                f"-I{wellknown}",
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={image}",
                *names,
            ]
        )
        assert code == 0
        files = FileDescriptorSet.FromString(image.read_bytes()).file
        return CodeGeneratorRequest(file_to_generate=names, proto_file=files, parameter=parameter)

    return compile_
