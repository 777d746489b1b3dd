"""protoc-gen-oaktree: checks the proto tree and writes what a language's client needs of it.

The parameter `lang=python` says what to write; without it the tree is only checked.
"""

import sys

import emit_cpp
import emit_cpp_driver
import emit_go
import emit_python
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from model import Model
from rules import violations

EMITTERS = {
    "cpp": emit_cpp.emit,
    "cpp_driver": emit_cpp_driver.emit,
    "go": emit_go.emit,
    "python": emit_python.emit,
}


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """The files asked for, or every violation of the API's rules as the response's error."""
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    options = dict(one.partition("=")[::2] for one in request.parameter.split(",") if one)
    language = options.pop("lang", "")
    if options or (language and language not in EMITTERS):
        known = ", ".join(f"lang={one}" for one in EMITTERS)
        response.error = f"unknown parameter {request.parameter!r}; there is: {known}"
        return response
    model = Model(request)
    if found := violations(model):
        response.error = "\n".join(["the proto tree breaks rules of the API:", *found])
    elif language:
        for path, content in EMITTERS[language](model).items():
            response.file.add(name=path, content=content)
    return response


if __name__ == "__main__":
    asked = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(asked).SerializeToString())
