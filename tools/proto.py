"""Generates proto/gen from proto/pulse: messages, gRPC stubs, their types, and the descriptor for Envoy.

Usage: proto.py [OUTPUT_FOLDER]     (default: proto/gen; a test generates elsewhere and compares)
       proto.py --image FILE        (the descriptors with their comments, for buf)
"""

from __future__ import annotations

import importlib.resources
import pathlib
import shutil
import sys
import sysconfig

from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
VENDOR = PROTO / "vendor"


def main(out: pathlib.Path) -> None:
    """Replaces what ``out`` holds of generated packages by what the protos say today."""
    for package in ("pulse", "buf"):
        shutil.rmtree(out / package, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    own = own_files()
    (out / "pulse").mkdir()
    with_services = [name for name in own if "\nservice " in (PROTO / name).read_text()]
    run(out, ["--grpc_python_out", "--mypy_grpc_out"], with_services)
    run(out, ["--python_out", "--mypy_out"], [*own, "buf/validate/validate.proto"])
    descriptor = out / "pulse" / "descriptor.binpb"
    # Envoy turns error details into JSON only if their types are in its descriptor.
    protoc_main([f"--descriptor_set_out={descriptor}", "--include_imports", *own, *ERROR_TYPES])
    for package in ("pulse", "buf"):
        (out / package / "py.typed").touch()


QUIET = ["--mypy_opt=quiet", "--mypy_grpc_opt=quiet"]
ERROR_TYPES = ["google/rpc/status.proto", "google/rpc/error_details.proto"]


def own_files() -> list[str]:
    """Pulse's protos, by the names they import each other by."""
    return sorted(str(path.relative_to(PROTO)) for path in (PROTO / "pulse").rglob("*.proto"))


def run(out: pathlib.Path, kinds: list[str], files: list[str]) -> None:
    """One call of protoc that writes all ``kinds`` of output into ``out``."""
    protoc_main([*(f"{kind}={out}" for kind in kinds), *files])


def protoc_main(arguments: list[str]) -> None:
    """protoc with every folder of imports; ends the program if it fails."""
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    google = pathlib.Path(sysconfig.get_paths()["purelib"])
    scripts = pathlib.Path(sysconfig.get_paths()["scripts"])
    plugins = [f"--plugin={name}={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    paths = [f"-I{folder}" for folder in (PROTO, VENDOR, well_known, google)]
    if protoc.main(["protoc", *plugins, *QUIET, *paths, *arguments]) != 0:
        raise SystemExit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--image"]:
        image = pathlib.Path(sys.argv[2]).resolve()
        protoc_main([f"--descriptor_set_out={image}", "--include_imports", "--include_source_info", *own_files()])
    else:
        main(pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else PROTO / "gen")
