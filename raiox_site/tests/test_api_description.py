"""`/openapi.json` says of every call what it is for, who may make it, and how it may end."""

import json
import re
from functools import cache

import pytest
from django.urls import URLPattern, get_resolver
from drf_spectacular.generators import SchemaGenerator
from openapi_schema_validator import OAS30Validator

METHODS = ("get", "post", "put", "patch", "delete")
UNDESCRIBED = {"openapi", "docs"}


@cache
def description():
    return json.loads(json.dumps(SchemaGenerator().get_schema(public=True), default=str))


def operations():
    return [
        pytest.param(path, method, operation, id=f"{method} {path}")
        for path, item in description()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def resolved(node):
    """What a reference stands for."""
    if "$ref" not in node:
        return node
    found = description()
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def examples(content):
    given = [one["value"] for one in content.get("examples", {}).values()]
    return given or [
        resolved(content["schema"])[key]
        for key in ("example",)
        if "example" in resolved(content["schema"])
    ]


def bodies(operation):
    """(what it is, content of one media type) of the request and the answers of a call."""
    request = operation.get("requestBody", {}).get("content", {})
    yield from (("request", content) for content in request.values())
    for status, response in operation["responses"].items():
        for kind, content in resolved(response).get("content", {}).items():
            if kind == "application/json":
                yield status, content


def errors_of(value, schema):
    whole = {"allOf": [schema], "components": description()["components"]}
    return [error.message for error in OAS30Validator(whole).iter_errors(value)]


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_a_call_is_described(path, method, operation):
    assert operation["summary"]
    assert operation["description"]
    (tag,) = operation["tags"]
    assert tag in [known["name"] for known in description()["tags"]]


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_its_examples_are_what_is_promised(path, method, operation):
    for what, content in bodies(operation):
        if what == "request" and path == "/upload":
            # Bytes of an image.
            continue
        given = examples(content)
        assert given, f"{what} of {method} {path} has no example"
        for value in given:
            assert errors_of(value, content["schema"]) == []


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_all_its_answers_tell_the_correlation_id(path, method, operation):
    for status, response in operation["responses"].items():
        assert "X-Request-ID" in resolved(response)["headers"], status
    assert {"400", "405", "429", "503"} <= set(operation["responses"])
    if "requestBody" in operation:
        assert {"411", "413", "415"} <= set(operation["responses"])


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_who_may_make_it_is_said(path, method, operation):
    if not operation.get("security") or {} in operation["security"]:
        assert "x-required-scope" not in operation
        return
    scope = operation["x-required-scope"]
    assert f"Scope: `{scope}`" in operation["description"]
    assert {"401", "403"} <= set(operation["responses"])


def test_every_call_of_the_api_is_in_it():
    known = {re.sub(r"{\w+}", "{}", path) for path in description()["paths"]}
    missing = [
        (address, name)
        for address, name in api_addresses()
        if address not in known and name not in UNDESCRIBED
    ]
    # The webhook's other address has its secret in it.
    assert missing == [("/jotform/{}", None)]


def api_addresses():
    """Addresses of all views of Django REST framework, `{}` for each part that varies."""
    for patterns in get_resolver().url_patterns:
        for pattern in getattr(patterns, "url_patterns", [patterns]):
            if isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
                address = re.sub(r"\(\?P<\w+>[^)]*\)", "{}", pattern.pattern.regex.pattern)
                yield "/" + address.strip("^$").replace("/?", "").replace("\\", ""), pattern.name


def test_it_is_served(client, db):
    assert client.get("/openapi.json").json()["paths"] == description()["paths"]


def test_its_examples_name_nobody_who_may_exist():
    text = json.dumps(description(), ensure_ascii=False)
    assert "Paciente Fictício" in text
    for address in re.findall(r"[\w.]+@[\w.]+\.\w+", text):
        assert address.split("@")[1] in ("example.org", "example.com")
