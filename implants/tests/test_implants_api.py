import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image

from implants.models import Implant, ReferenceImage

pytestmark = pytest.mark.django_db

LINES = [
    {"manufacturer": "Neodent", "name": "Helix GM", "connection": "morse_taper", "level": "bone"},
    {"manufacturer": "Nobel Biocare", "name": "NobelActive", "connection": "internal_conical"},
    {"manufacturer": "Straumann", "name": "BLX", "connection": "internal_conical"},
    {"manufacturer": "Straumann", "name": "Standard", "level": "tissue", "type": "Synocta"},
    {"manufacturer": "Zimmer", "name": "Tapered Screw-Vent", "connection": "internal_hex"},
]
NAMES = [line["name"] for line in LINES]


@pytest.fixture
def implants() -> list[Implant]:
    return [Implant.objects.create(**line) for line in LINES]


def names(client: Client, address: str) -> list[str]:
    response = client.get(address)
    assert response.status_code == 200, response.content
    return [row["name"] for row in response.json()]


def add_reference(
    implant: Implant, content: bytes, error: str = "", provenance: str = "clinic"
) -> ReferenceImage:
    reference = ReferenceImage(implant=implant, error=error, provenance=provenance)
    reference.file.save("", ContentFile(content), save=False)
    reference.save()
    return reference


@contextmanager
def body(client: Client, address: str) -> Iterator[tuple[Any, bytes]]:
    response = client.get(address)
    try:
        yield response, b"".join(response.streaming_content)
    finally:
        response.close()


@pytest.mark.parametrize("address", ["/implants", "/implants/"])
def test_the_catalogue_is_a_bare_list_that_anybody_may_read(
    client: Client, implants: list[Implant], address: str
) -> None:
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["X-Total-Count"] == "5"
    rows = response.json()
    assert [row["name"] for row in rows] == NAMES
    assert rows[3] == {
        "id": implants[3].pk,
        "name": "Standard",
        "manufacturer": "Straumann",
        "type": "Synocta",
        "image_url": None,
        "diameter_mm": None,
        "length_mm": None,
        "platform_diameter_mm": None,
        "body_shape": "",
        "connection": "",
        "level": "tissue",
        "collar": "",
        "thread": "",
        "apex": "",
        "platform_switching": "",
        "source": "",
    }


def test_sizes_are_numbers(client: Client) -> None:
    Implant.objects.create(manufacturer="A", name="B", diameter_mm="4.3", length_mm="10")
    (row,) = client.get("/implants").json()
    assert (row["diameter_mm"], row["length_mm"]) == (4.3, 10.0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=2", NAMES[:2]),
        ("skip=3", NAMES[3:]),
        ("skip=1&limit=2", NAMES[1:3]),
        ("skip=5", []),
        ("skip=99999999999999999999999", []),
        ("limit=0", []),
        ("limit=100000000000", NAMES),
    ],
)
def test_skip_and_limit_cut_a_piece_out_of_the_list(
    client: Client, implants: list[Implant], query: str, expected: list[str]
) -> None:
    response = client.get(f"/implants?{query}")
    assert [row["name"] for row in response.json()] == expected
    assert response["X-Total-Count"] == "5"


@pytest.mark.parametrize("value", ["-1", "x", "", "1.5", "%C2%B2", "%D9%A3", "1e3", "%00", " 2"])
@pytest.mark.parametrize("name", ["skip", "limit"])
def test_a_skip_or_limit_that_is_no_number_is_refused(
    client: Client, implants: list[Implant], name: str, value: str
) -> None:
    response = client.get(f"/implants?{name}={value}")
    assert response.status_code == 400
    assert response.json()[name][0].endswith(".")


@pytest.mark.parametrize(
    "query",
    ["skip=1&skip=2", "unknown=1", "Manufacturer=Straumann", "level=bone&level=tissue", "level="],
)
def test_a_parameter_that_would_not_be_minded_is_refused(
    client: Client, implants: list[Implant], query: str
) -> None:
    response = client.get(f"/implants?{query}")
    assert response.status_code == 400
    assert list(response.json()) == [query.split("=")[0]]


def test_a_number_of_thousands_of_digits_is_no_server_error(
    client: Client, implants: list[Implant]
) -> None:
    digits = "9" * 5000
    assert names(client, f"/implants?limit={digits}") == NAMES
    assert names(client, f"/implants?skip={digits}") == []


def test_one_answer_holds_at_most_five_hundred_implants(client: Client) -> None:
    Implant.objects.bulk_create(
        [Implant(manufacturer="A", name=f"Line {number:03}") for number in range(501)]
    )
    assert len(names(client, "/implants")) == 100
    response = client.get("/implants?limit=501")
    assert (len(response.json()), response["X-Total-Count"]) == (500, "501")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("manufacturer=straumann", ["BLX", "Standard"]),
        ("manufacturer=straum", []),
        ("connection=internal_conical", ["NobelActive", "BLX"]),
        ("connection=internal_conical&manufacturer=Straumann", ["BLX"]),
        ("level=tissue", ["Standard"]),
        ("search=screw", ["Tapered Screw-Vent"]),
        ("search=nobel+active", ["NobelActive"]),
        ("search=nobel+standard", []),
        ("search=SYNOCTA", ["Standard"]),
        ("search=%25", []),
        ("search=", NAMES),
    ],
)
def test_filters_and_search_narrow_the_list(
    client: Client, implants: list[Implant], query: str, expected: list[str]
) -> None:
    response = client.get(f"/implants?{query}")
    assert [row["name"] for row in response.json()] == expected
    assert response["X-Total-Count"] == str(len(expected))


@pytest.mark.parametrize(
    "query", ["connection=glue", "level=sea", "search=%00", "manufacturer=%00", "apex=%00"]
)
def test_a_filter_value_that_cannot_be_is_the_sender_s_mistake(
    client: Client, implants: list[Implant], query: str
) -> None:
    response = client.get(f"/implants?{query}")
    assert response.status_code == 400
    assert list(response.json()) == [query.split("=")[0]]


def test_an_inactive_implant_is_nowhere_to_be_seen(client: Client, implants: list[Implant]) -> None:
    Implant.objects.filter(pk=implants[2].pk).update(is_active=False)
    response = client.get("/implants")
    assert "BLX" not in [row["name"] for row in response.json()]
    assert response["X-Total-Count"] == "4"
    assert client.get(f"/implants/{implants[2].pk}").status_code == 404


@pytest.mark.parametrize("end", ["", "/"])
def test_one_implant_is_given_by_its_id(client: Client, implants: list[Implant], end: str) -> None:
    response = client.get(f"/implants/{implants[1].pk}{end}")
    assert response.status_code == 200
    assert response.json()["name"] == "NobelActive"


@pytest.mark.parametrize("number", ["0", "999999999999999999"])
def test_an_id_that_nobody_has_is_refused_in_json(client: Client, number: str) -> None:
    response = client.get(f"/implants/{number}")
    assert response.status_code == 404
    assert list(response.json()) == ["detail"]
    assert isinstance(response.json()["detail"], str)


@pytest.mark.parametrize("rest", ["abc", "-1", "9" * 30, "1.0"])
def test_an_address_that_is_no_id_is_not_found(client: Client, rest: str) -> None:
    assert client.get(f"/implants/{rest}").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written_through_the_catalogue(
    client: Client, implants: list[Implant], method: str
) -> None:
    for address in ("/implants", f"/implants/{implants[0].pk}"):
        response = getattr(client, method)(address)
        assert response.status_code == 405
        assert list(response.json()) == ["detail"]
    assert Implant.objects.count() == len(LINES)


def test_the_picture_is_a_jpeg_that_anybody_may_fetch(
    client: Client, implants: list[Implant], film: Callable[..., bytes]
) -> None:
    shown = film(seed=1)
    add_reference(implants[2], shown)
    add_reference(implants[2], film(seed=2))
    (row,) = client.get("/implants?search=blx").json()
    assert row["image_url"].startswith("http://testserver/implants/")
    with body(client, row["image_url"]) as (response, content):
        assert response.status_code == 200
        assert response["Content-Type"] == "image/jpeg"
        assert content == shown
    assert Image.open(io.BytesIO(content)).format == "JPEG"


def test_the_address_of_the_picture_names_the_host_that_was_asked(
    client: Client, implants: list[Implant], film: Callable[..., bytes]
) -> None:
    add_reference(implants[2], film())
    row = client.get(f"/implants/{implants[2].pk}", headers={"host": "localhost:8123"}).json()
    assert row["image_url"] == f"http://localhost:8123/implants/{implants[2].pk}/picture"


def test_a_film_that_cannot_be_read_is_nobody_s_picture(
    client: Client, implants: list[Implant], film: Callable[..., bytes]
) -> None:
    damaged = add_reference(implants[2], b"not a film", error="damaged")
    assert client.get(f"/implants/{implants[2].pk}").json()["image_url"] is None
    assert client.get(f"/implants/{implants[2].pk}/picture").status_code == 404
    good = film(seed=2)
    add_reference(implants[2], good)
    address = client.get(f"/implants/{damaged.implant_id}").json()["image_url"]
    with body(client, address) as (_response, content):
        assert content == good


def test_a_patients_film_is_nobody_s_picture(
    client: Client, implants: list[Implant], film: Callable[..., bytes]
) -> None:
    shown = implants[2]
    add_reference(shown, film(seed=1), provenance="case")
    assert shown.picture is not None
    assert client.get(f"/implants/{shown.pk}").json()["image_url"] is None
    assert client.get(f"/implants/{shown.pk}/picture").status_code == 404
    public = film(seed=2)
    add_reference(shown, public, provenance="manufacturer")
    address = client.get(f"/implants/{shown.pk}").json()["image_url"]
    with body(client, address) as (_response, content):
        assert content == public


def test_an_implant_that_is_not_offered_any_more_has_no_public_picture(
    client: Client, implants: list[Implant], film: Callable[..., bytes]
) -> None:
    shown = implants[2]
    add_reference(shown, film())
    Implant.objects.filter(pk=shown.pk).update(is_active=False)
    assert client.get(f"/implants/{shown.pk}/picture").status_code == 404


def test_a_picture_whose_file_is_gone_is_not_found(
    client: Client, implants: list[Implant], film: Callable[..., bytes]
) -> None:
    reference = add_reference(implants[2], film())
    reference.file.storage.delete(str(reference.file.name))
    assert client.get(f"/implants/{implants[2].pk}/picture").status_code == 404


@pytest.mark.parametrize("number", ["0", "999999999999999999"])
def test_there_is_no_picture_of_an_implant_that_is_not_there(client: Client, number: str) -> None:
    assert client.get(f"/implants/{number}/picture").status_code == 404


def test_the_whole_list_costs_a_fixed_number_of_queries(
    client: Client,
    implants: list[Implant],
    film: Callable[..., bytes],
    django_assert_num_queries: Any,
) -> None:
    for number, implant in enumerate(implants):
        add_reference(implant, film(seed=number))
    with django_assert_num_queries(3):
        client.get("/implants")
