"""A stand-in for DigitalOcean's Terraform provider, where the real one cannot be fetched.

It speaks Terraform's plugin protocol and has the names and types of the real provider (version
2.71.0, see schema.json), so that `terraform validate`, `plan` and `apply` evaluate everything that
we wrote. It reaches nothing: what DigitalOcean would answer is invented. It knows no limits that
the real one checks by itself (names of sizes and regions, what cannot be changed in place).

Usage: standin.py SOCKET; prints the value of TF_REATTACH_PROVIDERS, serves until it is ended.
"""

import json
import os
import sys
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

Values = dict[str, Any]
SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text())
UNKNOWN = msgpack.ExtType(0, b"\x00")
NESTING = {
    "single": pb.Schema.NestedBlock.SINGLE,
    "list": pb.Schema.NestedBlock.LIST,
    "set": pb.Schema.NestedBlock.SET,
}
INVENTED = {"string": "invented", "number": 1, "bool": False}


def as_message(block: Values) -> pb.Schema.Block:
    message = pb.Schema.Block()
    for name, one in sorted(block["attributes"].items()):
        flags = {flag: one[flag] for flag in ("required", "optional", "computed") if flag in one}
        kind = json.dumps(one["type"]).encode()
        message.attributes.add(name=name, type=kind, sensitive=one.get("sensitive", False), **flags)
    for name, one in sorted(block.get("block_types", {}).items()):
        message.block_types.add(
            type_name=name,
            block=as_message(one["block"]),
            nesting=NESTING[one["nesting_mode"]],
            min_items=one.get("min_items", 0),
            max_items=one.get("max_items", 0) if one["nesting_mode"] != "single" else 0,
        )
    return message


def as_schema(block: Values) -> pb.Schema:
    return pb.Schema(version=0, block=as_message(block))


def read(value: pb.DynamicValue) -> Any:
    if value.json:
        return json.loads(value.json)
    return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType, strict_map_key=False)


def written(value: Any) -> pb.DynamicValue:
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def block_of(name: str) -> Values:
    found = SCHEMA["resource_schemas"].get(name) or SCHEMA["data_source_schemas"][name]
    return dict(found["block"])


def filled(
    block: Values, value: Values, invent: Callable[[str, Any], Any], *, gap: Any = None
) -> Values:
    """`value` with what the provider computes in the place of each `gap` (null or unknown)."""
    result = dict(value)
    for name, one in block["attributes"].items():
        if one.get("computed") and result.get(name) == gap:
            result[name] = invent(name, one["type"])
    for name, one in block.get("block_types", {}).items():
        inner = result.get(name)
        if isinstance(inner, list):
            result[name] = [filled(one["block"], item, invent, gap=gap) for item in inner]
    return result


def invention(resource: str, number: int) -> Callable[[str, Any], Any]:
    def invent(name: str, kind: Any) -> Any:
        if isinstance(kind, list):
            return []
        if name in ("id", "uuid") and resource == "digitalocean_droplet":
            return str(1000 + number)
        if "ip" in name.split("_") or name.startswith("ipv4"):
            return f"192.0.2.{number}"
        return f"{resource}-{name}-{number}" if kind == "string" else INVENTED[kind]

    return invent


class Servicer(rpc.ProviderServicer):  # type: ignore[misc]
    made = 0

    def GetMetadata(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "not there")

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        kinds = ("resource_schemas", "data_source_schemas")
        return pb.GetProviderSchema.Response(
            provider=as_schema(SCHEMA["provider"]["block"]),
            **{
                kind: {name: as_schema(one["block"]) for name, one in SCHEMA[kind].items()}
                for kind in kinds
            },
            server_capabilities=pb.ServerCapabilities(get_provider_schema_optional=False),
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        state = json.loads(request.raw_state.json)
        return pb.UpgradeResourceState.Response(upgraded_state=written(state))

    def ReadResource(self, request: Any, context: Any) -> Any:
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        proposed = read(request.proposed_new_state)
        if proposed is not None and read(request.prior_state) is None:
            block = block_of(request.type_name)
            proposed = filled(block, proposed, lambda name, kind: UNKNOWN)
        return pb.PlanResourceChange.Response(planned_state=written(proposed))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        planned = read(request.planned_state)
        if planned is not None:
            Servicer.made += 1
            invent = invention(request.type_name, Servicer.made)
            planned = filled(block_of(request.type_name), planned, invent, gap=UNKNOWN)
        return pb.ApplyResourceChange.Response(new_state=written(planned))

    def ImportResourceState(self, request: Any, context: Any) -> Any:
        block = block_of(request.type_name)
        empty: Values = dict.fromkeys(block["attributes"])
        nested = block.get("block_types", {})
        empty |= {
            name: None if one["nesting_mode"] == "single" else [] for name, one in nested.items()
        }
        state = filled(block, empty | {"id": request.id}, invention(request.type_name, 200))
        imported = pb.ImportResourceState.ImportedResource(
            type_name=request.type_name, state=written(state)
        )
        return pb.ImportResourceState.Response(imported_resources=[imported])

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        config = read(request.config)
        state = filled(block_of(request.type_name), config, invention(request.type_name, 7))
        return pb.ReadDataSource.Response(state=written(state))

    def GetFunctions(self, request: Any, context: Any) -> Any:
        return pb.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:
        return pb.StopProvider.Response()


def main(socket: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    rpc.add_ProviderServicer_to_server(Servicer(), server)
    server.add_insecure_port(f"unix://{socket}")
    server.start()
    how = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,
        "Addr": {"Network": "unix", "String": socket},
    }
    sys.stdout.write(json.dumps({"registry.terraform.io/digitalocean/digitalocean": how}) + "\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
