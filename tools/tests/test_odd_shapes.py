"""What does not look like a resource at first keeps the rules, too: docs/api.rst, section 9.

None of these is in the tree yet. Were a rule to forbid one, the rule would be wrong, and it would
be too late to mend it once the first release is out.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

HEADER = """\
syntax = "proto3";
package oaktreemodel.v1;
option csharp_namespace = "Oaktree.V1";
option go_package = "opendev.org/openstack/oaktree/go/oaktreemodel/v1;oaktreemodelv1";
option java_multiple_files = true;
option java_package = "org.openstack.oaktreemodel.v1";
option ruby_package = "Oaktree::V1";
"""
# Where what a shape may use comes from.
IMPORTS = {
    "google/protobuf/duration.proto": "google.protobuf.Duration",
    "google/protobuf/timestamp.proto": "google.protobuf.Timestamp",
    "oaktreemodel/v1/common.proto": "Limit|Reference|State|StringList",
    "oaktreemodel/v1/error.proto": "Failure",
    "oaktreemodel/v1/filter.proto": "Filter",
    "oaktreemodel/v1/location.proto": "Location",
}

# A file's name, the calls of its service, and its messages but for what every one of them has:
# `location` in resources and requests, and `request_id` in what changes something.
SHAPES = {
    # Lives in another, where two may have one name: `parent`, and what makes them distinct.
    "dns_recordset": """
        rpc ListDnsRecordsets stream
        rpc GetDnsRecordset
        rpc CreateDnsRecordset
        rpc UpdateDnsRecordset
        rpc DeleteDnsRecordset
        rpc WaitDnsRecordset stream
        message DnsRecordset { string id = 2; string name = 3; State state = 4; string status = 5;
            string description = 8; Reference parent = 10;
            string type = 16; repeated string records = 17; optional int64 ttl_seconds = 18; }
        message ListDnsRecordsetsRequest { string parent = 4; repeated Filter where = 6; }
        message ListDnsRecordsetsResponse { repeated DnsRecordset dns_recordsets = 1;
            repeated Failure failures = 2; }
        message GetDnsRecordsetRequest { string name_or_id = 2; string parent = 4;
            string type = 16; }
        message GetDnsRecordsetResponse { DnsRecordset dns_recordset = 1; }
        message CreateDnsRecordsetRequest { string parent = 4; string name = 16; string type = 17;
            repeated string records = 18; optional int64 ttl_seconds = 19; }
        message CreateDnsRecordsetResponse { DnsRecordset dns_recordset = 1; }
        message UpdateDnsRecordsetRequest { string name_or_id = 2; string parent = 4;
            StringList records = 16; optional int64 ttl_seconds = 17; }
        message UpdateDnsRecordsetResponse { DnsRecordset dns_recordset = 1; }
        message DeleteDnsRecordsetRequest { string name_or_id = 2; string parent = 4; }
        message DeleteDnsRecordsetResponse { }
        message WaitDnsRecordsetRequest { string name_or_id = 2; string parent = 4;
            State until = 16; }
        message WaitDnsRecordsetResponse { DnsRecordset dns_recordset = 1; }
    """,
    # One of its kind: no List and no Create, Delete is back to the default.
    "quota": """
        rpc GetQuota
        rpc UpdateQuota
        rpc DeleteQuota
        message Quota { QuotaPart compute = 16; QuotaPart network = 17; }
        part QuotaPart { Limit instances = 1; Limit cores = 2; Limit ram_mib = 3; }
        message GetQuotaRequest { string name_or_id = 2; google.protobuf.Duration max_age = 5; }
        message GetQuotaResponse { Quota quota = 1; google.protobuf.Timestamp as_of = 3; }
        message UpdateQuotaRequest { string name_or_id = 2; QuotaPart compute = 16; }
        message UpdateQuotaResponse { Quota quota = 1; }
        message DeleteQuotaRequest { string name_or_id = 2; }
        message DeleteQuotaResponse { }
    """,
    # A relation, here of roles, users and projects: Add, Remove and List of what it belongs to.
    "identity_project": """
        rpc GetIdentityProject
        rpc AddIdentityProjectRole
        rpc RemoveIdentityProjectRole
        rpc ListIdentityProjectRoles stream
        message IdentityProject { string id = 2; string name = 3; optional bool is_enabled = 16; }
        message IdentityProjectRole { Reference role = 16; Reference user = 17;
            Reference group = 18; }
        message GetIdentityProjectRequest { string name_or_id = 2; }
        message GetIdentityProjectResponse { IdentityProject identity_project = 1; }
        message AddIdentityProjectRoleRequest { string name_or_id = 2; string role = 16;
            string user = 17; string group = 18; }
        message AddIdentityProjectRoleResponse { IdentityProjectRole identity_project_role = 1; }
        message RemoveIdentityProjectRoleRequest { string name_or_id = 2; string role = 16;
            string user = 17; string group = 18; }
        message RemoveIdentityProjectRoleResponse { }
        message ListIdentityProjectRolesRequest { string name_or_id = 2; }
        message ListIdentityProjectRolesResponse { repeated Failure failures = 2;
            repeated IdentityProjectRole identity_project_roles = 1; }
    """,
    # Nameless: by id alone. The group it is in is its parent.
    "security_group_rule": """
        rpc ListSecurityGroupRules stream
        rpc GetSecurityGroupRule
        rpc CreateSecurityGroupRule
        rpc DeleteSecurityGroupRule
        message SecurityGroupRule { string id = 2; string description = 8; Reference parent = 10;
            string direction = 16; string ethertype = 17; string protocol = 18;
            optional int32 port_range_min = 19; optional int32 port_range_max = 20;
            string remote_ip_prefix = 21; Reference remote_group = 22; }
        message ListSecurityGroupRulesRequest { string parent = 4; repeated Filter where = 6; }
        message ListSecurityGroupRulesResponse { repeated Failure failures = 2;
            repeated SecurityGroupRule security_group_rules = 1; }
        message GetSecurityGroupRuleRequest { string name_or_id = 2; }
        message GetSecurityGroupRuleResponse { SecurityGroupRule security_group_rule = 1; }
        message CreateSecurityGroupRuleRequest { string parent = 4; string direction = 16;
            string protocol = 17; optional int32 port_range_min = 18; string remote_group = 19; }
        message CreateSecurityGroupRuleResponse { SecurityGroupRule security_group_rule = 1; }
        message DeleteSecurityGroupRuleRequest { string name_or_id = 2; }
        message DeleteSecurityGroupRuleResponse { }
    """,
    # Keyed by name, and too many to list whole: `limit`, `after`, and conditions on the name.
    "stored_object": """
        rpc ListStoredObjects stream
        rpc GetStoredObject
        rpc DeleteStoredObject
        message StoredObject { string id = 2; string name = 3;
            google.protobuf.Timestamp updated_at = 7; Reference parent = 10;
            optional int64 size_bytes = 16; string content_type = 17; string etag = 18;
            optional bool is_prefix = 19; }
        message ListStoredObjectsRequest { string parent = 4; repeated Filter where = 6;
            int32 limit = 7; string after = 8; string delimiter = 16; }
        message ListStoredObjectsResponse { repeated StoredObject stored_objects = 1;
            repeated Failure failures = 2; }
        message GetStoredObjectRequest { string name_or_id = 2; string parent = 4; }
        message GetStoredObjectResponse { StoredObject stored_object = 1; }
        message DeleteStoredObjectRequest { string name_or_id = 2; string parent = 4; }
        message DeleteStoredObjectResponse { }
    """,
    # Lives in another; its id is its port's, and it is found by its subnet, too.
    "router_interface": """
        rpc ListRouterInterfaces stream
        rpc CreateRouterInterface
        rpc DeleteRouterInterface
        message RouterInterface { string id = 2; State state = 4; string status = 5;
            Reference parent = 10; Reference port = 16; Reference subnet = 17;
            string fixed_ip = 18; }
        message ListRouterInterfacesRequest { string parent = 4; repeated Filter where = 6; }
        message ListRouterInterfacesResponse { repeated RouterInterface router_interfaces = 1;
            repeated Failure failures = 2; }
        message CreateRouterInterfaceRequest { string parent = 4; string subnet = 16;
            string port = 17; }
        message CreateRouterInterfaceResponse { RouterInterface router_interface = 1; }
        message DeleteRouterInterfaceRequest { string name_or_id = 2; string parent = 4;
            string subnet = 16; }
        message DeleteRouterInterfaceResponse { }
    """,
}


def proto(name: str, shape: str) -> str:
    """The whole file, with a comment on everything."""
    noun = "".join(word.capitalize() for word in name.split("_"))
    lines = ["// It.", f"service {noun}Service {{"]
    for rpc, stream in re.findall(r"^ *rpc (\w+)(?: (stream))?$", shape, re.MULTILINE):
        lines += ["  // It.", f"  rpc {rpc}({rpc}Request) returns ({stream} {rpc}Response);"]
    lines.append("}")
    for kind, message, body in re.findall(r"\b(message|part) (\w+) \{(.*?)\}", shape, re.DOTALL):
        fields = [one.strip() for one in body.split(";") if one.strip()]
        is_change = message.endswith("Request") and not re.match("List|Get|Wait", message)
        if kind == "message" and not message.endswith("Response"):
            fields.insert(0, "Location location = 1")
        if is_change:
            fields.append("string request_id = 3")
        lines += ["// It.", f"message {message} {{"]
        for field in fields:
            lines += ["  // It.", f"  {field};"]
        lines.append("}")
    text = "\n".join(lines)
    imports = [
        f'import "{path}";'
        for path, names in IMPORTS.items()
        if re.search(rf"^ +(repeated )?({names}) ", text, re.MULTILINE)
    ]
    return "\n".join([HEADER, *imports, text, ""])


def check(root: Path, tree: Path, name: str, shape: str) -> str:
    """What buf and the plugin have to say against it, as part of the whole tree."""
    (tree / "proto" / "oaktreemodel" / "v1" / f"{name}.proto").write_text(proto(name, shape))
    (tree / "tools" / "protoc-gen-oaktree").symlink_to(root / "tools" / "protoc-gen-oaktree")
    template = str(root / "tools" / "buf.check.yaml")
    said = ""
    for command in (["buf", "lint"], ["buf", "generate", "--template", template]):
        done = subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)
        said += done.stdout + done.stderr
        assert bool(done.returncode) == bool(done.stdout + done.stderr), said
    return said


@pytest.mark.parametrize("name", SHAPES)
def test_shape_keeps_the_rules(root: Path, tree: Path, name: str) -> None:
    assert check(root, tree, name, SHAPES[name]) == ""


def test_shapes_are_really_checked(root: Path, tree: Path) -> None:
    shape = SHAPES["quota"].replace("string name_or_id = 2", "string name_or_id = 20")
    assert "GetQuotaRequest.name_or_id must have number 2" in check(root, tree, "quota", shape)
